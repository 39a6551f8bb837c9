/**
 * Threads as their owner sees them: create, list, rename, and read the log.
 * Appends belong to `run_log.ts`, deletion to `thread_removal.ts`.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import type { Thread, ThreadPage } from "../http/threads.ts";
import {
  activityKey,
  activityPrefix,
  entryKey,
  entryPrefix,
  headKey,
  type Incarnation,
} from "./keys.ts";
import { unpack } from "./pieces.ts";
import type { Entry, Packed, ThreadHead, ThreadRef } from "./records.ts";
import { put, type Store, type Stored } from "./store.ts";
import { type SizedEntry, Tails, withoutSize } from "./tails.ts";
import { type NumberedEntry, ThreadEdit } from "./thread_edit.ts";
import { transact } from "./transaction.ts";
import { VanishedError, whileThere } from "./vanished.ts";

export type { Thread, ThreadPage } from "../http/threads.ts";

/** Characters of entries after which a read stops: bounds what one reader makes the server hold. */
const READ_CHARACTERS = 1_000_000;

/** The threads of all subjects. */
export class ThreadLog {
  readonly #store: Store;
  readonly #tails: Tails;

  /** Reads and writes through `store`, which stays its opener's; `tails` are those that its instance wrote. */
  constructor(store: Store, tails: Tails = new Tails()) {
    this.#store = store;
    this.#tails = tails;
  }

  /**
   * Creates a thread. An id that its owner already uses gives that thread, unchanged.
   *
   * @throws {AppError} `STORE_UNAVAILABLE`
   */
  async create(
    ref: ThreadRef,
    { title }: { title: string | null },
  ): Promise<{ thread: Thread; created: boolean }> {
    let generation: string | null = null;
    return await transact<{ thread: Thread; created: boolean }>(
      this.#store,
      `create thread ${ref.threadId}`,
      async () => {
        const edit = await ThreadEdit.open(this.#store, ref);
        if (edit.exists) {
          const created = edit.head.generation === generation;
          return { done: { thread: toThread(ref.threadId, edit.head), created } };
        }
        generation = edit.head.generation;
        edit.head = { ...edit.head, title };
        edit.write(put(activityKey(ref, edit.head.updatedAtMs), ""));
        const thread = toThread(ref.threadId, edit.head);
        return { commit: edit.toCommit(), result: () => ({ thread, created: true }) };
      },
    );
  }

  /**
   * Reads a thread's head; `null` where its owner has no such thread.
   *
   * @throws {AppError} `STORE_UNAVAILABLE`
   */
  async head(ref: ThreadRef): Promise<ThreadHead | null> {
    return (await this.#store.get(headKey(ref))).value;
  }

  /**
   * Reads a thread.
   *
   * @throws {AppError} `NOT_FOUND`, `STORE_UNAVAILABLE`
   */
  async get(ref: ThreadRef): Promise<Thread> {
    return toThread(ref.threadId, await this.#require(ref));
  }

  /**
   * Lists a subject's threads, newest activity first.
   *
   * @throws {AppError} `INVALID_REQUEST` where `cursor` is none of ours, `STORE_UNAVAILABLE`
   */
  async list(
    subject: string,
    { limit, cursor }: { limit: number; cursor?: string | undefined },
  ): Promise<ThreadPage> {
    const prefix = activityPrefix(subject);
    const end = cursor === undefined ? undefined : [...prefix, ...parseCursor(cursor)];
    const rows = await this.#store.list({
      prefix,
      ...(end === undefined ? {} : { end }),
      limit: limit + 1,
      reverse: true,
    });
    const page = rows.slice(0, limit).map(({ key }) => key.slice(-2) as [number, string]);
    const threads: Thread[] = [];
    for (let from = 0; from < page.length; from += 10) {
      const ids = page.slice(from, from + 10).map(([, threadId]) => threadId);
      const heads = await this.#store.getMany(
        ids.map((threadId) => headKey({ subject, threadId })),
      );
      // A thread that was deleted between the two reads has no head.
      heads.forEach(({ value }, at) => value && threads.push(toThread(ids[at]!, value)));
    }
    const last = page.at(-1);
    const nextCursor = rows.length > limit && last ? formatCursor(last) : null;
    return { threads, nextCursor };
  }

  /**
   * Renames a thread. Its place in the list stays: a title is no activity.
   *
   * @throws {AppError} `NOT_FOUND`, `STORE_UNAVAILABLE`
   */
  async rename(ref: ThreadRef, title: string | null): Promise<Thread> {
    return await transact<Thread>(this.#store, `rename thread ${ref.threadId}`, async () => {
      const edit = await ThreadEdit.open(this.#store, ref);
      if (!edit.exists) throw new AppError("NOT_FOUND");
      edit.head = { ...edit.head, title };
      return { commit: edit.toCommit(), result: () => toThread(ref.threadId, edit.head) };
    });
  }

  /**
   * Reads entries in order, from the one behind `afterSeq`: `limit` at most, and
   * about 1 MB. `more` says that others may follow.
   *
   * @throws {AppError} `NOT_FOUND` where the thread is removed meanwhile, `STORE_UNAVAILABLE`
   */
  async entries(
    thread: Incarnation,
    { afterSeq, limit }: { afterSeq: number; limit: number },
  ): Promise<{ entries: NumberedEntry[]; more: boolean }> {
    const prefix = entryPrefix(thread);
    return await whileThere(this.#store, thread, async () => {
      const rows = await this.#store.list({ prefix, start: entryKey(thread, afterSeq + 1), limit });
      // Whoever removes a thread begins with its oldest entries.
      const isWhole = rows.every(({ key }, at) => key.at(-1) === afterSeq + 1 + at);
      if (!isWhole) throw new VanishedError(`Cannot find the entry behind ${afterSeq}`);
      const entries = (await this.#unpack(thread, rows)).map(withoutSize);
      return { entries, more: entries.length < rows.length || rows.length === limit };
    });
  }

  /**
   * Reads the newest entries up to `throughSeq`, newest first: `limit` at most, and about 1 MB.
   *
   * @throws {AppError} `NOT_FOUND` where the thread is removed meanwhile, `STORE_UNAVAILABLE`
   */
  async newestEntries(
    thread: Incarnation,
    { throughSeq, limit }: { throughSeq: number; limit: number },
  ): Promise<NumberedEntry[]> {
    return (await this.#newest(thread, { throughSeq, limit })).map(withoutSize);
  }

  /**
   * The newest entries up to `throughSeq`, in order: `limit` at most, and about 1 MB. Those that
   * this instance wrote or read last it need not read.
   *
   * @throws {AppError} `NOT_FOUND` where the thread is removed meanwhile, `STORE_UNAVAILABLE`
   */
  async conversation(
    thread: Incarnation,
    range: { throughSeq: number; limit: number },
  ): Promise<readonly NumberedEntry[]> {
    const known = this.#tails.newest(thread, range);
    if (known !== undefined) return known;
    const entries = (await this.#newest(thread, range)).reverse();
    this.#tails.fill(thread, entries);
    return entries;
  }

  async #newest(
    thread: Incarnation,
    { throughSeq, limit }: { throughSeq: number; limit: number },
  ): Promise<SizedEntry[]> {
    const end = entryKey(thread, throughSeq + 1);
    const prefix = entryPrefix(thread);
    return await whileThere(
      this.#store,
      thread,
      async () =>
        this.#unpack(thread, await this.#store.list({ prefix, end, limit, reverse: true })),
    );
  }

  async #unpack(thread: Incarnation, rows: readonly Stored<Packed>[]): Promise<SizedEntry[]> {
    const entries: SizedEntry[] = [];
    let characters = 0;
    for (const { key, value } of rows) {
      if (characters > READ_CHARACTERS) break;
      const json = await unpack(this.#store, { thread, packed: value! });
      characters += json.length;
      // This code wrote it, as an `Entry`.
      const entry = JSON.parse(json) as Entry;
      entries.push({ seq: key.at(-1) as number, entry, characters: json.length });
    }
    return entries;
  }

  async #require(ref: ThreadRef): Promise<ThreadHead> {
    const head = await this.head(ref);
    if (head === null) throw new AppError("NOT_FOUND");
    return head;
  }
}

/** A thread's public face. */
function toThread(id: string, head: ThreadHead): Thread {
  return {
    id,
    title: head.title,
    createdAt: head.createdAt,
    updatedAt: new Date(head.updatedAtMs).toISOString(),
    headSeq: head.headSeq,
    activeRun: head.active,
  };
}

function formatCursor([updatedAtMs, threadId]: [number, string]): string {
  return `${updatedAtMs.toString(36)}.${threadId}`;
}

function parseCursor(cursor: string): [number, string] {
  const match = /^([0-9a-z]{1,11})\.([A-Za-z0-9_-]{1,64})$/.exec(cursor);
  if (match === null) throw new AppError("INVALID_REQUEST", { detail: "`cursor` is not known" });
  return [parseInt(match[1]!, 36), match[2]!];
}
