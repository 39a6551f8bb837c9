/**
 * Cuts large deltas, so that no chunk is large enough to fill a slow reader's
 * buffer by itself.
 *
 * @module
 */
import type { Chunk } from "./model.ts";

/** Longest delta that is passed on in one chunk, UTF-16 units. */
const MAX_DELTA_LENGTH = 8_192;

/** The chunk itself, or several whose deltas join to its own. */
export function splitChunk(chunk: Chunk): readonly Chunk[] {
  if (chunk.type !== "text-delta" && chunk.type !== "reasoning-delta") return [chunk];
  const { delta } = chunk;
  if (delta.length <= MAX_DELTA_LENGTH) return [chunk];
  const parts: Chunk[] = [];
  for (let from = 0; from < delta.length;) {
    let to = Math.min(from + MAX_DELTA_LENGTH, delta.length);
    // A surrogate pair stays together.
    if (to < delta.length && !delta.slice(from, to).isWellFormed()) to--;
    parts.push({ ...chunk, delta: delta.slice(from, to) });
    from = to;
  }
  return parts;
}
