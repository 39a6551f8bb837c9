/**
 * Assertions that order two values.
 *
 * @module
 */
import { refuse } from "./assertion_error.ts";
import { format } from "./format.ts";

/**
 * Holds where `actual > expected`.
 *
 * @throws {AssertionError} If not.
 */
export function assertGreater<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual > expected)) refuse(`Expect ${format(actual)} > ${format(expected)}`, msg);
}

/**
 * Holds where `actual >= expected`.
 *
 * @throws {AssertionError} If not.
 */
export function assertGreaterOrEqual<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual >= expected)) refuse(`Expect ${format(actual)} >= ${format(expected)}`, msg);
}

/**
 * Holds where `actual < expected`.
 *
 * @throws {AssertionError} If not.
 */
export function assertLess<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual < expected)) refuse(`Expect ${format(actual)} < ${format(expected)}`, msg);
}

/**
 * Holds where `actual <= expected`.
 *
 * @throws {AssertionError} If not.
 */
export function assertLessOrEqual<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual <= expected)) refuse(`Expect ${format(actual)} <= ${format(expected)}`, msg);
}
