/**
 * The chunks of running attempts, stored in batches, and the lease that says
 * whose run it is. Every write checks the run's fence.
 *
 * @module
 */
import { chunkKey, chunkPrefix, type Incarnation, leaseKey, runKey } from "./keys.ts";
import { pack, unpack } from "./pieces.ts";
import type { LeaseRecord } from "./records.ts";
import { type Check, put, remove, type Store, type Write } from "./store.ts";
import { LEASE_MS, type RunClaim } from "./thread_edit.ts";
import { VanishedError } from "./vanished.ts";

/** One attempt of a run. */
export interface AttemptRef {
  readonly thread: Incarnation;
  readonly runId: string;
  readonly attempt: number;
}

/** Chunks vanish by themselves after a day, should nobody remove them. */
const CHUNKS_EXPIRE_MS = 24 * 60 * 60 * 1_000;

/** Batches read at once: 3 MB at most. */
const BATCHES_PER_READ = 50;

/** Batches removed at once: read at once before, where nobody knows their keys. */
const BATCHES_PER_REMOVAL = 50;

/** Consecutive chunks, each JSON, `index` being the first's. */
export interface ChunkBatch {
  readonly index: number;
  readonly chunks: readonly string[];
}

/**
 * What stores a batch, for a commit that checks the run's fence. Pieces of a large one are stored
 * at once.
 *
 * @throws {AppError} `STORE_UNAVAILABLE`
 * @throws {VanishedError} where the batch has pieces, and the run is another's now.
 */
export async function batchWrite(
  store: Store,
  claim: RunClaim,
  { index, chunks }: ChunkBatch,
): Promise<Write> {
  const { thread, runId, attempt } = claim;
  const json = `[${chunks.join(",")}]`;
  const expireInMs = CHUNKS_EXPIRE_MS;
  const value = await pack(store, { thread, json, check: fence(claim), expireInMs });
  const key = chunkKey(thread, { runId, attempt, index });
  return put(key, value, { expireInMs: CHUNKS_EXPIRE_MS });
}

/** Stores and reads chunks, and holds leases. */
export class ChunkLog {
  readonly #store: Store;

  /** Works through `store`, which stays its opener's. */
  constructor(store: Store) {
    this.#store = store;
  }

  /**
   * Stores consecutive chunks, each JSON, `index` being the first's. False where
   * the run is another's now. Repeating a batch is harmless.
   *
   * @throws {AppError} `STORE_UNAVAILABLE`
   * @throws {UnknownCommitError} where nobody can tell: repeat it.
   */
  async save(claim: RunClaim, index: number, chunks: readonly string[]): Promise<boolean> {
    try {
      const writes = [await batchWrite(this.#store, claim, { index, chunks })];
      return await this.#store.commit({ checks: [fence(claim)], writes, mayLinger: true }) !== null;
    } catch (error) {
      if (error instanceof VanishedError) return false;
      throw error;
    }
  }

  /**
   * Reads an attempt's chunks from `fromIndex` on, each as JSON, in order and
   * without a gap; what is stored later is not among them.
   *
   * @throws {AppError} `STORE_UNAVAILABLE`
   * @throws {VanishedError} where the thread is being removed.
   */
  async read({ thread, runId, attempt }: AttemptRef, fromIndex: number): Promise<string[]> {
    const prefix = chunkPrefix(thread, runId, attempt);
    const at = (index: number) => chunkKey(thread, { runId, attempt, index });
    // The batch that holds `fromIndex` is named by its first chunk, at or before it.
    const [first] = await this.#store.list({
      prefix,
      end: at(fromIndex + 1),
      limit: 1,
      reverse: true,
    });
    let start = (first?.key.at(-1) ?? fromIndex) as number;
    let next = fromIndex;
    const chunks: string[] = [];
    while (true) {
      const rows = await this.#store.list({ prefix, start: at(start), limit: BATCHES_PER_READ });
      for (const { key, value } of rows) {
        const index = key.at(-1) as number;
        if (index > next) return chunks;
        // This code wrote it, as an array.
        const batch = JSON.parse(
          await unpack(this.#store, { thread, packed: value! }),
        ) as unknown[];
        for (const chunk of batch.slice(next - index)) chunks.push(JSON.stringify(chunk));
        next = Math.max(next, index + batch.length);
        start = index + 1;
      }
      if (rows.length < BATCHES_PER_READ) return chunks;
    }
  }

  /**
   * Removes the chunks of a run that has ended, of every attempt. Those of the first are known to
   * who wrote them: `batches` are the indexes of their first chunks.
   *
   * @throws {AppError} `STORE_UNAVAILABLE`
   */
  async discard(
    { thread, runId, attempt }: AttemptRef,
    batches: readonly number[],
  ): Promise<void> {
    if (attempt > 1) return await this.#discardAll(thread, runId);
    for (let from = 0; from < batches.length; from += BATCHES_PER_REMOVAL) {
      const writes = batches.slice(from, from + BATCHES_PER_REMOVAL)
        .map((index) => remove(chunkKey(thread, { runId, attempt, index })));
      await this.#store.commit({ checks: [], writes, mayLinger: true });
    }
  }

  async #discardAll(thread: Incarnation, runId: string): Promise<void> {
    const prefix = chunkPrefix(thread, runId);
    while (true) {
      const rows = await this.#store.list({ prefix, limit: BATCHES_PER_REMOVAL });
      if (rows.length === 0) return;
      await this.#store.commit({ checks: [], writes: rows.map(({ key }) => remove(key)) });
      if (rows.length < BATCHES_PER_REMOVAL) return;
    }
  }

  /**
   * Renews the lease of a run for another {@linkcode LEASE_MS}. False where the
   * run is another's now.
   *
   * @throws {AppError} `STORE_UNAVAILABLE`
   * @throws {UnknownCommitError} where nobody can tell.
   */
  async renew(claim: RunClaim, owner: string): Promise<boolean> {
    return await this.#lease(claim, { owner, expiresAtMs: Date.now() + LEASE_MS });
  }

  /**
   * Gives a run up, so that another instance takes it over at once.
   *
   * @throws {AppError} `STORE_UNAVAILABLE`
   * @throws {UnknownCommitError} where nobody can tell.
   */
  async release(claim: RunClaim): Promise<boolean> {
    return await this.#lease(claim, { owner: null, expiresAtMs: 0 });
  }

  async #lease(
    claim: RunClaim,
    state: Pick<LeaseRecord, "owner" | "expiresAtMs">,
  ): Promise<boolean> {
    const { thread, runId, attempt } = claim;
    const lease: LeaseRecord = { ...thread, runId, attempt, ...state };
    const writes = [put(leaseKey(thread), lease)];
    return await this.#store.commit({ checks: [fence(claim)], writes }) !== null;
  }
}

function fence(claim: RunClaim): Check {
  return { key: runKey(claim.thread, claim.runId), version: claim.fence };
}
