/**
 * The one registry of close codes: who closes with what, and what a client does
 * then. Codes of errors come from `errors.ts`. Browser-safe.
 *
 * @module
 */
import { ERRORS, type ErrorShape } from "../errors.ts";

/** A close that belongs to no error code. */
export const CLOSES = {
  /** Binary frames (RFC 6455 §7.4.1). */
  unsupportedData: { code: 1003, reason: "Text frames only" },
  /** A frame over `LIMIT_FRAME_BYTES`. */
  tooBig: { code: 1009, reason: "Frame too large" },
  /** A reader that does not keep up, or the largest debtor where memory is short. */
  slowConsumer: { code: 1013, reason: "Slow consumer" },
} as const;

/** One close code as clients see it. */
export interface CloseNote {
  readonly code: number;
  /** Every reason that it comes with; none where the platform closes. */
  readonly reasons: readonly string[];
  /** When it comes. */
  readonly meaning: string;
  /** What a client does. */
  readonly client: string;
}

const NOTES: Readonly<Record<number, Pick<CloseNote, "meaning" | "client">>> = {
  1001: { meaning: "no answer to the server's pings for 30 s", client: "reconnects" },
  1003: { meaning: "a binary frame came", client: "has a bug: frames are JSON text" },
  1009: {
    meaning: "a frame was too large",
    client: "sends less, see `frameBytes` in `session.ready`",
  },
  1011: {
    meaning: "refused at the gate, or a fault; an `error` frame came before",
    client: "reconnects after the `error` frame's `retryAfterMs`",
  },
  1012: {
    meaning: "the instance shuts down; `session.draining` came before",
    client: "reconnects after `reconnectAfterMs`",
  },
  1013: { meaning: "more is unsent than the server holds", client: "reads faster, reconnects" },
  4400: { meaning: "too many bad frames in a row", client: "has a bug" },
  4401: {
    meaning: "the token has expired; an `error` frame `TOKEN_EXPIRED` came before",
    client: "gets a new token, reconnects",
  },
  4429: {
    meaning: "too many frames were dropped",
    client: "slows down, see `framesPerSecond`, reconnects",
  },
};

/** Every close code that the server uses, ascending. */
export function closeNotes(): CloseNote[] {
  const closes = [
    ...Object.values(CLOSES),
    ...Object.values<ErrorShape>(ERRORS).flatMap(({ closeCode: code, closeReason: reason }) =>
      code === undefined || reason === undefined ? [] : [{ code, reason }]
    ),
  ];
  return Object.entries(NOTES).map(([code, note]) => {
    const own = closes.filter((close) => close.code === Number(code));
    return { code: Number(code), reasons: [...new Set(own.map(({ reason }) => reason))], ...note };
  });
}

/** What a peer closes with where all is well, or no close frame came: RFC 6455 §7.4.1, and 0 of the platform's. */
const PEER_CLOSES: ReadonlySet<number> = new Set([0, 1000, 1001, 1005, 1006]);

/** What {@linkcode closeLabel} can say. */
export function closeLabels(): string[] {
  return [...new Set([...PEER_CLOSES, ...closeNotes().map(({ code }) => code)])].map(String)
    .concat("other");
}

/**
 * The code by which a close is counted: this side's own, whatever the peer answered. Of the peer's
 * only the usual ones: it may choose any other freely, and would fill the metric with them.
 */
export function closeLabel(own: number | null, peers: number): string {
  return String(own ?? (PEER_CLOSES.has(peers) ? peers : "other"));
}
