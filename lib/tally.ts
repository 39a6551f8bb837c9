/**
 * A count for each name, with a most.
 *
 * @module
 */

/** Counts by name; a name that counts nothing is not kept. */
export class Tally {
  readonly #most: number;
  readonly #counts = new Map<string, number>();

  /** Counts up to `most` for each name. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Whether one more of that name may be counted. */
  hasRoomFor(name: string): boolean {
    return (this.#counts.get(name) ?? 0) < this.#most;
  }

  /** Counts one; false, and counts nothing, where the name has its most. */
  tryAdd(name: string): boolean {
    const count = this.#counts.get(name) ?? 0;
    if (count >= this.#most) return false;
    this.#counts.set(name, count + 1);
    return true;
  }

  /** Takes one back that was counted. */
  remove(name: string): void {
    const left = (this.#counts.get(name) ?? 0) - 1;
    if (left > 0) this.#counts.set(name, left);
    else this.#counts.delete(name);
  }
}
