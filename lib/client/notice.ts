/**
 * Something that others wait for, again and again.
 *
 * @module
 */
import { type Deferred, deferred } from "./wait.ts";

/** Wakes whoever waits, all at once. */
export class Notice {
  #waiting: Deferred<void> | null = null;

  /** Resolves at the next {@linkcode Notice.wake}. */
  wait(): Promise<void> {
    this.#waiting ??= deferred<void>();
    return this.#waiting.promise;
  }

  /** Wakes those who wait now. */
  wake(): void {
    this.#waiting?.resolve();
    this.#waiting = null;
  }
}
