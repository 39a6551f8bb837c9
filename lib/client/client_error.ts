/**
 * What the client throws.
 *
 * @module
 */
import type { ErrorCode } from "../errors.ts";
import type { ServerFrameOf } from "./frames.ts";

/**
 * A code of the server's registry, or one of the client's own: `CONNECTION_LOST` where nobody can
 * tell whether the server did what it was asked for, `CLOSED` where the client was closed.
 */
export type ClientErrorCode = ErrorCode | "CONNECTION_LOST" | "CLOSED";

/** What a {@linkcode DrawbridgeError} may carry besides its code. */
export interface DrawbridgeErrorOptions extends ErrorOptions {
  /** Whether the same may succeed later, unchanged; false where left out. */
  readonly retryable?: boolean;
  /** When to try again, milliseconds. */
  readonly retryAfterMs?: number | undefined;
}

/** A request was refused, or the client has come to an end. */
export class DrawbridgeError extends Error {
  /** Tells it from other errors, also across bundles. */
  override readonly name = "DrawbridgeError";
  /** A newer server may know codes that this client does not. */
  readonly code: ClientErrorCode;
  /** Whether the same may succeed later, unchanged. */
  readonly retryable: boolean;
  /** When to try again, milliseconds, where the server says so. */
  readonly retryAfterMs: number | undefined;

  /** Makes an error of `code` that says `message`. */
  constructor(code: ClientErrorCode, message: string, options: DrawbridgeErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? false;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** The error that an `error` frame tells of. */
export function errorOf(
  { code, message, retryable, retryAfterMs }: ServerFrameOf<"error">,
): DrawbridgeError {
  return new DrawbridgeError(code as ErrorCode, message, { retryable, retryAfterMs });
}

/** Anything thrown, as one of ours. */
export function toDrawbridgeError(error: unknown): DrawbridgeError {
  return error instanceof DrawbridgeError
    ? error
    : new DrawbridgeError("INTERNAL", "The client failed", { cause: error });
}

/** Nobody can tell whether what was asked for was done. */
export function connectionLost(): DrawbridgeError {
  return new DrawbridgeError("CONNECTION_LOST", "The connection was lost", { retryable: true });
}
