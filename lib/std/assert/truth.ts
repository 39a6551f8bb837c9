/**
 * Assertions on one value.
 *
 * @module
 */
import { AssertionError, refuse } from "./assertion_error.ts";
import { format } from "./format.ts";

/** What `Boolean` makes false. */
export type Falsy = false | 0 | 0n | "" | null | undefined;

/** Any class, abstract ones included. */
// deno-lint-ignore no-explicit-any -- the only type that every constructor is assignable to
export type AnyConstructor = abstract new (...args: any[]) => any;

/** What a class constructs. */
export type GetConstructorType<T extends AnyConstructor> = InstanceType<T>;

/**
 * Holds where `expr` is truthy.
 *
 * @throws {AssertionError} If not.
 */
export function assert(expr: unknown, msg = ""): asserts expr {
  if (!expr) throw new AssertionError(msg);
}

/**
 * Holds where `expr` is falsy.
 *
 * @throws {AssertionError} If not.
 */
export function assertFalse(expr: unknown, msg = ""): asserts expr is Falsy {
  if (expr) throw new AssertionError(msg);
}

/**
 * Holds where `actual` is neither `null` nor `undefined`.
 *
 * @throws {AssertionError} If not.
 */
export function assertExists<T>(actual: T, msg?: string): asserts actual is NonNullable<T> {
  if (actual === null || actual === undefined) {
    refuse(`Expected actual: "${actual}" to not be null or undefined`, msg);
  }
}

/**
 * Holds where `actual` is an instance of the class.
 *
 * @throws {AssertionError} If not.
 */
export function assertInstanceOf<T extends AnyConstructor>(
  actual: unknown,
  expectedType: T,
  msg = "",
): asserts actual is GetConstructorType<T> {
  if (actual instanceof expectedType) return;
  const wanted = expectedType.name || "an anonymous class";
  refuse(`Expected object to be an instance of "${wanted}" but was ${nameOf(actual)}`, msg);
}

/**
 * Says that the test must not come here.
 *
 * @throws {AssertionError} Always.
 */
export function fail(msg?: string): never {
  refuse("Failed assertion", msg);
}

/**
 * Says that no program can come here.
 *
 * @throws {AssertionError} Always.
 */
export function unreachable(reason?: string): never {
  refuse("Unreachable", reason);
}

function nameOf(value: unknown): string {
  const name = typeof value === "object" && value !== null ? value.constructor?.name : undefined;
  return name === undefined ? format(value) : `"${name}"`;
}
