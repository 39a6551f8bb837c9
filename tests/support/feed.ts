/**
 * Waiting for what comes one after another: log lines, frames, states.
 *
 * @module
 */
import { deadline } from "@std/async/deadline";
import { delay } from "@std/async/delay";

/** A test that waits longer than this hangs, milliseconds. It bounds nothing that a test asserts. */
export const HANG_MS = 30_000;

/** Time between two looks of {@linkcode eventually}, milliseconds. */
const LOOK_MS = 10;

/** Waits for `work`, and says what it waited for where that hangs. */
export async function orHang<T>(work: Promise<T>, what: string | (() => string)): Promise<T> {
  try {
    return await deadline(work, HANG_MS);
  } catch (error) {
    if (!(error instanceof DOMException && error.name === "TimeoutError")) throw error;
    throw new Error(`Waited ${HANG_MS} ms for ${typeof what === "string" ? what : what()}`);
  }
}

/** Looks until `look` yields something, and returns that. */
export async function eventually<T>(
  look: () => Promise<T | undefined> | T | undefined,
  what: string,
): Promise<T> {
  const over = new AbortController();
  const search = async (): Promise<T> => {
    while (true) {
      const found = await look();
      if (found !== undefined) return found;
      await delay(LOOK_MS, { signal: over.signal });
    }
  };
  try {
    return await orHang(search(), what);
  } finally {
    over.abort();
  }
}

/** What has come so far, in order, and what comes next. */
export class Feed<T> {
  readonly #items: T[] = [];
  #ended = false;
  #changed = Promise.withResolvers<void>();

  /** All that has come. */
  get items(): readonly T[] {
    return this.#items;
  }

  /** Adds the next one. */
  push(item: T): void {
    this.#items.push(item);
    this.#wake();
  }

  /** Nothing comes any more. */
  end(): void {
    this.#ended = true;
    this.#wake();
  }

  /** The place of the first that `matches`, at `from` or later; waits for it. `what` names it in failures. */
  async find(matches: (item: T) => boolean, { from = 0, what = "it" } = {}): Promise<number> {
    const recent = (): string => JSON.stringify(this.#items.slice(-5));
    const search = async (): Promise<number> => {
      for (let at = from;; at++) {
        while (at >= this.#items.length) {
          if (this.#ended) throw new Error(`It ended without ${what}, after ${recent()}`);
          await this.#changed.promise;
        }
        if (matches(this.#items[at]!)) return at;
      }
    };
    return await orHang(search(), () => `${what}, after ${recent()}`);
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
