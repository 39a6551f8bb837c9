/**
 * What is typed and not sent, one draft a thread, kept over reloads.
 *
 * @module
 */
import type { TextStorage } from "./unsent_store.ts";

/** Keeps drafts. */
export class Drafts {
  readonly #storage: TextStorage;
  readonly #prefix: string;

  /** For the drafts of `subject`. */
  constructor(storage: TextStorage, subject: string) {
    this.#storage = storage;
    this.#prefix = `drawbridge:draft:${subject}:`;
  }

  /** The draft of a thread; empty where there is none. */
  read(threadId: string): string {
    try {
      return this.#storage.getItem(this.#prefix + threadId) ?? "";
    } catch {
      return "";
    }
  }

  /** Keeps a draft; an empty one is forgotten. */
  write(threadId: string, text: string): void {
    try {
      if (text === "") this.#storage.removeItem(this.#prefix + threadId);
      else this.#storage.setItem(this.#prefix + threadId, text);
    } catch {
      // Full or forbidden: the text is still in its field.
    }
  }
}

/** What a field holds once a message comes back into it: behind what is typed there, which stays. */
export function withReturned(typed: string, returned: string): string {
  return typed.trim() === "" ? returned : `${typed.trimEnd()}\n\n${returned}`;
}
