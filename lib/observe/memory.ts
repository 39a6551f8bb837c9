/**
 * Knows whether the process nears the memory at which its host would end it.
 *
 * @module
 */

/** What a {@linkcode MemoryGauge} reads and compares. */
export interface MemoryGaugeOptions {
  /** Resident memory of the process now, bytes: `() => Deno.memoryUsage().rss`. */
  readonly read: () => number;
  /** `LIMIT_MEMORY_BYTES`. */
  readonly limitBytes: number;
  /** A clock that never goes back, milliseconds. Default `performance.now`. */
  readonly now?: () => number;
}

/** How long one reading is good for, milliseconds: a reading costs some 16 µs, an admission less. */
const SAMPLE_MS = 250;

/** Resident memory, read on demand and at most four times a second. Holds no timer. */
export class MemoryGauge {
  readonly #read: () => number;
  readonly #limitBytes: number;
  readonly #now: () => number;
  #bytes = 0;
  #sampledAtMs = Number.NEGATIVE_INFINITY;

  /** Reads nothing yet. */
  constructor(options: MemoryGaugeOptions) {
    this.#read = options.read;
    this.#limitBytes = options.limitBytes;
    this.#now = options.now ?? (() => performance.now());
  }

  /** Resident memory, bytes, at most 250 ms old. */
  get bytes(): number {
    const nowMs = this.#now();
    if (nowMs - this.#sampledAtMs >= SAMPLE_MS) {
      this.#bytes = this.#read();
      this.#sampledAtMs = nowMs;
    }
    return this.#bytes;
  }

  /** Whether resident memory is over its limit: then new sockets are refused. */
  get over(): boolean {
    return this.bytes > this.#limitBytes;
  }
}
