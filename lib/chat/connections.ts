/**
 * The open sockets and event streams of this instance: how many a subject has, who is told of a
 * drain, and who goes first where memory is short.
 *
 * @module
 */
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
  readonly #perSubject: number;
  readonly #bySubject = new Map<string, number>();
  readonly #sessions = new Set<Attendance>();
  readonly #onCount: (count: number) => void;
  #count = 0;

  /** Allows `perSubject` of them for one subject; `onCount` is told how many there are. */
  constructor(options: { perSubject: number; onCount: (count: number) => void }) {
    this.#perSubject = options.perSubject;
    this.#onCount = options.onCount;
  }

  /** Sockets and streams that hold a place. */
  get count(): number {
    return this.#count;
  }

  /** Takes a place; null where the subject has all it may have. */
  tryTake(subject: string): Connection | null {
    const own = this.#bySubject.get(subject) ?? 0;
    if (own >= this.#perSubject) return null;
    this.#bySubject.set(subject, own + 1);
    this.#onCount(++this.#count);
    let held: Attendance | null = null;
    let released = false;
    return {
      register: (attendance) => {
        if (released) return;
        held = attendance;
        this.#sessions.add(attendance);
      },
      release: () => {
        if (released) return;
        released = true;
        if (held !== null) this.#sessions.delete(held);
        const left = (this.#bySubject.get(subject) ?? 0) - 1;
        if (left > 0) this.#bySubject.set(subject, left);
        else this.#bySubject.delete(subject);
        this.#onCount(--this.#count);
      },
    };
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

/** A moment at which one client should come back, spread so that not all come as one. */
export function reconnectAfterMs(): number {
  return Math.round(Math.random() * RECONNECT_SPREAD_MS);
}
