/**
 * Reads of single keys that are asked for while another is under way go
 * together: a database that works on one thing at a time then has one turn for
 * up to ten of them.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import type { Store, Stored, StoreKey } from "./store.ts";

/** Keys that Deno KV reads at once. */
const KEYS_AT_ONCE = 10;

interface Reader {
  readonly key: StoreKey<unknown>;
  readonly resolve: (row: Stored<unknown>) => void;
  readonly reject: (error: unknown) => void;
}

/** Joins reads on their way to a store. */
export class GroupedReads {
  readonly #store: Pick<Store, "get" | "getMany">;
  readonly #lanes: number;
  #underWay = 0;
  /** First come, first served. */
  readonly #waiting: Reader[] = [];

  /** Reads from `store`, which stays its owner's, in so many lanes. */
  constructor(store: Pick<Store, "get" | "getMany">, lanes: number) {
    this.#store = store;
    this.#lanes = lanes;
  }

  /**
   * Reads one key, as of a moment after this was called.
   *
   * @throws {AppError} `STORE_UNAVAILABLE` on an error or past the deadline.
   */
  async get<T>(key: StoreKey<T>): Promise<Stored<T>> {
    if (this.#underWay >= this.#lanes) return await this.#wait(key);
    this.#underWay++;
    try {
      return await this.#store.get(key);
    } finally {
      this.#underWay--;
      this.#goOn();
    }
  }

  #wait<T>(key: StoreKey<T>): Promise<Stored<T>> {
    return new Promise((resolve, reject) => {
      // What is read under the key is what it is typed for.
      this.#waiting.push({ key, resolve: (row) => resolve(row as Stored<T>), reject });
    });
  }

  #goOn(): void {
    while (this.#underWay < this.#lanes && this.#waiting.length > 0) {
      this.#underWay++;
      void this.#read(this.#waiting.splice(0, KEYS_AT_ONCE)).finally(() => {
        this.#underWay--;
        this.#goOn();
      });
    }
  }

  /** Reads and tells; never rejects. */
  async #read(readers: readonly Reader[]): Promise<void> {
    try {
      const rows = await this.#store.getMany(readers.map(({ key }) => key));
      readers.forEach(({ resolve }, at) => resolve(rows[at]!));
    } catch (error) {
      // A fault of one of them, such as a key that is too large, is not the others'.
      if (error instanceof AppError || readers.length === 1) {
        for (const { reject } of readers) reject(error);
      } else for (const reader of readers) await this.#read([reader]);
    }
  }
}
