/**
 * The one registry of error codes: what each means on HTTP, on a socket, and
 * whether trying again can help. Browser-safe: imports nothing.
 *
 * @module
 */

/** How one error code shows itself to a client. */
export interface ErrorShape {
  /** HTTP status of the problem document (RFC 9457). */
  readonly status: number;
  /** Short, fixed, human-readable summary; never holds request data. */
  readonly title: string;
  /** Whether the same request may succeed later, unchanged. */
  readonly retryable: boolean;
  /** WebSocket close code, where the error ends the socket (RFC 6455 §7.4). */
  readonly closeCode?: number;
  /** Close reason, at most 123 bytes of UTF-8 (RFC 6455 §5.5). */
  readonly closeReason?: string;
}

/** Every error code that a client can see. */
export const ERRORS = {
  STARTUP_INCOMPLETE: {
    status: 503,
    title: "Service startup incomplete",
    retryable: true,
    closeCode: 1011,
    closeReason: "Service startup incomplete",
  },
  SERVICE_UNAVAILABLE: {
    status: 503,
    title: "Service unavailable",
    retryable: true,
    closeCode: 1011,
    closeReason: "Service unavailable",
  },
  DRAINING: {
    status: 503,
    title: "Service restart",
    retryable: true,
    closeCode: 1012,
    closeReason: "Service restart",
  },
  ADMISSION_FULL: { status: 503, title: "No room for another connection", retryable: true },
  TOO_MANY_CONNECTIONS: {
    status: 429,
    title: "Too many connections for this subject",
    retryable: true,
  },
  UNAUTHENTICATED: { status: 401, title: "A valid token is required", retryable: false },
  TOKEN_EXPIRED: {
    status: 401,
    title: "The token has expired",
    retryable: false,
    closeCode: 4401,
    closeReason: "Token expired",
  },
  AUTH_UNAVAILABLE: { status: 503, title: "The key is not known yet", retryable: true },
  ORIGIN_NOT_ALLOWED: { status: 403, title: "This origin is not allowed", retryable: false },
  UNSUPPORTED_PROTOCOL: {
    status: 400,
    title: "None of the offered subprotocols is supported",
    retryable: false,
  },
  METHOD_NOT_ALLOWED: { status: 405, title: "Method not allowed", retryable: false },
  UPGRADE_REQUIRED: {
    status: 426,
    title: "A WebSocket upgrade is required",
    retryable: false,
  },
  INVALID_FRAME: {
    status: 400,
    title: "The frame is not valid",
    retryable: false,
    closeCode: 4400,
    closeReason: "Too many bad frames",
  },
  UNKNOWN_TYPE: {
    status: 400,
    title: "The frame type is unknown",
    retryable: false,
    closeCode: 4400,
    closeReason: "Too many bad frames",
  },
  INVALID_REQUEST: { status: 400, title: "The request is not valid", retryable: false },
  MESSAGE_TOO_LARGE: { status: 413, title: "The message is too large", retryable: false },
  RATE_LIMITED: {
    status: 429,
    title: "Too many frames",
    retryable: true,
    closeCode: 4429,
    closeReason: "Flooding",
  },
  NOT_FOUND: { status: 404, title: "Not found", retryable: false },
  RUN_ACTIVE: { status: 409, title: "A run is active in this thread", retryable: true },
  IDEMPOTENCY_CONFLICT: {
    status: 409,
    title: "This id was used before with another content",
    retryable: false,
  },
  TOO_MANY_RUNS: { status: 429, title: "Too many runs", retryable: true },
  STORE_UNAVAILABLE: { status: 503, title: "The store is unavailable", retryable: true },
  MODEL_UNAVAILABLE: { status: 503, title: "The model is unavailable", retryable: true },
  MODEL_TIMEOUT: { status: 503, title: "The model went silent", retryable: true },
  ANSWER_TOO_LARGE: { status: 413, title: "The answer is too large", retryable: false },
  INTERNAL: {
    status: 500,
    title: "Internal error",
    retryable: false,
    closeCode: 1011,
    closeReason: "Internal error",
  },
} as const satisfies Record<string, ErrorShape>;

/** A code of {@linkcode ERRORS}. */
export type ErrorCode = keyof typeof ERRORS;

/** Every code, in the order of {@linkcode ERRORS}. */
export const ERROR_CODES = Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]];

/** What an {@linkcode AppError} may carry besides its code. */
export interface AppErrorOptions extends ErrorOptions {
  /** One sentence for the client. It is sent as it is: no secret, path or user text. */
  detail?: string;
  /** When to try again, in milliseconds. */
  retryAfterMs?: number;
}

/**
 * A fault with a public face: thrown anywhere inside, mapped once at the edge
 * to a problem document or an `error` frame. Its `cause` stays in the logs.
 */
export class AppError extends Error {
  override readonly name = "AppError";
  /** The registry code. */
  readonly code: ErrorCode;
  /** One sentence that may be shown to the client. */
  readonly detail: string;
  /** When to try again, in milliseconds, where that helps. */
  readonly retryAfterMs: number | undefined;

  /** Makes an error of `code`; `detail` defaults to the registry's title. */
  constructor(code: ErrorCode, options: AppErrorOptions = {}) {
    const detail = options.detail ?? ERRORS[code].title;
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.detail = detail;
    this.retryAfterMs = options.retryAfterMs;
  }

  /** The registry entry of this error. */
  get shape(): ErrorShape {
    return ERRORS[this.code];
  }
}

/** The public face of anything thrown: an {@linkcode AppError} as it is, the rest as `INTERNAL`. */
export function toAppError(error: unknown): AppError {
  return error instanceof AppError ? error : new AppError("INTERNAL", { cause: error });
}
