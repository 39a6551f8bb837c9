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
  /** Makes the runtime collect its garbage soon. Default {@linkcode collectGarbage}. */
  readonly collect?: () => void;
}

/** How long one reading is good for, milliseconds: a reading costs some 16 µs, an admission less. */
const SAMPLE_MS = 250;

/** Least time between two collections, milliseconds: one may stop everything for some 100 ms. */
const COLLECT_MS = 5_000;

/**
 * Memory that is asked for and never touched, bytes: it takes none of the machine's, and V8 counts it
 * as held from outside of its heap, of which it allows 64 MiB before it collects everything.
 */
const PRESSURE_BYTES = 64 * 1024 * 1024;

/** Resident memory, read on demand and at most four times a second. Holds no timer. */
export class MemoryGauge {
  readonly #read: () => number;
  readonly #limitBytes: number;
  readonly #now: () => number;
  readonly #collect: () => void;
  #bytes = 0;
  #sampledAtMs = Number.NEGATIVE_INFINITY;
  #collectedAtMs = Number.NEGATIVE_INFINITY;

  /** Reads nothing yet. */
  constructor(options: MemoryGaugeOptions) {
    this.#read = options.read;
    this.#limitBytes = options.limitBytes;
    this.#now = options.now ?? (() => performance.now());
    this.#collect = options.collect ?? collectGarbage;
  }

  /** Resident memory, bytes, at most 250 ms old. */
  get bytes(): number {
    const nowMs = this.#now();
    if (nowMs - this.#sampledAtMs >= SAMPLE_MS) {
      this.#bytes = this.#read();
      this.#sampledAtMs = nowMs;
      if (this.#bytes > this.#limitBytes) this.#giveBackGarbage(nowMs);
    }
    return this.#bytes;
  }

  /** Whether resident memory is over its limit: then new sockets are refused. */
  get over(): boolean {
    return this.bytes > this.#limitBytes;
  }

  /**
   * Garbage is no load. A message of hundreds of megabytes that was refused long ago would stay where a
   * quiet server has no reason to collect, and nobody would get in any more.
   */
  #giveBackGarbage(nowMs: number): void {
    if (nowMs - this.#collectedAtMs < COLLECT_MS) return;
    this.#collectedAtMs = nowMs;
    this.#collect();
  }
}

/** The first of the two reaches V8's bound, the second goes over it. Deno has no call for it. */
function collectGarbage(): void {
  for (let times = 1; times <= 2; times++) new ArrayBuffer(PRESSURE_BYTES);
}
