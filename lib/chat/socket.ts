/**
 * The port to a socket, and the adapter for the platform's `WebSocket`.
 *
 * @module
 */

/** What a session needs of a socket. None of it throws. */
export interface ChatSocket {
  /** Bytes that were sent and that the peer has not taken yet. */
  readonly bufferedAmount: number;
  /** Sends one text frame; does nothing once the socket is closing. */
  send(text: string): void;
  /** Closes with a code and a reason of at most 123 bytes; the first call counts. */
  close(code: number, reason: string): void;
}

/**
 * Wait before a close, milliseconds: what a client has sent meanwhile is read first. Deno 2.9 ends
 * the connection without the close frame where large frames are still coming in.
 */
const CLOSE_DELAY_MS = 20;

/** A {@linkcode ChatSocket} on a platform socket, which stays its opener's to listen to. */
export class WebSocketChannel implements ChatSocket {
  readonly #socket: WebSocket;
  #closeCode: number | null = null;

  /** Wraps `socket`, open or about to be. */
  constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  get bufferedAmount(): number {
    return this.#socket.bufferedAmount;
  }

  /** The code that it was closed with from this side; null where it was not. */
  get closeCode(): number | null {
    return this.#closeCode;
  }

  send(text: string): void {
    // Before `open` and after `close` the platform throws.
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(text);
  }

  close(code: number, reason: string): void {
    if (this.#closeCode !== null || this.#socket.readyState > WebSocket.OPEN) return;
    this.#closeCode = code;
    // Called inside `onmessage`, Deno loses the close frame if another frame is readable.
    setTimeout(() => {
      if (this.#socket.readyState <= WebSocket.OPEN) this.#socket.close(code, reason);
    }, CLOSE_DELAY_MS);
  }
}
