/**
 * Stores a run's chunks in batches while they stream, by time and by size.
 *
 * @module
 */
import { delay } from "@std/async/delay";
import type { ChunkBatch, ChunkLog } from "../threads/chunk_log.ts";
import { isPassing } from "../threads/store.ts";
import type { RunClaim } from "../threads/thread_edit.ts";

/** Longest wait of a chunk, milliseconds: a follower elsewhere sees it within 500 ms. */
const BATCH_MS = 200;

/** Batches of many runs go at the same moments, this many milliseconds apart: the store joins them into one commit. */
const SLOT_MS = 25;

/** Characters of a batch: with JSON's escapes it mostly fits one value of the store. */
const BATCH_CHARACTERS = 48_000;

/** Characters that one value of the store takes, whatever they are. */
const REST_CHARACTERS = 16_000;

/** Wait before a batch that could not be stored is tried again, milliseconds. */
const RETRY_MS = 500;

/** What a {@linkcode ChunkWriter} tells. After the last two nothing more is written. */
export interface WriterEvents {
  /** A batch was stored. */
  readonly onSaved: () => void;
  /** The run turned out to be another's. */
  readonly onFenced: () => void;
  /** Something happened that should not. */
  readonly onFault: (error: unknown) => void;
}

/** Writes one attempt's chunks. Batches go one after another, in order. */
export class ChunkWriter {
  readonly #log: ChunkLog;
  readonly #claim: RunClaim;
  readonly #events: WriterEvents;
  #waiting: string[] = [];
  #characters = 0;
  #saved = 0;
  readonly #batches: number[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #writing: Promise<void> | null = null;
  #stopped = false;
  /** What waits is to go with the run's end. */
  #isResting = false;
  /** What waits is not to wait any longer. */
  #isFlushing = false;

  /** Writes for `claim`. */
  constructor(
    log: ChunkLog,
    claim: RunClaim,
    events: WriterEvents,
  ) {
    this.#log = log;
    this.#claim = claim;
    this.#events = events;
  }

  /** Where the batches begin that were stored, or may have been: the indexes of their first chunks. */
  get batches(): readonly number[] {
    return this.#waiting.length === 0 ? this.#batches : [...this.#batches, this.#saved];
  }

  /** Takes the next chunk, as JSON. */
  push(chunk: string): void {
    if (this.#stopped) return;
    this.#waiting.push(chunk);
    this.#characters += chunk.length;
    if (this.#characters >= BATCH_CHARACTERS) this.#start();
    else this.#startLater();
  }

  /**
   * What is not stored yet, once nothing is under way: small enough to go with the run's end.
   * `undefined` where there is nothing. It goes on waiting: {@linkcode flush} stores it all the same.
   */
  async rest(): Promise<ChunkBatch | undefined> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#isResting = true;
    await this.#writing;
    if (this.#characters > REST_CHARACTERS) await this.flush();
    if (this.#stopped || this.#waiting.length === 0) return undefined;
    return { index: this.#saved, chunks: this.#waiting };
  }

  /** Resolves when all that was pushed is stored, or nothing more will be. */
  async flush(): Promise<void> {
    this.#isResting = false;
    this.#isFlushing = true;
    do {
      this.#start();
      await this.#writing;
    } while (this.#mayWrite);
    this.#isFlushing = false;
  }

  /** Ends it: what waits is dropped. Resolves when no write is under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#waiting = [];
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#writing;
  }

  #startLater(): void {
    this.#timer ??= setTimeout(() => this.#start(), BATCH_MS - Date.now() % SLOT_MS);
  }

  #start(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#writing !== null || this.#stopped) return;
    this.#writing = this.#write().finally(() => {
      this.#writing = null;
      if (this.#mayWrite) this.#startLater();
    });
  }

  /** Writes what waits. What comes meanwhile waits for others to go with, unless it is a batch by itself. */
  async #write(): Promise<void> {
    while (this.#mayWrite) {
      const batch = this.#waiting;
      this.#waiting = [];
      this.#characters = 0;
      this.#batches.push(this.#saved);
      await this.#saveUntilDone(batch);
      this.#saved += batch.length;
      if (!this.#isFlushing && this.#characters < BATCH_CHARACTERS) return;
    }
  }

  get #mayWrite(): boolean {
    return this.#waiting.length > 0 && !this.#stopped && !this.#isResting;
  }

  async #saveUntilDone(batch: readonly string[]): Promise<void> {
    while (!this.#stopped) {
      try {
        if (await this.#log.save(this.#claim, this.#saved, batch)) {
          this.#events.onSaved();
        } else {
          this.#stopped = true;
          this.#events.onFenced();
        }
        return;
      } catch (error) {
        // The same batch under the same key and fence: repeating it changes nothing.
        if (!isPassing(error)) {
          this.#stopped = true;
          return this.#events.onFault(error);
        }
        await delay(RETRY_MS);
      }
    }
  }
}
