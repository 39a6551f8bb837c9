/**
 * What the tests of the start-up share.
 *
 * @module
 */
import type { FakeTime } from "@std/testing/time";

/** Jitter that takes nothing off and adds nothing. */
export const noJitter = (): number => 0;

/** The fake clock, read when called. */
export const fakeNow = (): number => Date.now();

/** A signal that never aborts. */
export const stays = (): AbortSignal => new AbortController().signal;

/**
 * Lets fake time pass in steps, so that what one timer wakes can set the next in
 * time. Timers that are multiples of `stepMs` apart fire when they are due.
 */
export async function elapse(time: FakeTime, ms: number, stepMs = 250): Promise<void> {
  for (let leftMs = ms; leftMs > 0; leftMs -= stepMs) {
    await time.tickAsync(Math.min(stepMs, leftMs));
  }
  await time.runMicrotasks();
}

/** Whether `promise` has settled, and how; reading it takes no time. */
export interface Watched<T> {
  /** The value, or undefined as long as there is none. */
  readonly value: T | undefined;
  /** Fake milliseconds since 1970 at which it came. */
  readonly atMs: number | undefined;
}

/** Watches a promise that must not reject. */
export function watch<T>(promise: Promise<T>): Watched<T> {
  const seen: { value: T | undefined; atMs: number | undefined } = {
    value: undefined,
    atMs: undefined,
  };
  void promise.then((value) => Object.assign(seen, { value, atMs: Date.now() }));
  return seen;
}

/** A run that answers only when told to. */
export class Scripted<T> {
  /** One for each run, in order. */
  readonly runs: (PromiseWithResolvers<T> & { readonly signal: AbortSignal })[] = [];
  /** To be used as a phase's `run`. */
  readonly run = ({ signal }: { signal: AbortSignal }): Promise<T> => {
    const settle = Promise.withResolvers<T>();
    this.runs.push({ ...settle, signal });
    return settle.promise;
  };
}

/** Lets that many microtasks pass. */
export async function microtasks(count: number): Promise<void> {
  for (let passed = 0; passed < count; passed++) await Promise.resolve();
}

/** Counts the listeners that a signal has at the moment. */
export function countListeners(signal: AbortSignal): () => number {
  const listeners = new Set<unknown>();
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (type: string, listener: EventListener, options?: object): void => {
    listeners.add(listener);
    add(type, listener, options);
  };
  signal.removeEventListener = (type: string, listener: EventListener): void => {
    listeners.delete(listener);
    remove(type, listener);
  };
  return () => listeners.size;
}
