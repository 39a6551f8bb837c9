/**
 * Where a start-up can be: as the barrier keeps it, and as health documents and metrics tell it.
 *
 * @module
 */

/** `starting` → `ready` | `failed` → `starting` …; `draining` is final. */
export const BARRIER_STATES = ["starting", "ready", "failed", "draining"] as const;

/** Where a start-up is. */
export type BarrierState = typeof BARRIER_STATES[number];
