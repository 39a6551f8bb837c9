/**
 * Writes log lines without ever making the server wait for their reader.
 *
 * @module
 */

/** What a {@linkcode LineWriter} writes to, and how. */
export interface LineWriterOptions {
  /** Writes some of the bytes and answers how many, as `Deno.stdout.write` does. */
  readonly write: (bytes: Uint8Array) => Promise<number>;
  /** The line that reports how many lines were dropped, without its line break. */
  readonly describeDropped: (count: number) => string;
  /** Characters that may wait for a slow reader; what comes over it is dropped. Default 1 Mi. */
  readonly maxQueuedLength?: number;
}

/**
 * A bounded queue of lines in front of an asynchronous write. A reader that
 * stalls, leaves or fills its disk costs lines and nothing else: a synchronous
 * write to a full pipe would stop the whole event loop.
 */
export class LineWriter {
  readonly #options: LineWriterOptions;
  readonly #encoder = new TextEncoder();
  #queue: string[] = [];
  #queuedLength = 0;
  #dropped = 0;
  #pumping: Promise<void> | undefined;

  /** Writes nothing yet. */
  constructor(options: LineWriterOptions) {
    this.#options = options;
  }

  /** Queues one line, without its line break, and starts to write at once. Never throws. */
  write(line: string): void {
    if (this.#queuedLength + line.length > (this.#options.maxQueuedLength ?? 1_048_576)) {
      this.#dropped++;
      return;
    }
    this.#queue.push(line);
    this.#queuedLength += line.length;
    this.#pumping ??= this.#pump();
  }

  /** Resolves once all that was queued is written or lost; it waits for a stalled reader. */
  async flush(): Promise<void> {
    await this.#pumping;
  }

  async #pump(): Promise<void> {
    while (this.#queue.length > 0) {
      const lines = this.#queue;
      this.#queue = [];
      this.#queuedLength = 0;
      const dropped = this.#dropped;
      this.#dropped = 0;
      if (dropped > 0) lines.push(this.#options.describeDropped(dropped));
      try {
        await this.#writeAll(this.#encoder.encode(lines.join("\n") + "\n"));
      } catch {
        // Nobody is left to tell. The next line tries again and reports the loss.
        this.#dropped += dropped + lines.length - (dropped > 0 ? 1 : 0);
      }
    }
    this.#pumping = undefined;
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    for (let offset = 0; offset < bytes.length;) {
      offset += await this.#options.write(bytes.subarray(offset));
    }
  }
}
