/**
 * Assertions on text.
 *
 * @module
 */
import { refuse } from "./assertion_error.ts";

/**
 * Holds where `actual` matches the expression.
 *
 * @throws {AssertionError} If not.
 */
export function assertMatch(actual: string, expected: RegExp, msg?: string): void {
  if (!isMatch(actual, expected)) {
    refuse(`Expected actual: "${actual}" to match: "${expected}"`, msg);
  }
}

/**
 * Holds where `actual` does not match the expression.
 *
 * @throws {AssertionError} If not.
 */
export function assertNotMatch(actual: string, expected: RegExp, msg?: string): void {
  if (isMatch(actual, expected)) {
    refuse(`Expected actual: "${actual}" to not match: "${expected}"`, msg);
  }
}

/**
 * Holds where `actual` has `expected` in it.
 *
 * @throws {AssertionError} If not.
 */
export function assertStringIncludes(actual: string, expected: string, msg?: string): void {
  if (!actual.includes(expected)) {
    refuse(`Expected actual: "${actual}" to contain: "${expected}"`, msg);
  }
}

/** `RegExp.test` moves a sticky or global expression; a search does not. */
function isMatch(text: string, expression: RegExp): boolean {
  return text.search(expression) !== -1;
}
