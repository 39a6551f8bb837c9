/**
 * Time under a test's control.
 *
 * @module
 */
import type { DelayOptions } from "@std/async/delay";
import { type Clock, createClock, fakeGlobals, real, restoreGlobals } from "./globals.ts";

/** An error related to faking time. */
export class TimeError extends Error {
  /** Makes an error that says `message`. */
  constructor(message: string) {
    super(message);
    this.name = "TimeError";
  }
}

/** Options for {@linkcode FakeTime}. */
export interface FakeTimeOptions {
  /**
   * How fast fake time follows real time by itself; 1 is as fast.
   *
   * @default {0}
   */
  advanceRate: number;
  /**
   * How often it does, in real milliseconds.
   *
   * @default {10}
   */
  advanceFrequency?: number;
}

let current: FakeTime | undefined;

/**
 * Replaces `Date`, `setTimeout`, `setInterval`, what clears them, and `AbortSignal.timeout` with
 * ones that move only when told to, until it is restored or disposed of.
 */
export class FakeTime {
  readonly #clock: Clock;
  readonly #start: number;
  #advancing: number | undefined;

  /**
   * Fakes time from `start`, now by default.
   *
   * @throws {TimeError} If time is already faked, or `start` is no valid date.
   */
  constructor(start?: number | string | Date | null, options?: FakeTimeOptions) {
    if (current !== undefined) {
      throw new TimeError("Cannot construct FakeTime: time is already faked");
    }
    this.#start = Math.floor(new real.Date(start ?? real.Date.now()).getTime());
    if (Number.isNaN(this.#start)) {
      throw new TimeError(`Cannot construct FakeTime: invalid start ${start}`);
    }
    this.#clock = createClock(this.#start);
    current = this;
    fakeGlobals(this.#clock);
    const { advanceRate = 0, advanceFrequency = 10 } = options ?? {};
    if (advanceRate > 0) {
      const { setInterval } = real;
      const advance = (): void => this.tick(advanceRate * advanceFrequency);
      this.#advancing = Number(setInterval(advance, advanceFrequency));
    }
  }

  /**
   * Restores real time.
   *
   * @throws {TimeError} If time is not faked.
   */
  static restore(): void {
    if (current === undefined) throw new TimeError("Cannot restore time: time is not faked");
    current.restore();
  }

  /**
   * Restores real time until `callback` returns and resolves.
   *
   * @throws {TimeError} If time is not faked.
   */
  static async restoreFor<T, Args extends unknown[]>(
    callback: (...args: Args) => Promise<T> | T,
    ...args: Args
  ): Promise<T> {
    const time = current;
    if (time === undefined) throw new TimeError("Cannot restore time: time is not faked");
    restoreGlobals();
    try {
      return await callback(...args);
    } finally {
      fakeGlobals(time.#clock);
    }
  }

  /** Fake milliseconds since 1970. Setting it runs what is due on the way. */
  get now(): number {
    return this.#clock.now;
  }
  /** @throws {RangeError} If it would go backwards. */
  set now(value: number) {
    if (value < this.#clock.now) {
      throw new RangeError(`Cannot set time in the past: now ${this.now}, got ${value}`);
    }
    this.#clock.tick(value - this.#clock.now);
  }

  /** Where fake time began, milliseconds since 1970. */
  get start(): number {
    return this.#start;
  }

  /**
   * Resolves after `ms` milliseconds of real time.
   *
   * @throws {unknown} The signal's reason, when it aborts first.
   */
  async delay(ms: number, options: DelayOptions = {}): Promise<void> {
    const { signal } = options;
    const { setTimeout, clearTimeout } = real;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    signal?.throwIfAborted();
    const onAbort = (): void => reject(signal?.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    const timer = setTimeout(resolve, ms);
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    }
  }

  /** Runs all pending microtasks. */
  async runMicrotasks(): Promise<void> {
    await this.delay(0);
  }

  /** Moves time by `ms`, running what is due on the way. */
  tick(ms = 0): void {
    this.now += ms;
  }

  /** Runs all pending microtasks, then moves time by `ms`. */
  async tickAsync(ms = 0): Promise<void> {
    await this.runMicrotasks();
    this.now += ms;
  }

  /** Moves time to the next timer and runs it; false where there is none. */
  next(): boolean {
    if (this.#clock.countTimers() === 0) return false;
    this.#clock.next();
    this.#clock.tick(0); // the package runs one timer; all that are due at that instant belong to it
    return true;
  }

  /** Runs all pending microtasks, then as {@linkcode FakeTime.next}. */
  async nextAsync(): Promise<boolean> {
    await this.runMicrotasks();
    return this.next();
  }

  /** Runs timer after timer until none is left; an interval keeps it going until it is cleared. */
  runAll(): void {
    while (this.next());
  }

  /** As {@linkcode FakeTime.runAll}, with all pending microtasks before each timer. */
  async runAllAsync(): Promise<void> {
    while (this.#clock.countTimers() > 0) await this.nextAsync();
  }

  /**
   * Restores real time.
   *
   * @throws {TimeError} If time is not faked.
   */
  restore(): void {
    if (current === undefined) throw new TimeError("Cannot restore time: time is not faked");
    current = undefined;
    restoreGlobals();
    if (this.#advancing !== undefined) clearInterval(this.#advancing);
  }

  /** Restores real time at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.restore();
  }
}
