/**
 * Which commits may go together as one: those that fit Deno KV's bounds, and
 * whose joint outcome is that of one after another.
 *
 * @module
 */
import type { Check, Commit, KeyPart, Write } from "./store.ts";

/** What Deno KV takes in one atomic commit (its documentation, and measured). */
const BOUNDS = {
  checks: 100,
  writes: 1_000,
  /** Bytes of all keys that are set: not documented. */
  keyBytes: 80 * 1_024,
  /** Bytes of all keys and values. */
  bytes: 800 * 1_024,
} as const;

/** A commit that waits, and what it would bring into a batch. */
export interface BatchItem {
  readonly commit: Commit;
  readonly checks: readonly NamedCheck[];
  /** The names of the keys that it writes. */
  readonly writes: ReadonlySet<string>;
  /** Bytes at most, as Deno KV counts them. */
  readonly keyBytes: number;
  readonly bytes: number;
}

/** A check and what its key is called among the names of keys. */
export interface NamedCheck extends Check {
  /** Different for every two keys. */
  readonly name: string;
}

/** Measures a commit. */
export function batchItem(commit: Commit): BatchItem {
  const writes = new Set<string>();
  let keyBytes = 0;
  let bytes = 0;
  const checks = commit.checks.map((check) => {
    const name = nameOf(check.key);
    bytes += keySize(check.key, name);
    return { ...check, name };
  });
  for (const write of commit.writes) {
    const name = nameOf(write.key);
    writes.add(name);
    const size = keySize(write.key, name);
    bytes += size;
    if (write.kind === "delete") continue;
    keyBytes += size;
    bytes += valueSize(write.value);
  }
  return { commit, checks, writes, keyBytes, bytes };
}

/**
 * Commits that go as one, collected in the order in which they were asked for.
 * That is one after another to everybody who looks:
 *
 * - none checks what an earlier one writes, so every check sees what it would have seen
 * - none writes what an earlier one writes, so the version that all are told names one writer
 * - one that was passed over is not overtaken by a later one on the same keys
 */
export class Batch<Item extends BatchItem> {
  readonly #items: Item[] = [];
  /** Keys that items of the batch, or passed over, write. */
  readonly #written = new Set<string>();
  /** Keys that items passed over check: written by a later one, they would fail. */
  readonly #awaited = new Set<string>();
  readonly #checked = new Map<string, string | null>();
  #writes = 0;
  #keyBytes = 0;
  #bytes = 0;
  #full = false;

  /** What has been taken, in order. */
  get items(): readonly Item[] {
    return this.#items;
  }

  /** Nothing more fits: whoever comes next waits for the next batch. */
  get full(): boolean {
    return this.#full;
  }

  /** Takes `item`, or says that it must wait. The first is always taken, however large. */
  take(item: Item): boolean {
    const meetsAnother = this.#meetsAnother(item);
    for (const name of item.writes) this.#written.add(name);
    if (this.#items.length > 0 && !this.#fits(item)) this.#full = true;
    if (this.#full || meetsAnother) {
      for (const { name } of item.checks) this.#awaited.add(name);
      return false;
    }
    this.#items.push(item);
    for (const { name, version } of item.checks) this.#checked.set(name, version);
    this.#writes += item.commit.writes.length;
    this.#keyBytes += item.keyBytes;
    this.#bytes += item.bytes;
    return true;
  }

  #fits({ checks, commit, keyBytes, bytes }: Item): boolean {
    return this.#checked.size + checks.length <= BOUNDS.checks &&
      this.#writes + commit.writes.length <= BOUNDS.writes &&
      this.#keyBytes + keyBytes <= BOUNDS.keyBytes &&
      this.#bytes + bytes <= BOUNDS.bytes;
  }

  #meetsAnother({ checks, writes }: Item): boolean {
    for (const name of writes) {
      if (this.#written.has(name) || this.#awaited.has(name)) return true;
    }
    for (const { name, version } of checks) {
      if (this.#written.has(name)) return true;
      // One of the two fails for certain, and would take the other with it.
      const other = this.#checked.get(name);
      if (other !== undefined && other !== version) return true;
    }
    return false;
  }
}

/** One commit that does what all of them do. */
export function merge(items: readonly BatchItem[]): Commit {
  if (items.length === 1) return items[0]!.commit;
  const checks = new Map<string, Check>();
  const writes: Write[] = [];
  for (const item of items) {
    for (const { name, key, version } of item.checks) checks.set(name, { key, version });
    writes.push(...item.commit.writes);
  }
  return { checks: [...checks.values()], writes };
}

/** Different for every two keys: each part says how long it is, or where it ends. */
function nameOf(key: readonly KeyPart[]): string {
  let name = "";
  for (const part of key) {
    if (typeof part === "string") name += `${part.length}:${part}`;
    else name += typeof part === "number" ? `${part};` : `bytes ${part};`;
  }
  return name;
}

/** Bytes of a key at most: a number takes 9, a string its UTF-8, escaped, and 2. */
function keySize(key: readonly KeyPart[], name: string): number {
  let size = 0;
  for (const part of key) size += typeof part === "number" ? 9 : part.length + 2;
  // Only a zero is escaped, and what is not ASCII takes 3 bytes at most.
  return PLAIN.test(name) ? size : 3 * size;
}

// deno-lint-ignore no-control-regex
const PLAIN = /^[\x01-\x7f]*$/;

/** Bytes of a value at most, as the platform serialises it (structured clone). */
function valueSize(value: unknown): number {
  if (typeof value === "string") return 2 * value.length + 16;
  if (typeof value !== "object" || value === null) return 16;
  if (value instanceof Uint8Array) return value.length;
  let size = 16;
  const fields = value as Readonly<Record<string, unknown>>;
  for (const name of Object.keys(fields)) size += 2 * name.length + 16 + valueSize(fields[name]);
  return size;
}
