/**
 * Settled blocks in groups, each shown in one go and compared as one with the picture before; and how
 * many of them a page can show at once.
 *
 * @module
 */
import type { Block } from "./blocks.ts";

/** Blocks that are shown together. The array is another one whenever it has changed. */
export type Group = readonly Block[];

/** Weight from which on a group is full. */
const FULL = 60;

/** Collects groups. */
export class BlockGroups {
  #groups: Block[][] = [];
  #weights: number[] = [];
  #taken = 0;

  /** All groups so far. Only the last may still change. */
  get groups(): readonly Group[] {
    return this.#groups;
  }

  /** Takes what is new in `settled`. */
  update(settled: readonly Block[]): void {
    for (; this.#taken < settled.length; this.#taken++) {
      const block = settled[this.#taken]!;
      const last = this.#groups.length - 1;
      const isFull = last < 0 || this.#weights[last]! >= FULL;
      if (isFull) {
        this.#groups.push([block]);
        this.#weights.push(weightOf(block));
      } else {
        this.#groups[last] = [...this.#groups[last]!, block];
        this.#weights[last]! += weightOf(block);
      }
    }
  }

  /** Begins anew. */
  clear(): void {
    this.#groups = [];
    this.#weights = [];
    this.#taken = 0;
  }

  /** How many groups weigh no more than `weight` together; one at least. */
  within(weight: number): number {
    let sum = 0;
    const count = this.#weights.findIndex((own) => (sum += own) > weight);
    return count === -1 ? this.#groups.length : Math.max(1, count);
  }
}

/** About how many elements a block becomes. */
function weightOf({ kind, text }: Block): number {
  const lines = kind === "markdown" ? text.split("\n").length : 1;
  return lines + text.length / 500;
}
