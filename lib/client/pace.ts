/**
 * Sends no faster than the server takes frames: what comes faster is dropped there, and nobody can
 * tell which frame it was.
 *
 * @module
 */

/** Passes texts on at `perSecond` on average, as many at once. */
export class PacedSender {
  readonly #write: (text: string) => void;
  readonly #perSecond: number;
  readonly #waiting: string[] = [];
  #allowed: number;
  #atMs = Date.now();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Writes to `write`. */
  constructor(write: (text: string) => void, perSecond: number) {
    this.#write = write;
    this.#perSecond = this.#allowed = Math.max(1, perSecond);
  }

  /** Sends `text` behind what waits. */
  send(text: string): void {
    this.#waiting.push(text);
    this.#drain();
  }

  /** Drops what waits. */
  close(): void {
    this.#waiting.length = 0;
    clearTimeout(this.#timer);
  }

  #drain(): void {
    const nowMs = Date.now();
    // A clock that was set back must not stop anything.
    const refill = Math.max(0, nowMs - this.#atMs) * this.#perSecond / 1_000;
    this.#allowed = Math.min(this.#perSecond, this.#allowed + refill);
    this.#atMs = nowMs;
    while (this.#allowed >= 1 && this.#waiting.length > 0) {
      this.#allowed--;
      this.#write(this.#waiting.shift()!);
    }
    clearTimeout(this.#timer);
    if (this.#waiting.length === 0) return;
    const waitMs = Math.ceil((1 - this.#allowed) * 1_000 / this.#perSecond);
    this.#timer = setTimeout(() => this.#drain(), waitMs);
  }
}
