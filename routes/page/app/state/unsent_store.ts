/**
 * Messages that the server has not acknowledged, kept over reloads: each goes out with the id that it
 * was first sent with, so that it is stored once.
 *
 * @module
 */

/** A message that is not stored by the server yet. */
export interface UnsentItem {
  readonly threadId: string;
  readonly id: string;
  readonly text: string;
  readonly atMs: number;
  /** Why the server does not take it; it then waits for its author. */
  readonly refusal?: string;
}

/** The part of `localStorage` that is used; it may throw where it is full or forbidden. */
export interface TextStorage {
  /** The text of `key`; null where there is none. */
  getItem(key: string): string | null;
  /** Keeps a text, over reloads. */
  setItem(key: string, value: string): void;
  /** Forgets a text. */
  removeItem(key: string): void;
}

/** Keeps what one subject has not sent yet. Several pages share it, so each change reads it anew. */
export class UnsentStore {
  readonly key: string;
  readonly #storage: TextStorage;
  /** What could not be written, or all of it where the storage is forbidden. */
  #memory: readonly UnsentItem[] | null = null;

  /** For the messages of `subject`. */
  constructor(storage: TextStorage, subject: string) {
    this.#storage = storage;
    this.key = `drawbridge:unsent:${subject}`;
  }

  /** All of them, in the order of their writing. */
  read(): readonly UnsentItem[] {
    if (this.#memory !== null) return this.#memory;
    try {
      return parse(this.#storage.getItem(this.key));
    } catch {
      return [];
    }
  }

  /** Adds one, or changes the one of that id. */
  put(item: UnsentItem): void {
    const items = this.read();
    const at = items.findIndex(({ id, threadId }) => id === item.id && threadId === item.threadId);
    this.#write(at === -1 ? [...items, item] : items.with(at, item));
  }

  /** Takes one out: it is stored, or given up. */
  remove({ id, threadId }: Pick<UnsentItem, "id" | "threadId">): void {
    this.#write(this.read().filter((one) => one.id !== id || one.threadId !== threadId));
  }

  /** Takes all of a thread out. */
  removeThread(threadId: string): void {
    this.#write(this.read().filter((one) => one.threadId !== threadId));
  }

  #write(items: readonly UnsentItem[]): void {
    try {
      if (items.length === 0) this.#storage.removeItem(this.key);
      else this.#storage.setItem(this.key, JSON.stringify(items));
      this.#memory = null;
    } catch {
      // Full or forbidden: it lasts as long as the page.
      this.#memory = items;
    }
  }
}

function parse(text: string | null): readonly UnsentItem[] {
  let value: unknown;
  try {
    value = JSON.parse(text ?? "[]");
  } catch {
    return [];
  }
  return Array.isArray(value) ? value.filter(isItem) : [];
}

function isItem(value: unknown): value is UnsentItem {
  const { threadId, id, text, atMs, refusal } = (value ?? {}) as Record<string, unknown>;
  return [threadId, id, text].every((field) => typeof field === "string") &&
    typeof atMs === "number" && (refusal === undefined || typeof refusal === "string");
}
