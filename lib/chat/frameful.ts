/**
 * Cuts chunks into frames.
 *
 * @module
 */

/** Characters of chunks in one catch-up frame; between frames the reader's pace is awaited. */
const FRAME_CHARACTERS = 32_768;

/** The chunks from `from` on that fit one frame, at least one where there is any. */
export function frameful(chunks: readonly string[], from: number): readonly string[] {
  let to = from;
  let characters = 0;
  while (to < chunks.length && (to === from || characters < FRAME_CHARACTERS)) {
    characters += chunks[to++]!.length;
  }
  return chunks.slice(from, to);
}
