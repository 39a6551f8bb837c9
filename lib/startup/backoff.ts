/**
 * When to try again: pure functions from what happened to a wait.
 *
 * @module
 */
import { PHASE_RETRY_DELAYS_MS, PHASE_RETRY_WINDOW_MS, RESTART_BACKOFF_MS } from "../limits.ts";

/** Yields numbers from 0 (inclusive) to 1 (exclusive), as `Math.random` does. */
export type Random = () => number;

/** Share of a wait that the jitter may take off, so that instances that failed together part. */
const JITTER = 0.25;

/**
 * The wait after the `failures`th failure in a row (from 1), milliseconds: 1 s
 * doubling to 30 s, less up to a quarter of it.
 */
export function restartBackoffMs(failures: number, random: Random): number {
  const { first, longest } = RESTART_BACKOFF_MS;
  const wholeMs = Math.min(first * 2 ** (failures - 1), longest);
  return Math.round(wholeMs * (1 - JITTER * random()));
}

/**
 * What a caller is told to wait where nobody knows how long it will take,
 * milliseconds: 1 s to 2 s, spread so that those refused together do not return as one.
 */
export function retrySoonMs(random: Random): number {
  return Math.round(RESTART_BACKOFF_MS.first * (1 + random()));
}

/**
 * The wait before a phase is tried again after its `errors`th error in a row (from
 * 1), the first of which was `sinceFirstMs` milliseconds ago; null where it has
 * failed for good: after the last retry, or once the window for retries is over.
 */
export function phaseRetryMs(errors: number, sinceFirstMs: number): number | null {
  const waitMs = PHASE_RETRY_DELAYS_MS[errors - 1];
  if (waitMs === undefined || sinceFirstMs + waitMs > PHASE_RETRY_WINDOW_MS) return null;
  return waitMs;
}
