/**
 * The global functions of time, faked and put back.
 *
 * @module
 */
import fakeTimers from "npm:@sinonjs/fake-timers@^15.5.0";

/** The platform's own. */
export const real = {
  Date,
  setTimeout,
  clearTimeout,
  setInterval,
  clearInterval,
  abortSignalTimeout: AbortSignal.timeout,
};

/** Ids of fake timers start here; smaller ones are the platform's. */
const FIRST_FAKE_ID = 1e12;

// Own functions instead of `globalThis`: Deno shows npm packages Node's timers, so the package's
// `install()` would fake those. Number-returning ones make it return numbers too.
const library = fakeTimers.withGlobal({
  Date: real.Date,
  setTimeout: () => 0,
  clearTimeout: () => {},
  setInterval: () => 0,
  clearInterval: () => {},
});

/** A clock that stands still until it is told to move. */
export type Clock = ReturnType<typeof library.createClock>;

/** Makes a clock that shows `startMs`, milliseconds since 1970. */
export function createClock(startMs: number): Clock {
  return library.createClock(startMs);
}

/** Lets `clock` drive the global functions. */
export function fakeGlobals(clock: Clock): void {
  const setTimeout: typeof clock.setTimeout = (callback, ms = 0, ...args) => {
    // The package moves a nested zero delay to the next millisecond; upstream does not.
    const { duringTick = false } = clock;
    clock.duringTick = false;
    try {
      return clock.setTimeout(callback, ms, ...args);
    } finally {
      clock.duringTick = duringTick;
    }
  };
  Object.assign(globalThis, {
    Date: clock.Date,
    setTimeout,
    setInterval: ((callback, ms = 0, ...args) =>
      clock.setInterval(callback, Math.max(1, ms), ...args)) satisfies typeof clock.setInterval,
    // A timer from before is left alone, as upstream does; the package would warn on the console.
    clearTimeout: (id?: number) =>
      isFakeId(id) && clock.clearTimeout(id),
    clearInterval: (id?: number) => isFakeId(id) && clock.clearInterval(id),
  });
  AbortSignal.timeout = (ms: number): AbortSignal => {
    const controller = new AbortController();
    const onDue = (): void =>
      controller.abort(new DOMException("Signal timed out.", "TimeoutError"));
    setTimeout(onDue, ms);
    return controller.signal;
  };
}

/** Puts the platform's own back. */
export function restoreGlobals(): void {
  const { abortSignalTimeout, ...globals } = real;
  Object.assign(globalThis, globals);
  AbortSignal.timeout = abortSignalTimeout;
}

function isFakeId(id: number | undefined): id is number {
  return typeof id === "number" && id >= FIRST_FAKE_ID;
}
