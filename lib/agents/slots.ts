/**
 * Places for running runs on this instance: a bound in all and one for each subject.
 *
 * @module
 */

import { Tally } from "../tally.ts";

/** Counts running runs. */
export class RunSlots {
  readonly #most: number;
  readonly #bySubject: Tally;
  #taken = 0;

  /** Allows `runs` in all and `runsPerSubject` for one subject. */
  constructor(limits: { readonly runs: number; readonly runsPerSubject: number }) {
    this.#most = limits.runs;
    this.#bySubject = new Tally(limits.runsPerSubject);
  }

  /** Takes a place for `subject`; false where there is none. */
  tryTake(subject: string): boolean {
    if (this.#taken >= this.#most || !this.#bySubject.hasRoomFor(subject)) return false;
    this.take(subject);
    return true;
  }

  /** Takes a place even over the bounds: for a run whose message is acknowledged already. */
  take(subject: string): void {
    this.#taken++;
    this.#bySubject.add(subject);
  }

  /** Gives a place back. */
  release(subject: string): void {
    if (this.#bySubject.of(subject) === 0) {
      throw new Error("Cannot release a place that nobody holds");
    }
    this.#taken--;
    this.#bySubject.remove(subject);
  }
}
