/**
 * Stores for tests: a real Deno KV in memory, and a wrapper that lets a test decide how commits and
 * reads go wrong.
 *
 * @module
 */
import { AppError } from "../../lib/errors.ts";
import { KvStore, type KvStoreOptions } from "../../lib/threads/kv_store.ts";
import {
  type Commit,
  type KeyPart,
  type KeyRange,
  type Store,
  type Stored,
  type StoreKey,
  UnknownCommitError,
} from "../../lib/threads/store.ts";

/** A deadline that no test reaches: fake time may run far ahead of a real database. */
const NO_DEADLINE_MS = 2 ** 31 - 1;

/** A store of its own and what injects faults into it; closed at the end of a `using` block. */
export interface MemoryStore extends Disposable {
  /** The database itself. */
  readonly kv: KvStore;
  /** The same database behind faults. Without any it is transparent. */
  readonly store: FaultyStore;
}

/** Opens an empty database in memory. */
export async function memoryStore(options: Partial<KvStoreOptions> = {}): Promise<MemoryStore> {
  const kv = new KvStore(await Deno.openKv(":memory:"), {
    remote: false,
    instanceId: "test",
    deadlineMs: NO_DEADLINE_MS,
    ...options,
  });
  return { kv, store: new FaultyStore(kv), [Symbol.dispose]: () => kv.close() };
}

/**
 * How one commit goes:
 *
 * - `fails`: nothing is written, and that is known
 * - `conflicts`: as if a check had not held
 * - `unknown-applied`: it is written, and nobody is told
 * - `unknown-lost`: it is never written, and nobody is told
 * - `unknown-late`: as `unknown-lost`, but {@linkcode FaultyStore.applyLate} sends it after all
 * - `hangs`: nothing happens until {@linkcode FaultyStore.resume}
 */
export type CommitFault =
  | "fails"
  | "conflicts"
  | "unknown-applied"
  | "unknown-lost"
  | "unknown-late"
  | "hangs";

/** Chooses the fault of a commit; nothing lets it pass. */
export type FaultPlan = (commit: Commit) => CommitFault | undefined | void;

/** A store whose operations fail when the test says so. What it wraps stays its opener's. */
export class FaultyStore implements Store {
  readonly #store: Store;
  readonly #queue: CommitFault[] = [];
  readonly #late: Commit[] = [];
  readonly #hanging: (() => void)[] = [];
  /** Every commit that was asked for, oldest first. */
  readonly commits: Commit[] = [];
  /** Chooses the faults of commits that {@linkcode next} has none for. */
  plan: FaultPlan = () => {};
  /** Runs before each commit reaches the store: another writer may come first there. */
  before: (commit: Commit) => Promise<void> = () => Promise.resolve();
  /** Runs once behind each read of one key, before its answer is given: another writer may come between two reads. */
  afterGet: (key: readonly KeyPart[]) => Promise<void> = () => Promise.resolve();
  /** Every read fails while this is true. */
  readsFail = false;

  /** Wraps `store`. */
  constructor(store: Store) {
    this.#store = store;
  }

  /** The faults of the next commits, in order. */
  next(...faults: CommitFault[]): void {
    this.#queue.push(...faults);
  }

  /** Sends the commits that were late; whether each still held. */
  async applyLate(): Promise<boolean[]> {
    const held: boolean[] = [];
    for (const commit of this.#late.splice(0)) held.push(await this.#store.commit(commit) !== null);
    return held;
  }

  /** Lets the commits that hang go on. */
  resume(): void {
    for (const resolve of this.#hanging.splice(0)) resolve();
  }

  /** Commits that hang now. */
  get hanging(): number {
    return this.#hanging.length;
  }

  get available(): boolean {
    return this.#store.available;
  }

  async get<T>(key: StoreKey<T>): Promise<Stored<T>> {
    this.#read();
    const stored = await this.#store.get(key);
    await this.afterGet(key);
    return stored;
  }

  async getMany<const Keys extends readonly StoreKey<unknown>[]>(
    keys: Keys,
  ): Promise<
    { -readonly [I in keyof Keys]: Keys[I] extends StoreKey<infer T> ? Stored<T> : never }
  > {
    this.#read();
    return await this.#store.getMany(keys);
  }

  async list<T>(range: KeyRange<T>): Promise<Stored<T>[]> {
    this.#read();
    return await this.#store.list(range);
  }

  async commit(commit: Commit): Promise<string | null> {
    this.commits.push(commit);
    const fault = this.#queue.shift() ?? this.plan(commit) ?? undefined;
    await this.before(commit);
    switch (fault) {
      case undefined:
        break;
      case "fails":
        throw new AppError("STORE_UNAVAILABLE");
      case "conflicts":
        return null;
      case "unknown-applied":
        await this.#store.commit(commit);
        throw new UnknownCommitError("test: applied");
      case "unknown-late":
        this.#late.push(commit);
        throw new UnknownCommitError("test: late");
      case "unknown-lost":
        throw new UnknownCommitError("test: lost");
      case "hangs":
        await new Promise<void>((resolve) => this.#hanging.push(resolve));
        break;
      default:
        fault satisfies never;
    }
    return await this.#store.commit(commit);
  }

  watch(key: readonly KeyPart[], signal: AbortSignal): AsyncIterable<void> {
    return this.#store.watch(key, signal);
  }

  probe(): Promise<void> {
    return this.#store.probe();
  }

  close(): void {
    this.#store.close();
  }

  #read(): void {
    if (this.readsFail) throw new AppError("STORE_UNAVAILABLE");
  }
}

/** Whether a commit writes an entry: one that starts, ends or takes over a run, or a message. */
export function writesEntry({ writes }: Commit): boolean {
  return writes.some(({ key }) => key[4] === "entry");
}

/** Whether a commit writes chunks. */
export function writesChunks({ writes }: Commit): boolean {
  return writes.some(({ key }) => key[4] === "chunk");
}

/** Whether a commit does nothing but renew or give up a lease. */
export function writesLease({ writes }: Commit): boolean {
  return writes.length === 1 && writes[0]!.key[0] === "lease";
}

/** Numbers in [0, 1) that are the same for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
