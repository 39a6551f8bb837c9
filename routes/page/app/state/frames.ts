/**
 * Work that is done once for all that happens until the next picture.
 *
 * @module
 */
/// <reference lib="dom" />

/** Wait where the page is hidden and no picture is drawn, milliseconds. */
const HIDDEN_MS = 250;

/** Returns a function that does `work` once before the next picture, however often it is called. */
export function oncePerFrame(work: () => void): () => void {
  let isPlanned = false;
  const run = (): void => {
    isPlanned = false;
    work();
  };
  return () => {
    if (isPlanned) return;
    isPlanned = true;
    // Where nothing is drawn at all, such as in a test, there is no document.
    if (globalThis.document?.hidden ?? true) setTimeout(run, HIDDEN_MS);
    else requestAnimationFrame(run);
  };
}
