/**
 * Leaving a stream whose source has been told to end.
 *
 * @module
 */
import { deadline } from "@std/async/deadline";

/** How long a source may take to end once it was told to, milliseconds. */
const END_MS = 5_000;

/**
 * Reads a stream to its end instead of cancelling it: on Deno 2.5 a transform
 * stream that is cancelled while a chunk is on its way throws where nobody can
 * catch it, and the process ends. The caller has aborted the source; one that
 * is deaf to that is cancelled after 5 s. Never rejects: how the stream ends is nobody's
 * business any more.
 */
export async function letGo<T>(reader: ReadableStreamDefaultReader<T>): Promise<void> {
  try {
    await deadline(readToEnd(reader), END_MS);
  } catch {
    await reader.cancel().catch(() => {});
  }
}

async function readToEnd<T>(reader: ReadableStreamDefaultReader<T>): Promise<void> {
  while (!(await reader.read()).done);
}
