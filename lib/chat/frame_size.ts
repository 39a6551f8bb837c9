/**
 * How large a frame or a message is on the wire.
 *
 * @module
 */

const encoder = new TextEncoder();

/** Whether a text is longer than so many bytes of UTF-8. Most are told by their length alone. */
export function isLonger(text: string, bytes: number): boolean {
  if (text.length > bytes) return true;
  return text.length * 3 > bytes && encoder.encode(text).length > bytes;
}
