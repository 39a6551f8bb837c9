/**
 * Timers longer than the platform's 2^31 - 1 ms, and their cancellation.
 *
 * @module
 */

/** Longest single `setTimeout`, milliseconds; a longer one fires at once (HTML, timer initialization steps). */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

/** How {@linkcode startTimer} runs. */
export interface TimerOptions {
  /** Whether the process stays alive for it. */
  persistent: boolean;
}

/** Calls `callback` once after `ms` (any non-negative number, `Infinity` too) and returns what cancels it. */
export function startTimer(callback: () => void, ms: number, options: TimerOptions): () => void {
  let remainingMs = Math.trunc(Math.max(ms, 0) || 0);
  let timer: number;
  const next = (): void => {
    const stepMs = Math.min(remainingMs, LONGEST_TIMEOUT_MS);
    remainingMs -= stepMs;
    timer = Number(setTimeout(remainingMs > 0 ? next : callback, stepMs));
    if (!options.persistent) Deno.unrefTimer(timer);
  };
  next();
  return () => clearTimeout(timer);
}
