/**
 * The store's answer to health checks, asked for at most once a second however
 * many ask.
 *
 * @module
 */
import type { ServiceProbe } from "./health.ts";
import type { Store } from "../threads/store.ts";

/** How long an answer holds, milliseconds. */
const FRESH_MS = 1_000;

const SERVICE = { name: "store", critical: true } as const;

/** Probes one store. */
export class StoreProbe {
  readonly #store: Store;
  #askedMs = Number.NEGATIVE_INFINITY;
  #answer: Promise<ServiceProbe[]> = Promise.resolve([]);

  /** Probes `store`, which stays its opener's. */
  constructor(store: Store) {
    this.#store = store;
  }

  /** Asks, or gives the answer of a moment ago. Never rejects. */
  ask(): Promise<ServiceProbe[]> {
    // A lost store is probed by itself; a health check must neither wait for it nor repeat what
    // was found before.
    if (!this.#store.available) {
      this.#askedMs = Number.NEGATIVE_INFINITY;
      return Promise.resolve([{ ...SERVICE, ok: false, durationMs: 0 }]);
    }
    const nowMs = performance.now();
    if (nowMs - this.#askedMs >= FRESH_MS) {
      this.#askedMs = nowMs;
      this.#answer = this.#probe(nowMs);
    }
    return this.#answer;
  }

  async #probe(startedMs: number): Promise<ServiceProbe[]> {
    try {
      await this.#store.probe();
      return [{ ...SERVICE, ok: true, durationMs: performance.now() - startedMs }];
    } catch (error) {
      return [{ ...SERVICE, ok: false, durationMs: performance.now() - startedMs, error }];
    }
  }
}
