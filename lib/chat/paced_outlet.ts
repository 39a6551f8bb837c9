/**
 * What a session sends through: counts frames, and gives up a reader that does
 * not keep up.
 *
 * @module
 */
import { delay } from "@std/async/delay";
import { HIGH_WATER } from "../limits.ts";
import type { ServerFrameType } from "./protocol.ts";
import type { ChatSocket } from "./socket.ts";
import type { Outlet } from "./subscription_parts.ts";

/** How a {@linkcode PacedOutlet} is bounded, and whom it tells. */
export interface PacedOutletOptions {
  /** `LIMIT_UNSENT_BYTES`. */
  readonly maxUnsentBytes: number;
  /** Told of each frame. */
  readonly onSent: (type: ServerFrameType) => void;
  /** Told once, when too much is unsent. */
  readonly onSlow: () => void;
  /** Told of something that should not happen, while the socket is open. */
  readonly onFault: (error: unknown) => void;
}

/** Wait between two looks at what the reader has taken, milliseconds. */
const LOOK_MS = 20;

/** Time without a byte taken after which a reader that is waited for is given up, milliseconds. */
const STALL_MS = 30_000;

/** Of one UTF-16 unit. */
const UTF8_BYTES_AT_MOST = 3;

/** Sends to one socket until it is {@linkcode closed}. */
export class PacedOutlet implements Outlet {
  readonly #socket: ChatSocket;
  readonly #options: PacedOutletOptions;
  /** Made for the first wait: most sockets never wait. */
  #over: AbortController | null = null;
  /** Bytes that are unsent at most: what was seen at the last look, and all that was sent since. */
  #unsentAtMost = 0;
  #closed = false;

  /** Sends through `socket`. */
  constructor(socket: ChatSocket, options: PacedOutletOptions) {
    this.#socket = socket;
    this.#options = options;
  }

  /**
   * Sends one encoded frame. A reader who keeps up gets it however large: an answer is one entry.
   * Never throws: whoever publishes to many has nothing to do with what is wrong with one.
   */
  send(frame: string): void {
    if (this.#closed) return;
    try {
      this.#send(frame);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Resolves when the reader has taken enough; rejects once the outlet is closed. */
  async drained(): Promise<void> {
    const { signal } = this.#over ??= new AbortController();
    let least = this.#socket.bufferedAmount;
    let stalledMs = 0;
    while (!this.#closed && this.#socket.bufferedAmount > this.#highWater) {
      await delay(LOOK_MS, { signal });
      stalledMs = this.#socket.bufferedAmount < least ? 0 : stalledMs + LOOK_MS;
      least = Math.min(least, this.#socket.bufferedAmount);
      if (stalledMs >= STALL_MS) this.#giveUp();
    }
    if (this.#closed) throw new DOMException("The socket is closed", "AbortError");
  }

  /** Ends the socket for something that should not happen. */
  fail(error: unknown): void {
    // A closed outlet makes its readers fail: that is how they end.
    if (!this.#closed) this.#options.onFault(error);
  }

  /** Sends nothing any more. */
  close(): void {
    this.#closed = true;
    this.#over?.abort();
  }

  #send(frame: string): void {
    const keepsUp = this.#unsentAtMost <= this.#highWater || this.#look() <= this.#highWater;
    this.#socket.send(frame);
    this.#unsentAtMost += frame.length * UTF8_BYTES_AT_MOST;
    this.#options.onSent(typeOf(frame));
    if (!keepsUp && this.#look() > this.#options.maxUnsentBytes) this.#giveUp();
  }

  /** Asks the platform, which takes a third of what a small frame takes. */
  #look(): number {
    return this.#unsentAtMost = this.#socket.bufferedAmount;
  }

  #giveUp(): void {
    this.close();
    this.#options.onSlow();
  }

  get #highWater(): number {
    return this.#options.maxUnsentBytes * HIGH_WATER;
  }
}

/** Every frame is encoded with its `type` first: `{"type":"entry",…`. */
function typeOf(frame: string): ServerFrameType {
  return frame.slice(9, frame.indexOf('"', 9)) as ServerFrameType;
}
