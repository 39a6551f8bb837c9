/**
 * Places for running runs on this instance: a bound in all and one for each subject.
 *
 * @module
 */

/** Counts running runs. */
export class RunSlots {
  readonly #limits: { readonly runs: number; readonly runsPerSubject: number };
  readonly #bySubject = new Map<string, number>();
  #taken = 0;

  /** Allows `runs` in all and `runsPerSubject` for one subject. */
  constructor(limits: { readonly runs: number; readonly runsPerSubject: number }) {
    this.#limits = limits;
  }

  /** Runs that hold a place. */
  get taken(): number {
    return this.#taken;
  }

  /** Takes a place for `subject`; false where there is none. */
  tryTake(subject: string): boolean {
    const own = this.#bySubject.get(subject) ?? 0;
    if (this.#taken >= this.#limits.runs || own >= this.#limits.runsPerSubject) return false;
    this.take(subject);
    return true;
  }

  /** Takes a place even over the bounds: for a run whose message is acknowledged already. */
  take(subject: string): void {
    this.#taken++;
    this.#bySubject.set(subject, (this.#bySubject.get(subject) ?? 0) + 1);
  }

  /** Gives a place back. */
  release(subject: string): void {
    const own = this.#bySubject.get(subject) ?? 0;
    if (own === 0) throw new Error("Cannot release a place that nobody holds");
    this.#taken--;
    if (own === 1) this.#bySubject.delete(subject);
    else this.#bySubject.set(subject, own - 1);
  }
}
