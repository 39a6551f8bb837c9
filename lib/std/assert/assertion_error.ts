/**
 * What a failed assertion throws.
 *
 * @module
 */
import { difference, format } from "./format.ts";

/** A criterion that did not hold. */
export class AssertionError extends Error {
  /** Makes an error that says `message`. */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "AssertionError";
  }
}

/** What {@linkcode refuse} says about the two sides. */
export interface Sides {
  /** What the test got. */
  readonly actual: unknown;
  /** What it should have got. */
  readonly expected: unknown;
}

/**
 * Throws "`complaint`: `message`", with the line-by-line difference of the two sides if given.
 *
 * @throws {AssertionError} Always.
 */
export function refuse(complaint: string, message?: string, sides?: Sides): never {
  const head = message ? `${complaint}: ${message}` : `${complaint}.`;
  if (sides === undefined) throw new AssertionError(head);
  const lines = difference(format(sides.actual), format(sides.expected));
  throw new AssertionError(`${head}\n\n    [Diff] -actual / +expected\n\n${lines}\n`);
}
