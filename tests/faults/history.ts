/**
 * What clients saw of a server, and what it had stored in the end: all that is
 * needed to say from outside whether the contract was kept.
 *
 * @module
 */
import type { Entry, RunPosition } from "../../lib/chat/protocol.ts";

/** One thing that a client did or saw on one socket. */
export type Observation =
  /** A `message.send` went out. */
  | {
    readonly kind: "sent";
    readonly ref: string;
    readonly threadId: string;
    readonly message: { readonly id: string; readonly text: string };
  }
  /** Its `ack` came. */
  | {
    readonly kind: "acked";
    readonly ref: string;
    readonly threadId: string;
    readonly seq: number;
    readonly runId: string;
    readonly duplicate: boolean;
  }
  /** An `error` came that answers the frame `ref`. */
  | { readonly kind: "refused"; readonly ref: string; readonly code: string }
  /** A `thread.open` went out. */
  | {
    readonly kind: "opening";
    readonly ref: string;
    readonly threadId: string;
    readonly afterSeq: number;
    readonly run: RunPosition | null;
  }
  /** Its `thread.opened` came. */
  | {
    readonly kind: "opened";
    readonly ref: string;
    readonly threadId: string;
    readonly headSeq: number;
    readonly activeRun: { readonly runId: string; readonly attempt: number } | null;
    readonly recovered: boolean;
  }
  | {
    readonly kind: "entry";
    readonly threadId: string;
    readonly seq: number;
    readonly entry: Entry;
  }
  /** One chunk, whichever kind of frame it came in. */
  | {
    readonly kind: "chunk";
    readonly threadId: string;
    readonly runId: string;
    readonly attempt: number;
    readonly index: number;
    readonly chunk: Chunk;
  }
  /** The socket is gone. */
  | { readonly kind: "closed"; readonly code: number };

/** One of the AI SDK's stream parts. */
export interface Chunk {
  readonly type: string;
  readonly [name: string]: unknown;
}

/** An {@linkcode Observation}, by whom and when. Events of one history are in the order in which they were seen. */
export type HistoryEvent = Observation & {
  readonly atMs: number;
  readonly subject: string;
  /** Names one connection; a reconnected client has another. */
  readonly socket: string;
};

/** An event of one kind. */
export type EventOf<Kind extends Observation["kind"]> = Extract<HistoryEvent, { kind: Kind }>;

/** A thread's whole log, read when everything was over. */
export interface FinalLog {
  readonly subject: string;
  readonly threadId: string;
  readonly headSeq: number;
  readonly entries: readonly { readonly seq: number; readonly entry: Entry }[];
}

/** All that was seen. */
export interface History {
  readonly events: readonly HistoryEvent[];
  /** When an instance died or was drained, on the clock of the events. */
  readonly deathsMs: readonly number[];
  readonly logs: readonly FinalLog[];
}

/** A word that says whose text it is in. It holds no space, so no chunk cuts it. */
export function marker(subject: string, threadId: string, number: number): string {
  return `<<${subject}/${threadId}/${number}>>`;
}

/** The subjects whose markers are in a text. */
export function subjectsIn(text: string): string[] {
  return [...text.matchAll(/<<([^/<>]+)\//g)].map((match) => match[1]!);
}

/** The text of an entry's parts. */
export function textOf(entry: Entry): string {
  if (entry.kind !== "message") return "";
  return entry.parts.map((part) => part.type === "text" ? String(part["text"]) : "").join("");
}
