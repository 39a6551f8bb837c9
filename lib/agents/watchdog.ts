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
}

/** Bounds each wait of a call, one after another, and ends the call when one was too long. */
export class Watchdog {
  readonly #controller = new AbortController();
  readonly #options: WatchdogOptions;
  /** Ends the wait that is under way. */
  #giveUp: (() => void) | null = null;
  /** For the work that is awaited: aborts with the caller's signal, on silence, and on `end`. */
  readonly signal: AbortSignal;

  /** Makes one for one call. It holds no timer between waits. */
  constructor(options: WatchdogOptions) {
    this.#options = options;
    this.signal = options.signal === undefined
      ? this.#controller.signal
      : AbortSignal.any([options.signal, this.#controller.signal]);
    // One for all waits: adding and removing it costs more than a wait.
    this.signal.addEventListener("abort", () => this.#giveUp?.(), { once: true });
  }

  /**
   * Settles as `work` does, unless the limit or the signal come first. The
   * work is then told through {@linkcode Watchdog.signal}; what it yields later is dropped.
   */
  wait<T>(work: PromiseLike<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => this.#controller.abort(this.#options.onSilence()),
        this.#options.limitMs,
      );
      const rest = () => {
        clearTimeout(timer);
        if (this.#giveUp === giveUp) this.#giveUp = null;
      };
      const giveUp = () => {
        rest();
        reject(this.signal.reason);
      };
      // Handled even where the wait is over already: a late rejection would end the process.
      work.then((value) => {
        rest();
        resolve(value);
      }, (error) => {
        rest();
        reject(error);
      });
      if (this.signal.aborted) giveUp();
      else this.#giveUp = giveUp;
    });
  }

  /** Tells the work that nobody waits any more. */
  end(reason?: unknown): void {
    this.#controller.abort(reason);
  }
}
