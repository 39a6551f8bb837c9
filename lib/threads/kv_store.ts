/**
 * Deno KV behind the {@linkcode Store} port: a deadline for every operation, a
 * few retries where SQLite is locked, and one flag that says whether the
 * database works.
 *
 * @module
 */
import { deadline } from "@std/async/deadline";
import { delay } from "@std/async/delay";
import { STORE_DEADLINE_MS } from "../limits.ts";
import { probeKey } from "./keys.ts";
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

/** Waits between tries while another process holds SQLite's write lock, milliseconds. */
const LOCKED_RETRY_DELAYS_MS = [20, 60, 180, 400] as const;

/** Wait between two probes of a store that has failed, milliseconds. */
const PROBE_INTERVAL_MS = 1_000;

/** What a {@linkcode KvStore} needs to know of its database. */
export interface KvStoreOptions {
  /** True over KV Connect and on Deno Deploy, where a failed commit may still have been applied. */
  readonly remote: boolean;
  /** Names this process; its probes write under it. */
  readonly instanceId: string;
  /** Milliseconds that one operation may take. */
  readonly deadlineMs?: number;
  /** Told of each operation: its name and its duration in seconds. */
  readonly onOperation?: (operation: string, seconds: number) => void;
  /** Told when the store is lost and when it is back. */
  readonly onAvailability?: (available: boolean, cause?: unknown) => void;
}

/** A {@linkcode Store} on Deno KV. Owns `kv` and closes it. */
export class KvStore implements Store {
  readonly #kv: Deno.Kv;
  readonly #options: KvStoreOptions;
  #available = true;
  #closed = false;
  #probeTimer: ReturnType<typeof setTimeout> | undefined;

  /** Puts an open database behind the port. */
  constructor(kv: Deno.Kv, options: KvStoreOptions) {
    this.#kv = kv;
    this.#options = options;
  }

  get available(): boolean {
    return this.#available;
  }

  async get<T>(key: StoreKey<T>): Promise<Stored<T>> {
    return stored<T>(await this.#run("get", () => this.#kv.get(key)));
  }

  async getMany<const Keys extends readonly StoreKey<unknown>[]>(
    keys: Keys,
  ): Promise<
    { -readonly [I in keyof Keys]: Keys[I] extends StoreKey<infer T> ? Stored<T> : never }
  > {
    const rows = await this.#run("get", () => this.#kv.getMany<unknown[]>([...keys]));
    // What stands under a typed key was written through `put` with that type.
    return rows.map(stored) as {
      -readonly [I in keyof Keys]: Keys[I] extends StoreKey<infer T> ? Stored<T> : never;
    };
  }

  async list<T>({ prefix, start, end, limit, reverse }: KeyRange<T>): Promise<Stored<T>[]> {
    const selector = { prefix, ...(start ? { start } : {}), ...(end ? { end } : {}) };
    return await this.#run("list", async () => {
      const rows: Stored<T>[] = [];
      const batchSize = Math.min(limit, 500);
      const options = { limit, batchSize, reverse: reverse ?? false };
      for await (const row of this.#kv.list(selector as Deno.KvListSelector, options)) {
        rows.push(stored<T>(row));
      }
      return rows;
    });
  }

  async commit({ checks, writes }: Commit): Promise<string | null> {
    if (!this.#available) throw unavailable();
    let settled = false;
    let reported = false;
    try {
      return await this.#timed("commit", async () => {
        // A retry that comes after the deadline would write what was reported as not written.
        if (reported) throw unavailable();
        settled = false;
        try {
          const atomic = this.#kv.atomic();
          atomic.check(...checks.map(({ key, version }) => ({ key, versionstamp: version })));
          for (const write of writes) {
            if (write.kind === "delete") atomic.delete(write.key);
            else {
              const { expireInMs } = write;
              atomic.set(write.key, write.value, expireInMs ? { expireIn: expireInMs } : {});
            }
          }
          const result = await atomic.commit();
          return result.ok ? result.versionstamp : null;
        } finally {
          settled = true;
        }
      });
    } catch (error) {
      reported = true;
      if (isMisuse(error)) throw error;
      this.#lost(error);
      // A rejection by SQLite rolled back; a remote one, or none in time, tells nothing.
      if (settled && !this.#options.remote) throw unavailable(error);
      throw new UnknownCommitError("Cannot tell whether a commit was stored", { cause: error });
    }
  }

  async *watch(key: readonly KeyPart[], signal: AbortSignal): AsyncIterable<void> {
    const reader = this.#kv.watch([key as Deno.KvKey]).getReader();
    const cancel = () => void reader.cancel().catch(() => {});
    signal.addEventListener("abort", cancel, { once: true });
    try {
      if (signal.aborted) return;
      while (!(await reader.read()).done) yield;
    } catch (error) {
      if (!signal.aborted) throw unavailable(error);
    } finally {
      signal.removeEventListener("abort", cancel);
      cancel();
    }
  }

  async probe(): Promise<void> {
    const key = probeKey(this.#options.instanceId) as Deno.KvKey;
    try {
      await this.#timed("probe", async () => {
        await this.#kv.set(key, Date.now(), { expireIn: 60_000 });
        await this.#kv.get(key);
      });
    } catch (error) {
      this.#lost(error);
      throw unavailable(error);
    }
    this.#found();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#probeTimer);
    this.#kv.close();
  }

  async #run<T>(operation: string, work: () => Promise<T>): Promise<T> {
    if (!this.#available) throw unavailable();
    try {
      return await this.#timed(operation, work);
    } catch (error) {
      if (isMisuse(error)) throw error;
      this.#lost(error);
      throw unavailable(error);
    }
  }

  /** Runs `work` within the deadline, again where SQLite was locked. */
  async #timed<T>(operation: string, work: () => Promise<T>): Promise<T> {
    const startedMs = performance.now();
    try {
      return await deadline(
        retryLocked(work),
        this.#options.deadlineMs ?? STORE_DEADLINE_MS,
      );
    } finally {
      this.#options.onOperation?.(operation, (performance.now() - startedMs) / 1_000);
    }
  }

  #lost(cause: unknown): void {
    if (this.#closed || !this.#available) return;
    this.#available = false;
    this.#options.onAvailability?.(false, cause);
    this.#scheduleProbe();
  }

  #found(): void {
    if (this.#available) return;
    this.#available = true;
    this.#options.onAvailability?.(true);
  }

  #scheduleProbe(): void {
    this.#probeTimer = setTimeout(async () => {
      try {
        await this.probe();
      } catch {
        // `probe` has marked the store as lost, which is all that there is to do.
        if (!this.#closed) this.#scheduleProbe();
      }
    }, PROBE_INTERVAL_MS);
  }
}

async function retryLocked<T>(work: () => Promise<T>): Promise<T> {
  for (const waitMs of LOCKED_RETRY_DELAYS_MS) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Error && error.message.includes("database is locked"))) throw error;
      await delay(waitMs * (0.5 + Math.random()));
    }
  }
  return await work();
}

function stored<T>(
  row: { key: Deno.KvKey; value: unknown; versionstamp: string | null },
): Stored<T> {
  // What stands under a typed key was written through `put` with that type.
  return { key: row.key as KeyPart[], value: row.value as T | null, version: row.versionstamp };
}

/** A key or a value over Deno KV's bounds is a fault of this code and says nothing of the store. */
function isMisuse(error: unknown): boolean {
  return error instanceof TypeError && /too (large|many)/i.test(error.message);
}
