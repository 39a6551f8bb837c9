/**
 * The browser's storage, or one that lasts as long as the page where that is forbidden.
 *
 * @module
 */
/// <reference lib="dom" />
import type { TextStorage } from "./unsent_store.ts";

/** Keeps texts as long as it exists. */
export class MemoryStorage implements TextStorage {
  readonly #texts = new Map<string, string>();

  /** The text of `key`; null where there is none. */
  getItem(key: string): string | null {
    return this.#texts.get(key) ?? null;
  }

  /** Keeps a text. */
  setItem(key: string, value: string): void {
    this.#texts.set(key, value);
  }

  /** Forgets a text. */
  removeItem(key: string): void {
    this.#texts.delete(key);
  }
}

const memory = new MemoryStorage();

/** Reading `localStorage` alone throws where a browser blocks it. */
export function pageStorage(): TextStorage {
  try {
    return globalThis.localStorage ?? memory;
  } catch {
    return memory;
  }
}
