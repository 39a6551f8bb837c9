/**
 * What a client does when its socket has ended: the README's table of close codes as a function.
 *
 * @module
 */
import { backoffMs, type BackoffOptions } from "./backoff.ts";
import { DrawbridgeError, errorOf } from "./client_error.ts";
import type { LinkEnd } from "./link.ts";
import type { TokenReason } from "./tokens.ts";

/** What comes after the end of a socket. */
export type Verdict =
  /** Nothing: the client closes. */
  | { readonly kind: "stop"; readonly error: DrawbridgeError }
  /** Another try, with a token for that reason. */
  | {
    readonly kind: "retry";
    readonly delayMs: number;
    readonly reason: TokenReason;
    readonly error: DrawbridgeError | null;
  };

/** Bounds of the wait after flooding: longer than any other first wait, milliseconds. */
const FLOODING_MS = { least: 5_000, first: 10_000, longest: 60_000 } as const;

/** What the codes that only a fault of this client can cause mean; trying again repeats it. */
const FINAL: Readonly<Record<number, DrawbridgeError["code"]>> = {
  1003: "INVALID_FRAME",
  1009: "MESSAGE_TOO_LARGE",
  4400: "INVALID_FRAME",
};

/** Judges an end. `failures` counts it too, from 1. */
export function judge(end: LinkEnd, failures: number, backoff: BackoffOptions): Verdict {
  const { code, error: frame, reconnectAfterMs } = end;
  const error = frame === null ? null : errorOf(frame);
  const final = FINAL[code];
  if (final !== undefined) {
    const message = `The server closed the connection for good, with ${code}`;
    return { kind: "stop", error: error ?? new DrawbridgeError(final, message) };
  }
  const jitterMs = backoffMs(failures, backoff);
  if (code === 4401) return { kind: "retry", delayMs: 0, reason: "expired", error };
  if (code === 4429) {
    const { least, first: firstMs, longest: longestMs } = FLOODING_MS;
    const delayMs = least + backoffMs(failures, { ...backoff, firstMs, longestMs });
    return { kind: "retry", delayMs, reason: "connect", error };
  }
  if (!end.wasOpen) return { kind: "retry", delayMs: jitterMs, reason: "refused", error };
  // The server has spread these times itself.
  if (reconnectAfterMs !== null && failures === 1) {
    return { kind: "retry", delayMs: reconnectAfterMs, reason: "connect", error };
  }
  const leastMs = reconnectAfterMs ?? error?.retryAfterMs ?? 0;
  return { kind: "retry", delayMs: leastMs + jitterMs, reason: "connect", error };
}
