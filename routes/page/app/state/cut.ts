/**
 * The beginning of a text.
 *
 * @module
 */

/** The first `length` characters of `text`; one less where the last would be half a character, such as of an emoji. */
export function cut(text: string, length: number): string {
  const isHalf = /[\uD800-\uDBFF]/.test(text.charAt(length - 1));
  return text.slice(0, isHalf && text.length > length ? length - 1 : length);
}
