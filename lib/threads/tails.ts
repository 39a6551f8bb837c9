/**
 * The newest entries of the threads that this instance wrote to last, as they are stored: what a
 * run reads of its conversation. An entry never changes, so what is remembered is never outdated,
 * only perhaps not all there is.
 *
 * @module
 */
import { MAX_SHOWN_ENTRIES } from "../limits.ts";
import { type Incarnation, nameOf } from "./keys.ts";
import type { Entry } from "./records.ts";

/** How much is kept. */
export interface TailBounds {
  readonly threads: number;
  /** Of all entries together, as JSON: 1 byte each, or 2. */
  readonly characters: number;
}

/** What is kept where nothing else is said: some 50 MB, where entries are short. */
const DEFAULT_BOUNDS: TailBounds = { threads: 4_096, characters: 16_000_000 };

/** Rest after which a thread makes room for others, milliseconds. */
const REST_MS = 60_000;

/** An entry, its number, and the length of its JSON. */
export interface SizedEntry {
  readonly seq: number;
  readonly entry: Entry;
  readonly characters: number;
}

interface Tail {
  /** In order and without a gap. */
  readonly entries: readonly SizedEntry[];
  readonly characters: number;
  readonly usedMs: number;
}

/** Remembers the ends of logs. */
export class Tails {
  /** Those that were written to longest ago first. */
  readonly #tails = new Map<string, Tail>();
  readonly #bounds: TailBounds;
  #characters = 0;

  readonly #nowMs: () => number;

  /** Remembers so much at most; `nowMs` is a clock that only goes forward. */
  constructor(bounds: TailBounds = DEFAULT_BOUNDS, nowMs: () => number = () => performance.now()) {
    this.#bounds = bounds;
    this.#nowMs = nowMs;
  }

  /** Remembers what was just committed. Entries of others in between make it begin anew. */
  append(thread: Incarnation, appended: readonly SizedEntry[]): void {
    const first = appended[0];
    if (first === undefined) return;
    const known = this.#take(thread);
    const isNext = known.entries.at(-1)?.seq === first.seq - 1;
    this.#keep(thread, isNext ? [...known.entries, ...appended] : appended);
  }

  /** Remembers what was read, in order, in front of what is known or instead of it. */
  fill(thread: Incarnation, read: readonly SizedEntry[]): void {
    const last = read.at(-1);
    if (last === undefined) return;
    const { entries } = this.#take(thread);
    const rest = entries.filter(({ seq }) => seq > last.seq);
    const isWhole = rest.length === 0 || rest[0]!.seq === last.seq + 1;
    this.#keep(thread, isWhole ? [...read, ...rest] : entries);
  }

  /** The newest entries up to `throughSeq`, in order; `undefined` where they are not all known. */
  newest(
    thread: Incarnation,
    { throughSeq, limit }: { readonly throughSeq: number; readonly limit: number },
  ): readonly SizedEntry[] | undefined {
    const entries = this.#tails.get(nameOf(thread))?.entries ?? [];
    const [first, last] = [entries[0]?.seq, entries.at(-1)?.seq];
    if (first === undefined || last! < throughSeq) return undefined;
    const fromSeq = Math.max(1, throughSeq - limit + 1);
    if (first > fromSeq) return undefined;
    return entries.slice(fromSeq - first, throughSeq - first + 1);
  }

  #take(thread: Incarnation): Tail {
    const name = nameOf(thread);
    const tail = this.#tails.get(name) ?? { entries: [], characters: 0, usedMs: 0 };
    this.#tails.delete(name);
    this.#characters -= tail.characters;
    return tail;
  }

  #keep(thread: Incarnation, all: readonly SizedEntry[]): void {
    const entries = all.slice(-MAX_SHOWN_ENTRIES);
    const characters = entries.reduce((sum, entry) => sum + entry.characters, 0);
    const usedMs = this.#nowMs();
    this.#characters += characters;
    this.#tails.set(nameOf(thread), { entries, characters, usedMs });
    for (const [name, tail] of this.#tails) {
      const { threads, characters: most } = this.#bounds;
      if (this.#tails.size <= threads && this.#characters <= most) return;
      // Where all are in use, those that fit stay: each making room for the next, none would be found.
      if (usedMs - tail.usedMs < REST_MS) return this.#drop(nameOf(thread));
      this.#drop(name);
    }
  }

  #drop(name: string): void {
    this.#characters -= this.#tails.get(name)?.characters ?? 0;
    this.#tails.delete(name);
  }
}

/** The entry and its number alone. */
export function withoutSize({ seq, entry }: SizedEntry): Pick<SizedEntry, "seq" | "entry"> {
  return { seq, entry };
}
