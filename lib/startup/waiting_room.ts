/**
 * The waiting room: bounded places before the barrier, left in order of arrival.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import { RELEASE_BATCH } from "../limits.ts";
import { Tally } from "../tally.ts";

/** The room's bounds, and how it lets others go first. */
export interface WaitingRoomOptions {
  /** Most callers, named and unnamed: `LIMIT_WAITING`. */
  readonly total: number;
  /** Most callers of one subject: `LIMIT_WAITING_PER_SUBJECT`. */
  readonly perSubject: number;
  /** Most callers released between two macrotasks, after a few smaller batches; `RELEASE_BATCH` by default. */
  readonly batch?: number;
  /** Resolves after a macrotask in which the runtime sends what is ready; {@linkcode macrotask} by default. */
  readonly yieldToLoop?: () => Promise<void>;
}

/** Why there is no place. */
export type RoomFull = "subject-full" | "total-full";

/** The first batch, callers: they run code that is still cold, and the first is let in after all of them. */
const FIRST_BATCH = 4;

/** One caller's place. */
export interface Place {
  /**
   * Counts the caller in its subject's places from now on, or says that they are full.
   *
   * @throws {Error} If the place has a name already, or was left.
   */
  name(subject: string): "ok" | "subject-full";
  /** Resolves at the turn that {@linkcode ask} asks for; at once where the place is left. */
  wait(): Promise<void>;
  /** Asks for a turn: they come in order of arrival among those who ask, a batch at a time. */
  ask(): void;
  /** Frees the place. Leaving again changes nothing. */
  leave(): void;
}

/**
 * Resolves after a macrotask of the event loop's check phase; what was answered
 * before it is on the wire then. Measured with 2,000 waiting requests in batches of 64 on
 * Deno 2.9.6 and 2.5.0: the first answer after 8 to 13 ms (all at once: 116 to 148 ms).
 * `setTimeout` does about as well; through a `MessageChannel` 2.9.6 sends nothing before the last batch.
 */
export function macrotask(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** Bounded places. Who is in it, and for how long, is the gate's business. */
export class WaitingRoom {
  readonly #options: Required<WaitingRoomOptions>;
  readonly #bySubject: Tally;
  /** What places ask of the room: one for all of them. */
  readonly #desk: Desk = {
    take: (subject) => this.#bySubject.tryAdd(subject),
    ask: (occupant) => this.#ask(occupant),
    free: (subject) => this.#free(subject),
  };
  /** In order of arrival. */
  readonly #asking: Occupant[] = [];
  #releasing = false;
  #arrivals = 0;
  #size = 0;

  /** Makes an empty room. */
  constructor(options: WaitingRoomOptions) {
    this.#options = { batch: RELEASE_BATCH, yieldToLoop: macrotask, ...options };
    this.#bySubject = new Tally(options.perSubject);
  }

  /** Callers in the room, named and unnamed. */
  get size(): number {
    return this.#size;
  }

  /** Takes a place; `null` for a caller whose subject is not known yet, who counts in the total only. */
  enter(subject: string | null): Place | RoomFull {
    if (subject !== null && !this.#bySubject.hasRoomFor(subject)) return "subject-full";
    if (this.#size >= this.#options.total) return "total-full";
    this.#size++;
    const place = new Occupant(this.#arrivals++, this.#desk);
    if (subject !== null) place.name(subject);
    return place;
  }

  #free(subject: string | null): void {
    this.#size--;
    if (subject !== null) this.#bySubject.remove(subject);
  }

  #ask(occupant: Occupant): void {
    const after = this.#asking.findLastIndex((other) => other.arrival < occupant.arrival);
    this.#asking.splice(after + 1, 0, occupant);
    if (this.#releasing) return;
    this.#releasing = true;
    void this.#release();
  }

  async #release(): Promise<void> {
    const { batch, yieldToLoop } = this.#options;
    let size = Math.min(FIRST_BATCH, batch);
    while (this.#asking.length > 0) {
      // Before the first batch too: a verdict wakes its waiters in any order, within one macrotask.
      await yieldToLoop();
      for (const occupant of this.#asking.splice(0, size)) occupant.release();
      size = Math.min(size * 2, batch);
    }
    this.#releasing = false;
  }
}

/** What a place asks of its room. */
interface Desk {
  take(subject: string): boolean;
  ask(occupant: Occupant): void;
  free(subject: string | null): void;
}

class Occupant implements Place {
  readonly arrival: number;
  readonly #desk: Desk;
  #subject: string | null = null;
  #turn: Promise<void> | null = null;
  #release: () => void = nothing;
  #asks = false;
  #left = false;

  constructor(arrival: number, desk: Desk) {
    this.arrival = arrival;
    this.#desk = desk;
  }

  name(subject: string): "ok" | "subject-full" {
    if (this.#left) throw new Error("Cannot name a place that was left");
    if (this.#subject !== null) throw new Error("Cannot name a place twice");
    if (!this.#desk.take(subject)) return "subject-full";
    this.#subject = subject;
    return "ok";
  }

  wait(): Promise<void> {
    if (this.#left) return Promise.resolve();
    this.#turn ??= new Promise((resolve) => this.#release = resolve);
    return this.#turn;
  }

  ask(): void {
    if (this.#left || this.#asks) return;
    this.#asks = true;
    this.#desk.ask(this);
  }

  leave(): void {
    if (this.#left) return;
    this.#left = true;
    this.#desk.free(this.#subject);
    this.release();
  }

  release(): void {
    this.#asks = false;
    this.#release();
    this.#turn = null;
  }
}

function nothing(): void {}
