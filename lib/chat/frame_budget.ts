/**
 * How much one socket may send: a token bucket for its frames, and a count of
 * bad ones in a row.
 *
 * @module
 */
import { MAX_DROPPED_FRAMES } from "../limits.ts";

/** What becomes of a frame. `flooding` closes the socket. */
export type FrameVerdict = "take" | "drop" | "flooding";

/** Counts one socket's frames. */
export class FrameBudget {
  readonly #limits: {
    readonly framesPerSecond: number;
    readonly framesBurst: number;
    readonly badFrames: number;
  };
  readonly #now: () => number;
  #tokens: number;
  #refilledMs: number;
  #dropped = 0;
  #badInRow = 0;

  /** Starts with a full bucket. `now` is a clock that never goes back, milliseconds. */
  constructor(
    limits: { framesPerSecond: number; framesBurst: number; badFrames: number },
    now: () => number = monotonicMs,
  ) {
    this.#limits = limits;
    this.#now = now;
    this.#tokens = limits.framesBurst;
    this.#refilledMs = now();
  }

  /** Counts a frame on arrival. */
  arrived(): FrameVerdict {
    const { framesPerSecond, framesBurst } = this.#limits;
    const nowMs = this.#now();
    const refill = (nowMs - this.#refilledMs) * framesPerSecond / 1_000;
    this.#tokens = Math.min(framesBurst, this.#tokens + refill);
    this.#refilledMs = nowMs;
    if (this.#tokens >= 1) {
      this.#tokens--;
      return "take";
    }
    this.#dropped++;
    return this.#dropped >= MAX_DROPPED_FRAMES ? "flooding" : "drop";
  }

  /** Time until the bucket holds a frame again, milliseconds. */
  get retryAfterMs(): number {
    return Math.ceil((1 - Math.min(this.#tokens, 1)) * 1_000 / this.#limits.framesPerSecond);
  }

  /** Counts a frame that could be read. */
  good(): void {
    this.#badInRow = 0;
  }

  /** Counts a frame that could not; false where it was one too many. */
  bad(): boolean {
    this.#badInRow++;
    return this.#badInRow < this.#limits.badFrames;
  }
}

/** One for all of them. */
function monotonicMs(): number {
  return performance.now();
}
