/**
 * The name of a request in answers and logs.
 *
 * @module
 */
import { ID_PATTERN } from "./limits.ts";

/** An id for a request: the client's own, where it is one of ours in form, or a new one. */
export function requestIdOf(headers: Headers): string {
  const given = headers.get("x-request-id");
  return given !== null && ID_PATTERN.test(given) ? given : crypto.randomUUID();
}
