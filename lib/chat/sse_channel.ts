/**
 * Server-sent events to one reader, paced by it.
 *
 * @module
 */

/** How a {@linkcode SseChannel} is paced, and whom it tells. */
export interface SseChannelOptions {
  /** Unsent bytes from which on {@linkcode SseChannel.drained} waits. */
  readonly highWaterMark: number;
  /** Told once: everything was read, or never will be. */
  readonly onClosed: () => void;
}

/** Sends events until all of them are read behind its end, it is cut, or its reader has left. */
export class SseChannel {
  /** The body of the response, UTF-8. */
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly #options: SseChannelOptions;
  readonly #encoder = new TextEncoder();
  #controller!: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>;
  #taken = Promise.withResolvers<void>();
  #sentBytes = 0;
  #state: "open" | "ending" | "closed" = "open";
  #closing: ReturnType<typeof setTimeout> | undefined;

  /** Opens a channel whose `body` is the caller's to respond with. */
  constructor(options: SseChannelOptions) {
    this.#options = options;
    this.body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      start: (controller) => {
        this.#controller = controller;
      },
      // Called after each read that leaves less than the mark.
      pull: () => this.#onTaken(),
      cancel: () => this.#close(),
    }, new ByteLengthQueuingStrategy(options));
  }

  /** Bytes that wait to be read. */
  get unsentBytes(): number {
    if (this.#state === "closed") return 0;
    return this.#options.highWaterMark - (this.#controller.desiredSize ?? 0);
  }

  /** Bytes that were read so far. */
  get takenBytes(): number {
    return this.#sentBytes - this.unsentBytes;
  }

  /** Whether its reader is so far behind that no more should be sent without need. */
  get isFull(): boolean {
    return this.unsentBytes >= this.#options.highWaterMark;
  }

  /** Sends events or comments, each with its blank line; nothing once it is ended. */
  send(events: string): void {
    if (this.#state !== "open") return;
    const bytes = this.#encoder.encode(events);
    this.#sentBytes += bytes.length;
    this.#controller.enqueue(bytes);
  }

  /** Resolves when the reader has taken enough; rejects once it is ended. */
  async drained(): Promise<void> {
    while (this.#state === "open" && this.isFull) await this.#taken.promise;
    if (this.#state !== "open") throw new DOMException("The stream has ended", "AbortError");
  }

  /** Ends the body behind what was sent, and closes once that is read. */
  end(): void {
    if (this.#state !== "open") return;
    this.#state = "ending";
    this.#onTaken();
  }

  /** Drops what is unsent, and the connection: its reader sees a network error. */
  cut(): void {
    if (this.#state === "closed") return;
    this.#controller.error(new DOMException("The stream was cut", "AbortError"));
    this.#close();
  }

  #onTaken(): void {
    this.#wake();
    if (this.#state !== "ending" || this.unsentBytes > 0) return;
    // A body that ends before Deno 2.5 has begun to send it keeps `server.shutdown()` from ending.
    this.#closing ??= setTimeout(() => {
      this.#controller.close();
      this.#close();
    }, 0);
  }

  #close(): void {
    this.#state = "closed";
    clearTimeout(this.#closing);
    this.#wake();
    this.#options.onClosed();
  }

  #wake(): void {
    this.#taken.resolve();
    this.#taken = Promise.withResolvers();
  }
}
