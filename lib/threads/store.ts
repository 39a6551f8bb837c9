/**
 * The port to the database: an ordered map of keys to values with versions and
 * atomic, checked commits. Rules (`thread_log.ts`, `run_log.ts`) are written
 * against it; `kv_store.ts` puts Deno KV behind it.
 *
 * @module
 */
import { AppError } from "../errors.ts";

/** One part of a key. Parts order by type, then by value, as in Deno KV. */
export type KeyPart = string | number | Uint8Array;

declare const VALUE: unique symbol;

/** A key whose value is a `T`. What stands under a key was written by this code and is trusted. */
export type StoreKey<T> = readonly KeyPart[] & { readonly [VALUE]?: T };

/** What stands under a key: a value and its version, or neither. */
export interface Stored<T> {
  readonly key: readonly KeyPart[];
  /** `null` where nothing is stored. */
  readonly value: T | null;
  /** Grows with every write of the key, as text of one length; `null` where nothing is stored. */
  readonly version: string | null;
}

/** A condition of a commit: the key is still at this version. */
export interface Check {
  readonly key: readonly KeyPart[];
  readonly version: string | null;
}

/** One change of a commit. */
export type Write =
  | {
    readonly kind: "set";
    readonly key: readonly KeyPart[];
    readonly value: unknown;
    /** Milliseconds after which the value may vanish by itself. */
    readonly expireInMs?: number;
  }
  | { readonly kind: "delete"; readonly key: readonly KeyPart[] };

/** All checks hold and all writes happen, or none do. */
export interface Commit {
  readonly checks: readonly Check[];
  readonly writes: readonly Write[];
  /** No client waits for it: it may go some milliseconds later, together with another. */
  readonly mayLinger?: boolean;
}

/** A span of keys in order, from `start` (inclusive) to `end` (exclusive) within `prefix`. */
export interface KeyRange<T> {
  readonly prefix: StoreKey<T>;
  readonly start?: readonly KeyPart[];
  readonly end?: readonly KeyPart[];
  /** Rows at most. */
  readonly limit: number;
  /** Last key first. */
  readonly reverse?: boolean;
}

/** Writes `value` under `key`, type-checked. */
export function put<T>(key: StoreKey<T>, value: T, options: { expireInMs?: number } = {}): Write {
  return { kind: "set", key, value, ...options };
}

/** Removes what stands under `key`. */
export function remove(key: readonly KeyPart[]): Write {
  return { kind: "delete", key };
}

/**
 * A commit was sent and no answer came: it may be stored, now or a moment
 * later. Whoever catches it must look for what the commit would have left
 * behind, and may repeat it only under the same checks.
 */
export class UnknownCommitError extends Error {
  override readonly name = "UnknownCommitError";
}

/** An ordered, transactional map. Whoever opened it closes it. */
export interface Store {
  /** False from a failed operation until a probe has succeeded again. Costs nothing. */
  readonly available: boolean;

  /**
   * Reads one key, as of the newest commit.
   *
   * @throws {AppError} `STORE_UNAVAILABLE` on an error or past the deadline.
   */
  get<T>(key: StoreKey<T>): Promise<Stored<T>>;

  /**
   * Reads up to 10 keys in one consistent snapshot.
   *
   * @throws {AppError} `STORE_UNAVAILABLE` on an error or past the deadline.
   */
  getMany<const Keys extends readonly StoreKey<unknown>[]>(
    keys: Keys,
  ): Promise<
    { -readonly [I in keyof Keys]: Keys[I] extends StoreKey<infer T> ? Stored<T> : never }
  >;

  /**
   * Reads the rows of a range, in key order.
   *
   * @throws {AppError} `STORE_UNAVAILABLE` on an error or past the deadline.
   */
  list<T>(range: KeyRange<T>): Promise<Stored<T>[]>;

  /**
   * Commits atomically. Returns the version that everything written now has, or
   * `null` where a check did not hold and nothing was written.
   * At most 1,000 writes, 100 checks and 800 KiB, as Deno KV's limits.
   *
   * @throws {AppError} `STORE_UNAVAILABLE` where certainly nothing was written.
   * @throws {UnknownCommitError} where nobody can tell.
   */
  commit(commit: Commit): Promise<string | null>;

  /**
   * Yields whenever `key` may have changed, until `signal` aborts; states in between are skipped.
   *
   * @throws {AppError} `STORE_UNAVAILABLE` where the stream broke.
   */
  watch(key: readonly KeyPart[], signal: AbortSignal): AsyncIterable<void>;

  /**
   * Reads and writes once, to see whether the store works.
   *
   * @throws {AppError} `STORE_UNAVAILABLE` where it does not.
   */
  probe(): Promise<void>;

  /** Closes the database; waits for nothing. */
  close(): void;
}

/** The fault of a store that cannot be asked now, with what it failed of. */
export function unavailable(cause?: unknown): AppError {
  return new AppError("STORE_UNAVAILABLE", { retryAfterMs: 1_000, cause });
}

/** Whether an error says that certainly nothing was written, and that the store may do the same later. */
export function isUnavailable(error: unknown): boolean {
  return error instanceof AppError && error.code === "STORE_UNAVAILABLE";
}

/** Whether the store may do the same later, if it has not done it already. */
export function isPassing(error: unknown): boolean {
  return error instanceof UnknownCommitError || isUnavailable(error);
}
