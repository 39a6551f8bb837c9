/**
 * Why something did not work, for whoever asked for it.
 *
 * @module
 */
import { ApiError } from "./api.ts";
import { SignedOutError } from "./tokens.ts";

/** One sentence or more. Browsers say of a network that is away only that something failed. */
export function reasonOf(error: unknown): string {
  if (error instanceof ApiError) {
    return /[.!?]$/.test(error.message) ? error.message : `${error.message}.`;
  }
  if (error instanceof SignedOutError) return "Nobody is signed in any more.";
  if (error instanceof DOMException && error.name === "TimeoutError") {
    return "The server did not answer.";
  }
  return "The server cannot be reached.";
}
