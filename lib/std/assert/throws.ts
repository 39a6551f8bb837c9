/**
 * Assertions on failures.
 *
 * @module
 */
import { AssertionError, refuse } from "./assertion_error.ts";

/** The class of an expected error, abstract ones included. */
// deno-lint-ignore no-explicit-any -- upstream's signature: any constructor's parameters
export type ErrorConstructorOf<E extends Error> = abstract new (...args: any[]) => E;

/**
 * Holds where `fn` throws, and returns what it threw.
 *
 * @throws {AssertionError} If it does not.
 */
export function assertThrows(fn: () => unknown, msg?: string): unknown;
/**
 * Holds where `fn` throws an instance of `ErrorClass` whose message has `msgIncludes` in it, and returns it.
 *
 * @throws {AssertionError} If it does not.
 */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  ErrorClass: ErrorConstructorOf<E>,
  msgIncludes?: string,
  msg?: string,
): E;
export function assertThrows<E extends Error>(
  fn: () => unknown,
  second?: ErrorConstructorOf<E> | string,
  msgIncludes?: string,
  msg?: string,
): unknown {
  const wanted = parse(second, msgIncludes, msg);
  let thrown: unknown;
  try {
    fn();
  } catch (error) {
    thrown = error;
    return check(thrown, wanted);
  }
  refuse("Expected function to throw", wanted.msg);
}

/**
 * Holds where the promise of `fn` is rejected, and resolves to the reason.
 *
 * @throws {AssertionError} If it is not, or if `fn` throws before it returns a promise.
 */
export function assertRejects(fn: () => PromiseLike<unknown>, msg?: string): Promise<unknown>;
/**
 * Holds where the promise of `fn` is rejected with an instance of `ErrorClass` whose message has
 * `msgIncludes` in it, and resolves to it.
 *
 * @throws {AssertionError} If it is not, or if `fn` throws before it returns a promise.
 */
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  ErrorClass: ErrorConstructorOf<E>,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;
export async function assertRejects<E extends Error>(
  fn: () => PromiseLike<unknown>,
  second?: ErrorConstructorOf<E> | string,
  msgIncludes?: string,
  msg?: string,
): Promise<unknown> {
  const wanted = parse(second, msgIncludes, msg);
  let promise: PromiseLike<unknown>;
  try {
    promise = fn();
  } catch {
    refuse("Function throws when expected to reject", wanted.msg);
  }
  try {
    await promise;
  } catch (error) {
    return check(error, wanted);
  }
  refuse("Expected function to reject", wanted.msg);
}

interface Wanted<E extends Error> {
  readonly ErrorClass: ErrorConstructorOf<E> | undefined;
  readonly msgIncludes: string | undefined;
  readonly msg: string | undefined;
}

function parse<E extends Error>(
  second: ErrorConstructorOf<E> | string | undefined,
  msgIncludes: string | undefined,
  msg: string | undefined,
): Wanted<E> {
  return typeof second === "string"
    ? { ErrorClass: undefined, msgIncludes: undefined, msg: second }
    : { ErrorClass: second, msgIncludes, msg };
}

function check<E extends Error>(
  thrown: unknown,
  { ErrorClass, msgIncludes, msg }: Wanted<E>,
): unknown {
  if (ErrorClass === undefined) return thrown;
  const cause = { cause: thrown };
  const suffix = msg ? `: ${msg}` : ".";
  if (!(thrown instanceof Error)) {
    throw new AssertionError(`A non-Error object was thrown${suffix}`, cause);
  }
  if (!(thrown instanceof ErrorClass)) {
    throw new AssertionError(
      `Expected error to be instance of "${ErrorClass.name}", ` +
        `but was "${thrown.constructor.name}": ${thrown.message}${suffix}`,
      cause,
    );
  }
  if (msgIncludes !== undefined && !thrown.message.includes(msgIncludes)) {
    throw new AssertionError(
      `Expected error message to include ${JSON.stringify(msgIncludes)}, ` +
        `but got ${JSON.stringify(thrown.message)}${suffix}`,
      cause,
    );
  }
  return thrown;
}
