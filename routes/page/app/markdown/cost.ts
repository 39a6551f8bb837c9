/**
 * Whether a block can be read as Markdown in a few milliseconds. Its reader takes the square of some
 * marks' number, and a stack frame for each level of a nested list or quote.
 *
 * @module
 */

/** Longest block that is read, characters. */
const MAX_LENGTH = 12_000;

/** Most marks in it that can open something: measured, some 15 ms at worst. */
const MAX_MARKS = 2_000;

const MARKS = /[[\]*_<>~`&\\]/g;

/** A line that opens a dozen lists or quotes at once. */
const DEEP = /^(?:[ \t]*(?:>|(?:[-*+]|\d{1,9}[.)])[ \t])){12}/m;

/** Whether `text` is read in a few milliseconds, whatever it holds. */
export function isCheap(text: string): boolean {
  if (text.length > MAX_LENGTH || DEEP.test(text)) return false;
  return text.length <= MAX_MARKS || (text.match(MARKS)?.length ?? 0) <= MAX_MARKS;
}
