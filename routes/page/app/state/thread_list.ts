/**
 * The list of threads at the side.
 *
 * @module
 */
/// <reference lib="dom" />
import { type ReadonlySignal, signal } from "@preact/signals";
import type { Api, ThreadSummary } from "./api.ts";

/** What the list shows. */
export interface ListedThreads {
  readonly threads: readonly ThreadSummary[];
  /** Null where there are no more. */
  readonly nextCursor: string | null;
  /** Whether it was read at least once. */
  readonly isRead: boolean;
  /** Whether the last try to read it failed. */
  readonly hasFailed: boolean;
}

/** Wait before a change is asked for, milliseconds: an answer's entries come in a row. */
const SETTLE_MS = 150;

/** The same subject's other pages in this browser. */
export interface ChangeChannel {
  /** Tells them that the list has changed. */
  tell(): void;
  /** Calls `listener` whenever one of them tells. */
  listen(listener: () => void): void;
  /** Tells and hears nothing any more. */
  close(): void;
}

/** What the list is read and changed through. */
export type ThreadApi = Pick<Api, "threads" | "rename" | "remove">;

/** Reads the list, and again when something may have changed it. */
export class ThreadList {
  readonly #api: ThreadApi;
  readonly #state = signal<ListedThreads>({
    threads: [],
    nextCursor: null,
    isRead: false,
    hasFailed: false,
  });
  readonly #channel: ChangeChannel;
  readonly #onGone: (id: string) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #reads = 0;
  #isOwnChange = false;

  /**
   * The list that `api` gives. `channel` is closed with it; `onGone` is told of threads that somebody
   * else has deleted.
   */
  constructor(api: ThreadApi, channel: ChangeChannel, onGone: (id: string) => void) {
    this.#api = api;
    this.#onGone = onGone;
    this.#channel = channel;
    channel.listen(() => this.#plan());
  }

  /** What it shows. */
  get state(): ReadonlySignal<ListedThreads> {
    return this.#state;
  }

  /** Something has changed: it is read again soon, by the other pages too. */
  changed(): void {
    this.#isOwnChange = true;
    this.#plan();
  }

  /** Reads the first page; threads further down stay as they are known. */
  async refresh(): Promise<void> {
    const read = ++this.#reads;
    try {
      const page = await this.#api.threads(null);
      if (read !== this.#reads) return;
      const before = this.#state.value;
      this.#state.value = { ...merge(page, before), isRead: true, hasFailed: false };
      const left = new Set(this.#state.value.threads.map(({ id }) => id));
      for (const { id } of before.threads) if (!left.has(id)) this.#onGone(id);
    } catch {
      // The connection's own notice says what is the matter; the next change reads it again.
      if (read === this.#reads) this.#state.value = { ...this.#state.value, hasFailed: true };
    }
  }

  /** Reads the next page. */
  async more(): Promise<void> {
    const { nextCursor } = this.#state.value;
    if (nextCursor === null) return;
    const page = await this.#api.threads(nextCursor);
    const known = new Set(this.#state.value.threads.map(({ id }) => id));
    const added = page.threads.filter(({ id }) => !known.has(id));
    this.#state.value = {
      ...this.#state.value,
      threads: [...this.#state.value.threads, ...added],
      nextCursor: page.nextCursor,
    };
  }

  /** Renames a thread, at once for its reader and then on the server; back again where that fails. */
  async rename(id: string, title: string): Promise<void> {
    const before = this.#state.value.threads.find((one) => one.id === id)?.title ?? null;
    this.#retitle(id, title);
    try {
      await this.#settle(this.#api.rename(id, title));
    } catch (error) {
      // A server that is away does not say what is.
      this.#retitle(id, before);
      throw error;
    }
  }

  /** Removes a thread, here once the server has. */
  async remove(id: string): Promise<void> {
    await this.#settle(this.#api.remove(id));
    this.#change((threads) => threads.filter((one) => one.id !== id));
  }

  /** Tells and hears nothing any more. */
  close(): void {
    clearTimeout(this.#timer);
    this.#reads++;
    this.#channel.close();
  }

  /** Whatever came of it, the server knows what is. */
  async #settle(work: Promise<void>): Promise<void> {
    try {
      await work;
    } finally {
      this.changed();
    }
  }

  #retitle(id: string, title: string | null): void {
    this.#change((threads) => threads.map((one) => one.id === id ? { ...one, title } : one));
  }

  #change(change: (threads: readonly ThreadSummary[]) => readonly ThreadSummary[]): void {
    this.#state.value = { ...this.#state.value, threads: change(this.#state.value.threads) };
  }

  #plan(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (this.#isOwnChange) this.#channel.tell();
      this.#isOwnChange = false;
      void this.refresh();
    }, SETTLE_MS);
  }
}

/** The first page as it is now, and what was read of further pages. */
export function merge(
  page: { readonly threads: readonly ThreadSummary[]; readonly nextCursor: string | null },
  before: Pick<ListedThreads, "threads" | "nextCursor" | "isRead">,
): Pick<ListedThreads, "threads" | "nextCursor"> {
  const last = page.threads.at(-1);
  if (page.nextCursor === null || last === undefined) return page;
  const fresh = new Set(page.threads.map(({ id }) => id));
  const older = before.threads.filter(({ id, updatedAt }) =>
    !fresh.has(id) && updatedAt < last.updatedAt
  );
  const hasMore = older.length === 0;
  return {
    threads: [...page.threads, ...older],
    nextCursor: hasMore ? page.nextCursor : before.nextCursor,
  };
}
