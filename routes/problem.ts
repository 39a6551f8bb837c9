/**
 * Faults as problem documents (RFC 9457), the one place where an error becomes
 * an HTTP response.
 *
 * @module
 */
import { type AppError, ERRORS } from "../lib/errors.ts";
import { NO_DOCUMENT } from "../lib/security_headers.ts";
import type { Problem } from "../lib/http/problem.ts";

/** What a problem response carries besides its error. */
export interface ProblemOptions {
  readonly requestId: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Wait that a refusal names where nothing says how long it lasts, milliseconds. */
export const DEFAULT_RETRY_AFTER_MS = 1_000;

/** Wait where memory is over its limit, milliseconds: it takes a while until something is collected or shed. */
export const MEMORY_RETRY_MS = 5_000;

/** The response that tells a client of `error`. Its cause stays here. */
export function problemOf(error: AppError, { requestId, headers }: ProblemOptions): Response {
  const { status, title, retryable } = ERRORS[error.code];
  const waits = status === 429 || status === 503;
  const retryAfterMs = error.retryAfterMs ?? (waits ? DEFAULT_RETRY_AFTER_MS : undefined);
  const body: Problem = {
    type: `urn:drawbridge:problem:${error.code.toLowerCase().replaceAll("_", "-")}`,
    title,
    status,
    detail: error.detail,
    code: error.code,
    retryable,
    requestId,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
  return new Response(JSON.stringify(body), {
    status,
    headers: {
      "Content-Type": "application/problem+json",
      "Cache-Control": "no-store",
      // The refusals of a handshake have no middleware to set them.
      ...NO_DOCUMENT,
      "X-Request-Id": requestId,
      ...(waits ? { "Retry-After": String(Math.ceil((retryAfterMs ?? 0) / 1_000)) } : {}),
      ...headers,
    },
  });
}
