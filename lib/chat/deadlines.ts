/**
 * The moments of thousands of sockets, on one timer.
 *
 * @module
 */
import { MAX_TIMER_MS } from "../limits.ts";

/** What a moment comes to. */
export interface Due {
  /** Its moment has come. */
  comesDue(): void;
}

/** Moments that share a slot come together at its end, milliseconds: each at most that late. */
const SLOT_MS = 1_000;

/**
 * Tells each of many when its moment has come, by the wall clock: never before it, and at most a
 * second later. A timer for each would cost about a kilobyte. Has one timer while anybody waits.
 */
export class Deadlines {
  /** By the end of the slot. */
  readonly #slots = new Map<number, Set<Due>>();
  readonly #onFault: (error: unknown) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerAtMs = Infinity;

  /** `onFault` is told what one of them threw; the others are told all the same. */
  constructor({ onFault }: { readonly onFault: (error: unknown) => void }) {
    this.#onFault = onFault;
  }

  /** Tells `due` once, when it is `atMs`, milliseconds since the epoch. */
  add(atMs: number, due: Due): void {
    const endMs = slotEnd(atMs);
    const slot = this.#slots.get(endMs);
    if (slot === undefined) this.#slots.set(endMs, new Set([due]));
    else slot.add(due);
    if (endMs < this.#timerAtMs) this.#wakeAt(endMs);
  }

  /** Does not tell `due` of that moment any more. */
  remove(atMs: number, due: Due): void {
    const endMs = slotEnd(atMs);
    const slot = this.#slots.get(endMs);
    if (slot === undefined || !slot.delete(due) || slot.size > 0) return;
    this.#slots.delete(endMs);
    if (this.#slots.size > 0) return;
    clearTimeout(this.#timer);
    this.#timerAtMs = Infinity;
  }

  #wakeAt(atMs: number): void {
    clearTimeout(this.#timer);
    this.#timerAtMs = atMs;
    const waitMs = Math.min(Math.max(atMs - Date.now(), 0), MAX_TIMER_MS);
    this.#timer = setTimeout(() => this.#tellDue(), waitMs);
  }

  #tellDue(): void {
    this.#timerAtMs = Infinity;
    const nowMs = Date.now();
    for (const [endMs, slot] of this.#slots) {
      if (endMs > nowMs) continue;
      this.#slots.delete(endMs);
      for (const due of slot) this.#tell(due);
    }
    let nextMs = Infinity;
    for (const endMs of this.#slots.keys()) nextMs = Math.min(nextMs, endMs);
    if (nextMs < this.#timerAtMs) this.#wakeAt(nextMs);
  }

  #tell(due: Due): void {
    try {
      due.comesDue();
    } catch (error) {
      this.#onFault(error);
    }
  }
}

function slotEnd(atMs: number): number {
  return Math.ceil(atMs / SLOT_MS) * SLOT_MS;
}
