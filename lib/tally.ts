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

  /** How many of that name are counted. */
  of(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  /** Whether one more of that name may be counted. */
  hasRoomFor(name: string): boolean {
    return this.of(name) < this.#most;
  }

  /** Counts one; false, and counts nothing, where the name has its most. */
  tryAdd(name: string): boolean {
    if (!this.hasRoomFor(name)) return false;
    this.add(name);
    return true;
  }

  /** Counts one, even over the most. */
  add(name: string): void {
    this.#counts.set(name, this.of(name) + 1);
  }

  /** Takes one back that was counted. */
  remove(name: string): void {
    const left = this.of(name) - 1;
    if (left > 0) this.#counts.set(name, left);
    else this.#counts.delete(name);
  }
}
