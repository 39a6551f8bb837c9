/**
 * Chunks on their way from those that make them to the one that reads them.
 *
 * @module
 */
import type { Chunk } from "./model.ts";

/** Chunks that wait at most before those that make them are held up. */
const MAX_WAITING = 64;

/** A queue with one reader. Whoever pushes may be held up by it, never refused. */
export class ChunkQueue {
  #waiting: Chunk[] = [];
  #end: { readonly error?: unknown } | null = null;
  #arrived: PromiseWithResolvers<void> | null = null;
  #drained: PromiseWithResolvers<void> | null = null;

  /** Adds a chunk. A promise that is returned resolves when there is room for more. */
  push(chunk: Chunk): Promise<void> | undefined {
    if (this.#end !== null) return undefined;
    this.#waiting.push(chunk);
    this.#wake();
    if (this.#waiting.length < MAX_WAITING) return undefined;
    this.#drained ??= Promise.withResolvers();
    return this.#drained.promise;
  }

  /** Nothing follows what waits; its reader then gets `error`, if there is one. Again changes nothing. */
  end(end: { readonly error?: unknown } = {}): void {
    this.#end ??= end;
    this.#wake();
    this.#makeRoom();
  }

  /** All that is pushed, until the end. */
  async *read(): AsyncGenerator<Chunk, void> {
    while (true) {
      const chunks = this.#waiting;
      this.#waiting = [];
      this.#makeRoom();
      for (const chunk of chunks) yield chunk;
      if (this.#waiting.length > 0) continue;
      if (this.#end !== null) {
        if ("error" in this.#end) throw this.#end.error;
        return;
      }
      this.#arrived = Promise.withResolvers();
      await this.#arrived.promise;
    }
  }

  #wake(): void {
    this.#arrived?.resolve();
    this.#arrived = null;
  }

  #makeRoom(): void {
    this.#drained?.resolve();
    this.#drained = null;
  }
}
