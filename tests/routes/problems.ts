/**
 * What tests of routes share: reading a problem document, and holding it against RFC 9457 and the
 * project's own rules.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { type ErrorCode, ERRORS } from "../../lib/errors.ts";

/** A problem document. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly requestId: string;
  readonly retryAfterMs?: number;
}

const MEMBERS = ["code", "detail", "requestId", "retryable", "status", "title", "type"];

/** Reads a refusal, which must be `code` in every part. */
export async function problemIn(response: Response, code: ErrorCode): Promise<Problem> {
  const text = await response.text();
  const { status, headers } = response;
  assertEquals([status, headers.get("content-type")], [
    ERRORS[code].status,
    "application/problem+json",
  ], text);
  const problem = JSON.parse(text) as Problem;
  const { title, retryable } = ERRORS[code];
  const { retryAfterMs, requestId, detail, type, ...fixed } = problem;
  assertEquals(fixed, { title, status, code, retryable });
  assertEquals(type, `urn:drawbridge:problem:${code.toLowerCase().replaceAll("_", "-")}`);
  assertEquals(requestId, headers.get("x-request-id"));
  assert(detail !== "" && requestId !== "", text);
  assertEquals(headers.get("cache-control"), "no-store");
  const retryAfter = headers.get("retry-after");
  if (status === 429 || status === 503) {
    assert(retryAfterMs !== undefined && retryAfterMs > 0, text);
    assertEquals(retryAfter, String(Math.ceil(retryAfterMs / 1_000)));
  } else assertEquals(retryAfter, null);
  const extra = retryAfterMs === undefined ? [] : ["retryAfterMs"];
  assertEquals(Object.keys(problem).sort(), [...MEMBERS, ...extra].sort());
  return problem;
}
