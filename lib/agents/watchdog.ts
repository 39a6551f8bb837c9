/**
 * Waiting for one thing after another, each for so long at most, until somebody leaves.
 *
 * @module
 */

/** What a {@linkcode Watchdog} watches. */
export interface WatchdogOptions {
  /** Longest single wait, milliseconds. */
  readonly limitMs: number;
  /** Ends every wait, with its reason. */
  readonly signal?: AbortSignal;
  /** Makes the error of a wait that was too long. */
  readonly onSilence: () => Error;
  /** A clock that never goes back, milliseconds; `performance.now` by default. */
  readonly now?: (() => number) | undefined;
}

/** Bounds each wait of a call, one after another, and ends the call when one was too long. */
export class Watchdog {
  readonly #controller = new AbortController();
  readonly #options: WatchdogOptions;
  readonly #now: () => number;
  /** Ends the wait that is under way. */
  #giveUp: ((reason: unknown) => void) | null = null;
  /** When it began. */
  #sinceMs = 0;
  /** One for many waits, each of which may be short. */
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** For the work that is awaited: aborts with the caller's signal, on silence, and on `end`. */
  readonly signal: AbortSignal;

  /** Makes one for one call, which ends with {@linkcode Watchdog.done} or {@linkcode Watchdog.end}. */
  constructor(options: WatchdogOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.signal = options.signal === undefined
      ? this.#controller.signal
      : AbortSignal.any([options.signal, this.#controller.signal]);
    // One for all waits: adding and removing it costs more than a wait.
    this.signal.addEventListener("abort", () => {
      this.done();
      this.#giveUp?.(this.signal.reason);
    }, { once: true });
  }

  /**
   * Settles as `work` does, unless the limit or the signal come first. The
   * work is then told through {@linkcode Watchdog.signal}; what it yields later is dropped.
   */
  wait<T>(work: PromiseLike<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    // Handled even where the wait is over already: a late rejection would end the process.
    work.then((value) => {
      this.#rest(reject);
      resolve(value);
    }, (error) => {
      this.#rest(reject);
      reject(error);
    });
    if (this.signal.aborted) reject(this.signal.reason);
    else {
      this.#giveUp = reject;
      this.#sinceMs = this.#now();
      if (this.#timer === undefined) this.#lookIn(this.#options.limitMs, reject);
    }
    return promise;
  }

  /** Nothing is waited for any more, and nothing went wrong. */
  done(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Tells the work that nobody waits any more. */
  end(reason?: unknown): void {
    this.#controller.abort(reason);
  }

  #rest(giveUp: (reason: unknown) => void): void {
    if (this.#giveUp === giveUp) this.#giveUp = null;
  }

  /** Looks when `waitFor` has lasted too long; waits that begin later may have time left then. */
  #lookIn(waitMs: number, waitFor: (reason: unknown) => void): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      const giveUp = this.#giveUp;
      if (giveUp === null) return;
      const restMs = this.#sinceMs + this.#options.limitMs - this.#now();
      if (giveUp !== waitFor && restMs > 0) this.#lookIn(restMs, giveUp);
      else this.#controller.abort(this.#options.onSilence());
    }, waitMs);
  }
}
