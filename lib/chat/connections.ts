/**
 * The open sockets and event streams of this instance: how many a subject has, who is told of a
 * drain, and who goes first where memory is short.
 *
 * @module
 */
import { Tally } from "../tally.ts";
import { CLOSES } from "./close_codes.ts";

/** Longest time over which clients are told to come back after a drain, milliseconds. */
const RECONNECT_SPREAD_MS = 3_000;

/** What holds a place: a chat on a socket, or an event stream. */
export interface Attendance {
  /** Bytes that the reader has not taken. */
  readonly unsentBytes: number;
  /** Tells the client to come back later, and ends. */
  drain(reconnectAfterMs: number): void;
  /** Ends, whatever the reader has not taken. */
  close(code: number, reason: string): void;
}

/** One place among a subject's open sockets and streams. */
export interface Connection {
  /** Names what holds the place. */
  register(attendance: Attendance): void;
  /** Gives the place back. Again changes nothing. */
  release(): void;
}

/** Counts and holds what is open. */
export class Connections {
  readonly #bySubject: Tally;
  readonly #sessions = new Set<Attendance>();
  readonly #onCount: (count: number) => void;
  /** What places ask: one for all of them. */
  readonly #desk: Desk = {
    hold: (attendance) => this.#sessions.add(attendance),
    free: (subject, held) => this.#free(subject, held),
  };
  #count = 0;

  /** Allows `perSubject` of them for one subject; `onCount` is told how many there are. */
  constructor(options: { perSubject: number; onCount: (count: number) => void }) {
    this.#bySubject = new Tally(options.perSubject);
    this.#onCount = options.onCount;
  }

  /** Sockets and streams that hold a place. */
  get count(): number {
    return this.#count;
  }

  /** Takes a place; null where the subject has all it may have. */
  tryTake(subject: string): Connection | null {
    if (!this.#bySubject.tryAdd(subject)) return null;
    this.#onCount(++this.#count);
    return new TakenPlace(subject, this.#desk);
  }

  #free(subject: string, held: Attendance | null): void {
    if (held !== null) this.#sessions.delete(held);
    this.#bySubject.remove(subject);
    this.#onCount(--this.#count);
  }

  /** Tells every session of the drain and closes it; each is to come back at a time of its own. */
  drain(): void {
    for (const session of [...this.#sessions]) session.drain(reconnectAfterMs());
  }

  /**
   * Closes the sessions whose readers have left most unread, an eighth of them and at least one;
   * returns how many. Those with less than `leastBytes` stay: it is under way to a reader that reads.
   */
  shedHeaviest(leastBytes = 1): number {
    const heaviest = [...this.#sessions]
      .filter(({ unsentBytes }) => unsentBytes >= leastBytes)
      .sort((a, b) => b.unsentBytes - a.unsentBytes);
    const shed = heaviest.slice(0, Math.ceil(heaviest.length / 8));
    const { code, reason } = CLOSES.slowConsumer;
    for (const session of shed) session.close(code, reason);
    return shed.length;
  }
}

/** What a place asks of the connections. */
interface Desk {
  hold(attendance: Attendance): void;
  free(subject: string, held: Attendance | null): void;
}

class TakenPlace implements Connection {
  readonly #subject: string;
  #desk: Desk | null;
  #held: Attendance | null = null;

  constructor(subject: string, desk: Desk) {
    this.#subject = subject;
    this.#desk = desk;
  }

  register(attendance: Attendance): void {
    if (this.#desk === null) return;
    this.#held = attendance;
    this.#desk.hold(attendance);
  }

  release(): void {
    const desk = this.#desk;
    this.#desk = null;
    desk?.free(this.#subject, this.#held);
  }
}

/** A moment at which one client should come back, spread so that not all come as one. */
export function reconnectAfterMs(): number {
  return Math.round(Math.random() * RECONNECT_SPREAD_MS);
}
