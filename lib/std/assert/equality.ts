/**
 * Assertions that compare two values.
 *
 * @module
 */
import { refuse } from "./assertion_error.ts";
import { equal } from "./equal.ts";
import { format } from "./format.ts";

/**
 * Holds where both have the same structure ({@linkcode equal}).
 *
 * @throws {AssertionError} If not.
 */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  if (!equal(actual, expected)) refuse("Values are not equal", msg, { actual, expected });
}

/**
 * Holds where the two differ in structure.
 *
 * @throws {AssertionError} If not.
 */
export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  if (equal(actual, expected)) {
    refuse(`Expected actual: ${format(actual)} not to be: ${format(expected)}`, msg);
  }
}

/**
 * Holds where both are the same value (`Object.is`).
 *
 * @throws {AssertionError} If not.
 */
export function assertStrictEquals<T>(
  actual: unknown,
  expected: T,
  msg?: string,
): asserts actual is T {
  if (Object.is(actual, expected)) return;
  if (format(actual) === format(expected)) {
    refuse("Values have the same structure but are not reference-equal", msg);
  }
  refuse("Values are not strictly equal", msg, { actual, expected });
}

/**
 * Holds where the two are not the same value (`Object.is`).
 *
 * @throws {AssertionError} If not.
 */
export function assertNotStrictEquals<T>(actual: T, expected: T, msg?: string): void {
  if (Object.is(actual, expected)) {
    refuse(`Expected "actual" to not be strictly equal to: ${format(actual)}`, msg);
  }
}

/**
 * Holds where two numbers differ by at most `tolerance`, a ten-millionth of `expected` by default.
 *
 * @throws {AssertionError} If not.
 */
export function assertAlmostEquals(
  actual: number,
  expected: number,
  tolerance?: number,
  msg?: string,
): void {
  if (Object.is(actual, expected)) return;
  const allowed = tolerance ??
    (Number.isFinite(expected) ? Math.max(Math.abs(expected * 1e-7), Number.EPSILON) : 0);
  const distance = Math.abs(expected - actual);
  if (!(distance <= allowed)) {
    refuse(
      `Expected actual: "${actual}" to be close to "${expected}": ` +
        `delta "${distance}" is greater than "${allowed}"`,
      msg,
    );
  }
}

/**
 * Holds where `actual` has every value of `expected`, in any order.
 *
 * @throws {AssertionError} If not.
 */
export function assertArrayIncludes<T>(
  actual: ArrayLike<T>,
  expected: ArrayLike<T>,
  msg?: string,
): void {
  const present = Array.from(actual);
  const missing = Array.from(expected).filter((wanted) =>
    !present.some((value) => equal(value, wanted))
  );
  if (missing.length > 0) {
    refuse(
      `Expected actual: "${format(actual)}" to include: "${format(expected)}"` +
        `\nmissing: ${format(missing)}`,
      msg,
    );
  }
}

/**
 * Holds where `actual` has every property of `expected`, at every depth; it may have more.
 *
 * @throws {AssertionError} If not.
 */
export function assertObjectMatch(
  // deno-lint-ignore no-explicit-any -- upstream's signature: an interface has no index signature
  actual: Record<PropertyKey, any>,
  expected: Record<PropertyKey, unknown>,
  msg?: string,
): void {
  const part = select(actual, expected, new Map());
  if (!equal(part, expected)) {
    refuse("Object does not match", msg, { actual: part, expected });
  }
}

/** The part of `actual` that `expected` speaks of: only its keys, arrays and objects at every depth. */
function select(actual: unknown, expected: unknown, seen: Map<object, unknown>): unknown {
  if (!isContainer(actual) || !isContainer(expected)) return actual;
  const known = seen.get(expected);
  if (known !== undefined) return known;
  const part: object = Array.isArray(actual) ? [] : Object.create(Object.getPrototypeOf(actual));
  seen.set(expected, part);
  // An array that is shorter than expected must not look as long.
  for (const key of Reflect.ownKeys(expected)) {
    if (!(key in actual) || key === "length") continue;
    Reflect.set(part, key, select(Reflect.get(actual, key), Reflect.get(expected, key), seen));
  }
  return samePrototypeAs(expected, part);
}

/** A class instance matches a plain pattern of its properties. */
function samePrototypeAs(expected: object, part: object): object {
  if (Array.isArray(part) || Array.isArray(expected)) return part;
  return Object.setPrototypeOf(part, Object.getPrototypeOf(expected));
}

function isContainer(value: unknown): value is object {
  return typeof value === "object" && value !== null &&
    !(value instanceof Date || value instanceof RegExp || value instanceof URL ||
      value instanceof Map || value instanceof Set || value instanceof Error ||
      ArrayBuffer.isView(value) || value instanceof ArrayBuffer);
}
