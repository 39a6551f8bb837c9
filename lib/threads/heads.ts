/**
 * The heads that this instance wrote last. Another instance may have written
 * since, so they are good for one thing: to plan a commit that checks them.
 *
 * @module
 */
import { threadNameOf } from "./keys.ts";
import type { ThreadHead, ThreadRef } from "./records.ts";
import { Tails } from "./tails.ts";

/** Heads that are kept where nothing else is said: about 1 KB each. */
const MAX_HEADS = 4_096;

/** A head and the version that it was written with. */
export interface KnownHead {
  readonly head: ThreadHead;
  readonly version: string;
}

/** Remembers heads, those of the threads that were written last. */
export class Heads {
  /** Oldest first. */
  readonly #known = new Map<string, KnownHead>();
  readonly #max: number;
  /** What was appended to the same threads. */
  readonly tails: Tails = new Tails();

  /** Remembers so many at most. */
  constructor(max: number = MAX_HEADS) {
    this.#max = max;
  }

  /** The head of a thread as this instance last wrote it, perhaps outdated. */
  recall(ref: ThreadRef): KnownHead | undefined {
    return this.#known.get(threadNameOf(ref));
  }

  /** Remembers what was just committed. */
  remember(ref: ThreadRef, known: KnownHead): void {
    const name = threadNameOf(ref);
    this.#known.delete(name);
    this.#known.set(name, known);
    if (this.#known.size <= this.#max) return;
    for (const oldest of this.#known.keys()) {
      this.#known.delete(oldest);
      return;
    }
  }
}
