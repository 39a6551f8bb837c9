/**
 * Removes threads: at once for their owner, and then row by row.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import {
  activityKey,
  dataPrefix,
  headKey,
  type Incarnation,
  leaseKey,
  runKey,
  TRASH_PREFIX,
  trashKey,
} from "./keys.ts";
import type { ThreadRef } from "./records.ts";
import { put, remove, type Store } from "./store.ts";
import { transact } from "./transaction.ts";

/** Rows that one commit removes: half of Deno KV's 1,000 mutations. */
const SWEEP_BATCH = 500;

/** Removes the threads of all subjects. */
export class ThreadRemoval {
  readonly #store: Store;

  /** Works through `store`, which stays its opener's. */
  constructor(store: Store) {
    this.#store = store;
  }

  /**
   * Deletes a thread at once and fences its runs; {@linkcode sweep} removes the rows.
   *
   * @throws {AppError} `NOT_FOUND`, `STORE_UNAVAILABLE`
   */
  async delete(ref: ThreadRef): Promise<Incarnation> {
    let deleted: Incarnation | null = null;
    return await transact<Incarnation>(this.#store, `delete thread ${ref.threadId}`, async () => {
      const { value: head, version } = await this.#store.get(headKey(ref));
      if (deleted !== null && head?.generation !== deleted.generation) return { done: deleted };
      if (head === null) throw new AppError("NOT_FOUND");
      const thread = deleted = { ...ref, generation: head.generation };
      const commit = {
        checks: [{ key: headKey(ref), version }],
        writes: [
          remove(headKey(ref)),
          remove(activityKey(ref, head.updatedAtMs)),
          remove(leaseKey(ref)),
          ...(head.active ? [remove(runKey(thread, head.active.runId))] : []),
          put(trashKey(head.generation), thread),
        ],
      };
      return { commit, result: () => thread };
    });
  }

  /**
   * Removes the rows of deleted threads; what is interrupted goes on at the next call.
   *
   * @throws {AppError} `STORE_UNAVAILABLE`
   */
  async sweep(): Promise<void> {
    const trash = await this.#store.list({ prefix: TRASH_PREFIX, limit: 100 });
    for (const { key, value } of trash) {
      const prefix = dataPrefix(value!);
      while (true) {
        const rows = await this.#store.list({ prefix, limit: SWEEP_BATCH });
        if (rows.length === 0) break;
        await this.#store.commit({ checks: [], writes: rows.map((row) => remove(row.key)) });
      }
      await this.#store.commit({ checks: [], writes: [remove(key)] });
    }
  }
}
