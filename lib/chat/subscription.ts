/**
 * One thread as one socket follows it: what is missing from the log first,
 * then live, each entry and each chunk once and in order.
 *
 * @module
 */
import { delay } from "@std/async/delay";
import { AppError } from "../errors.ts";
import { isUnavailable } from "../threads/store.ts";
import type { FanOut, RunAttempt, Topic, TopicListener } from "./fan_out.ts";
import { frameful } from "./frameful.ts";
import {
  type AssistantEntry,
  encodeChunks,
  encodeFrame,
  type Entry,
  type RunPosition,
} from "./protocol.ts";
import type { Outlet, SubscriptionStart, TopicReader } from "./subscription_parts.ts";

/** Wait before the log is read again after it could not be, milliseconds. */
const RETRY_MS = 1_000;

/** Follows one topic for one outlet, from {@linkcode begin} until {@linkcode close}. */
export class Subscription implements TopicListener {
  readonly #topic: Topic;
  readonly #reader: TopicReader;
  readonly #fanOut: FanOut;
  readonly #outlet: Outlet;
  readonly #position: RunPosition | undefined;
  #cursor: number;
  readonly #endedThrough: number;
  /** The run whose chunks come now. */
  #run: { readonly runId: string; readonly attempt: number; next: number } | null;
  #mode: "live" | "reading" | "closed" = "live";
  /** Something happened while the log was read. */
  #moved = false;
  /** A run streamed here while the log was read. */
  #streamed = false;
  #unsubscribe: () => void = () => {};

  /** Follows `topic` from `start`; nothing happens before {@linkcode begin}. */
  constructor(
    parts: { topic: Topic; reader: TopicReader; fanOut: FanOut; outlet: Outlet },
    start: SubscriptionStart,
  ) {
    this.#topic = parts.topic;
    this.#reader = parts.reader;
    this.#fanOut = parts.fanOut;
    this.#outlet = parts.outlet;
    this.#cursor = start.afterSeq;
    this.#run = start.run === null ? null : { ...start.run };
    this.#endedThrough = start.headSeq;
    this.#position = start.position;
  }

  /** The topic that is followed. */
  get topic(): Topic {
    return this.#topic;
  }

  /** Whether it has ended. */
  get isClosed(): boolean {
    return this.#mode === "closed";
  }

  /** Subscribes and sends what is missing. */
  begin(): void {
    this.#unsubscribe = this.#fanOut.subscribe(this.#topic, this);
    this.#catchUp();
    void this.#follow();
  }

  /** Ends it; nothing is sent any more. */
  close(): void {
    if (this.isClosed) return;
    this.#mode = "closed";
    this.#unsubscribe();
    this.#reader.unfollow(this.#topic);
  }

  /** Sends the next entry, or reads what is missing before it. */
  onEntry(seq: number, entry: Entry, frame: string): void {
    if (this.#mode === "reading") this.#moved = true;
    if (this.#mode !== "live" || seq <= this.#cursor) return;
    if (seq === this.#cursor + 1) this.#deliver(seq, entry, frame);
    else this.#catchUp();
  }

  /** Sends the next chunks, or reads what is missing before them. */
  onChunks(run: RunAttempt, index: number, chunks: readonly string[], frame: string): void {
    if (this.#mode === "reading") this.#streamed = true;
    if (this.#mode !== "live" || !isSame(this.#run, run)) return;
    const { next } = this.#run;
    if (index > next) this.#catchUp();
    else if (index === next) {
      this.#run.next += chunks.length;
      this.#outlet.send(frame);
    } else this.#sendChunks(chunks.slice(next - index));
  }

  /** Reads the log. */
  onPoke(): void {
    if (this.#mode === "reading") this.#moved = true;
    else this.#catchUp();
  }

  /** Ends it. */
  onDeleted(): void {
    this.close();
  }

  /** Nobody waits for this: what other instances do meanwhile is read once it is heard. */
  async #follow(): Promise<void> {
    try {
      await this.#reader.follow(this.#topic);
    } catch {
      // The store is lost. Once it is back and this is followed, a poke says so.
      return;
    }
    if (!this.isClosed) this.onPoke();
  }

  #deliver(seq: number, entry: Entry, frame: string): void {
    this.#cursor = seq;
    if (entry.kind === "run.started") {
      const { runId, attempt } = entry;
      const seen = isSame(this.#position ?? null, entry) ? this.#position : undefined;
      this.#run = { runId, attempt, next: seen === undefined ? 0 : seen.index + 1 };
    } else if (isAnswer(entry) && entry.runId === this.#run?.runId) this.#run = null;
    this.#outlet.send(frame);
  }

  #catchUp(): void {
    if (this.#mode !== "live") return;
    this.#mode = "reading";
    this.#read().catch((error) => {
      this.close();
      this.#outlet.fail(error);
    });
  }

  async #read(): Promise<void> {
    do {
      this.#moved = this.#streamed = false;
      try {
        await this.#readEntries();
        await this.#readChunks();
      } catch (error) {
        if (this.isClosed) return;
        await this.#outlet.drained();
        if (isDeleted(error)) return this.close();
        if (!isUnavailable(error)) throw error;
        this.#moved = true;
        await delay(RETRY_MS);
      }
      if (this.isClosed) return;
      // From here to the return nothing is awaited, so nothing can come between.
    } while (this.#moved || this.#sendLiveChunks() || this.#mayMissChunks());
    if (!this.isClosed) this.#mode = "live";
  }

  async #readEntries(): Promise<void> {
    while (true) {
      const { entries, more } = await this.#reader.entries(this.#topic, this.#cursor);
      for (const { seq, entry } of entries) {
        // The rest of a run that was followed comes before the answer that ends it. Of one that
        // had ended before, the answer holds everything.
        if (seq > this.#endedThrough && isAnswer(entry)) await this.#readChunks();
        if (this.isClosed) return;
        const { threadId } = this.#topic;
        this.#deliver(seq, entry, encodeFrame({ type: "entry", threadId, seq, entry }));
        await this.#outlet.drained();
      }
      if (!more || this.isClosed) return;
    }
  }

  /** Sends, at the reader's pace, what the run has streamed here so far, or else what is stored. */
  async #readChunks(): Promise<void> {
    const run = this.#run;
    if (run === null) return;
    const live = this.#fanOut.live(this.#topic);
    const first = run.next;
    const chunks = isSame(live, run)
      ? live.chunks.slice(first)
      : await this.#reader.chunks(this.#topic, run, first);
    const end = first + chunks.length;
    while (run.next < end && !this.isClosed) {
      this.#sendChunks(frameful(chunks, run.next - first));
      await this.#outlet.drained();
    }
  }

  /** Sends a frameful of what the run here has streamed so far; true where more remains. */
  #sendLiveChunks(): boolean {
    const live = this.#fanOut.live(this.#topic);
    if (this.isClosed || live === null || !isSame(this.#run, live)) return false;
    this.#sendChunks(frameful(live.chunks, this.#run.next));
    return this.#run.next < live.chunks.length;
  }

  /** Whether the run ended here while the log was read: its last chunks are in the store. */
  #mayMissChunks(): boolean {
    return this.#streamed && this.#run !== null &&
      !isSame(this.#fanOut.live(this.#topic), this.#run);
  }

  #sendChunks(chunks: readonly string[]): void {
    const run = this.#run;
    if (run === null || chunks.length === 0) return;
    const { runId, attempt, next: index } = run;
    run.next += chunks.length;
    const { threadId } = this.#topic;
    this.#outlet.send(encodeChunks({ threadId, runId, attempt, index }, chunks));
  }
}

function isAnswer(entry: Entry): entry is AssistantEntry {
  return entry.kind === "message" && entry.role === "assistant";
}

function isSame<A extends RunAttempt>(a: A | null, b: RunAttempt): a is A {
  return a !== null && a.runId === b.runId && a.attempt === b.attempt;
}

function isDeleted(error: unknown): boolean {
  return error instanceof AppError && error.code === "NOT_FOUND";
}
