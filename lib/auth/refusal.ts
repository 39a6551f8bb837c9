/**
 * What a check of a request answers where it refuses: the error and the
 * response headers that belong to it.
 *
 * @module
 */
import { AppError, type ErrorCode } from "../errors.ts";

/** A refused request: what to answer, and with which headers beside the usual ones. */
export interface Refusal {
  /** Tells it from a check that passed. */
  readonly ok: false;
  /** What the problem document says. */
  readonly error: AppError;
  /** Response headers, e.g. `Allow` or `WWW-Authenticate`. */
  readonly headers: Readonly<Record<string, string>>;
}

/** What {@linkcode refuse} may say besides the code. */
export interface RefuseOptions {
  /** One sentence for the client; never holds what the client sent. */
  readonly detail?: string;
  /** None where left out. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Makes a refusal of `code`. */
export function refuse(code: ErrorCode, { detail, headers = {} }: RefuseOptions = {}): Refusal {
  return { ok: false, error: new AppError(code, detail === undefined ? {} : { detail }), headers };
}

/** The error names of RFC 6750 §3.1 that a challenge may carry. */
export type ChallengeError = "invalid_request" | "invalid_token";

/** A `WWW-Authenticate` header; without `error` where no credential came at all (RFC 6750 §3.1). */
export function challenge(error?: ChallengeError): Readonly<Record<string, string>> {
  const suffix = error === undefined ? "" : `, error="${error}"`;
  return { "WWW-Authenticate": `Bearer realm="drawbridge"${suffix}` };
}

/** The headers for an error that the verifier threw: a challenge on 401, none otherwise. */
export function challengeFor(error: AppError): Readonly<Record<string, string>> {
  return error.shape.status === 401 ? challenge("invalid_token") : {};
}
