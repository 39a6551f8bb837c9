/**
 * Group commit: commits that are asked for while another is under way go
 * together as one. A commit costs the database one flush to disk, whatever it
 * holds; one that finds nobody under way goes at once, unless no client waits
 * for it: it may then wait a moment for others.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import { STORE_DEADLINE_MS } from "../limits.ts";
import { Batch, type BatchItem, batchItem, merge } from "./commit_batch.ts";
import { GroupedReads } from "./group_reads.ts";
import { LatestVersions } from "./latest_versions.ts";
import {
  type Commit,
  type KeyPart,
  type KeyRange,
  type Store,
  type Stored,
  type StoreKey,
  unavailable,
  UnknownCommitError,
} from "./store.ts";

/** Longest wait of a commit that may linger, milliseconds, where nothing else comes that it could go with. */
const LINGER_MS = 10;

/** How a {@linkcode GroupedStore} groups. */
export interface GroupedStoreOptions {
  /**
   * Commits under way at once, and as many reads of single keys. One for SQLite, which Deno asks
   * one thing at a time; more for a database that is far away and works on several.
   */
  readonly lanes?: number;
  /** Milliseconds that a commit may wait before it is sent. */
  readonly deadlineMs?: number;
  /** Milliseconds on a clock that only goes forward. */
  readonly nowMs?: () => number;
}

interface Member extends BatchItem {
  readonly askedMs: number;
  readonly resolve: (version: string | null) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * A {@linkcode Store} that joins commits, and reads of single keys. Owns `store` and closes it. To each
 * caller a commit is what it was: its own checks decide, its own outcome is
 * told, after it is durable.
 */
export class GroupedStore implements Store {
  readonly #store: Store;
  readonly #lanes: number;
  readonly #deadlineMs: number;
  readonly #nowMs: () => number;
  readonly #reads: GroupedReads;
  #underWay = 0;
  /** First come, first served. */
  #waiting: Member[] = [];
  readonly #latest = new LatestVersions();
  /** Runs while nothing is under way and what waits may linger. */
  #lingering: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  /** Joins commits on their way to `store`. */
  constructor(store: Store, options: GroupedStoreOptions = {}) {
    this.#store = store;
    this.#lanes = options.lanes ?? 1;
    this.#reads = new GroupedReads(store, this.#lanes);
    this.#deadlineMs = options.deadlineMs ?? STORE_DEADLINE_MS;
    this.#nowMs = options.nowMs ?? (() => performance.now());
  }

  get available(): boolean {
    return this.#store.available;
  }

  get<T>(key: StoreKey<T>): Promise<Stored<T>> {
    return this.#reads.get(key);
  }

  getMany<const Keys extends readonly StoreKey<unknown>[]>(
    keys: Keys,
  ): Promise<
    { -readonly [I in keyof Keys]: Keys[I] extends StoreKey<infer T> ? Stored<T> : never }
  > {
    return this.#store.getMany(keys);
  }

  list<T>(range: KeyRange<T>): Promise<Stored<T>[]> {
    return this.#store.list(range);
  }

  async commit(commit: Commit): Promise<string | null> {
    const item = batchItem(commit);
    if (this.#latest.overrule(item)) return null;
    const isFree = this.#underWay < this.#lanes;
    if (!isFree || commit.mayLinger || this.#waiting.length > 0) {
      const waiting = this.#wait(item);
      if (isFree && !commit.mayLinger) this.#goOn();
      else if (isFree) this.#lingering ??= setTimeout(() => this.#goOn(), LINGER_MS);
      return await waiting;
    }
    this.#underWay++;
    try {
      const version = await this.#store.commit(commit);
      if (version !== null) this.#latest.note(item, version);
      return version;
    } finally {
      this.#underWay--;
      this.#goOn();
    }
  }

  watch(key: readonly KeyPart[], signal: AbortSignal): AsyncIterable<void> {
    return this.#store.watch(key, signal);
  }

  probe(): Promise<void> {
    return this.#store.probe();
  }

  /** What waits was not sent and never will be. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#lingering);
    for (const { reject } of this.#waiting.splice(0)) reject(unavailable());
    this.#store.close();
  }

  #wait(item: BatchItem): Promise<string | null> {
    const { promise, resolve, reject } = Promise.withResolvers<string | null>();
    if (this.#closed) reject(unavailable());
    else this.#waiting.push({ ...item, askedMs: this.#nowMs(), resolve, reject });
    return promise;
  }

  /** Sends what waits, as far as there are lanes. */
  #goOn(): void {
    clearTimeout(this.#lingering);
    this.#lingering = undefined;
    while (this.#underWay < this.#lanes && this.#waiting.length > 0) {
      const batch = this.#nextBatch();
      if (batch.length === 0) return;
      this.#underWay++;
      void this.#send(batch).finally(() => {
        this.#underWay--;
        this.#goOn();
      });
    }
  }

  #nextBatch(): readonly Member[] {
    const dueMs = this.#nowMs() - this.#deadlineMs;
    let late = 0;
    while (late < this.#waiting.length && this.#waiting[late]!.askedMs <= dueMs) {
      this.#waiting[late++]!.reject(unavailable());
    }
    const batch = new Batch<Member>();
    const passedOver: Member[] = [];
    let next = late;
    for (; next < this.#waiting.length && !batch.full; next++) {
      const member = this.#waiting[next]!;
      if (this.#latest.overrule(member)) member.resolve(null);
      else if (!batch.take(member)) passedOver.push(member);
    }
    this.#waiting = [...passedOver, ...this.#waiting.slice(next)];
    return batch.items;
  }

  /** Sends a batch and tells its members; where it does not hold as one, in two halves. Never rejects. */
  async #send(batch: readonly Member[]): Promise<void> {
    let version: string | null;
    try {
      version = await this.#store.commit(merge(batch));
    } catch (error) {
      // That there is no telling, or that nothing was written, goes for all of them.
      const concernsAll = error instanceof UnknownCommitError || error instanceof AppError;
      if (concernsAll || batch.length === 1) {
        for (const { reject } of batch) reject(error);
        return;
      }
      return await this.#sendHalves(batch);
    }
    // Whose check did not hold is not told.
    if (version === null && batch.length > 1) return await this.#sendHalves(batch);
    for (const member of batch) {
      if (version !== null) this.#latest.note(member, version);
      member.resolve(version);
    }
  }

  async #sendHalves(batch: readonly Member[]): Promise<void> {
    const half = Math.ceil(batch.length / 2);
    await this.#send(batch.slice(0, half));
    await this.#send(batch.slice(half));
  }
}
