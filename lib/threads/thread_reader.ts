/**
 * What a socket reads of a thread, and what the position of a client means.
 *
 * @module
 */
import type { FanOut, RunAttempt, Topic } from "../chat/fan_out.ts";
import type { RunPosition } from "../chat/protocol.ts";
import type { SubscriptionStart, TopicReader } from "../chat/subscription_parts.ts";
import { AppError } from "../errors.ts";
import type { Bell } from "./bell.ts";
import type { ChunkLog } from "./chunk_log.ts";
import { runKey } from "./keys.ts";
import type { ThreadHead, ThreadRef } from "./records.ts";
import type { Store } from "./store.ts";
import type { ThreadLog } from "./thread_log.ts";
import { whileThere } from "./vanished.ts";

/** Entries read at once. */
const PAGE = 100;

/** A thread as it was when it was opened. */
export interface OpenedThread {
  readonly topic: Topic;
  readonly head: ThreadHead;
  /** Where the subscription begins. */
  readonly start: SubscriptionStart;
  /** False where the client's chunk position is not known. */
  readonly recovered: boolean;
}

/** Reads threads for subscriptions. */
export class ThreadReader implements TopicReader {
  readonly #store: Store;
  readonly #threads: ThreadLog;
  readonly #chunks: ChunkLog;
  readonly #fanOut: FanOut;
  readonly #bell: Bell;

  /** Reads through its parts, which stay their builder's. */
  constructor(
    parts: { store: Store; threads: ThreadLog; chunks: ChunkLog; fanOut: FanOut; bell: Bell },
  ) {
    this.#store = parts.store;
    this.#threads = parts.threads;
    this.#chunks = parts.chunks;
    this.#fanOut = parts.fanOut;
    this.#bell = parts.bell;
  }

  /** Hears of other instances' changes to the thread from the moment this resolves. */
  follow(topic: Topic): Promise<void> {
    return this.#bell.follow(topic);
  }

  /** Ends one `follow`. */
  unfollow(topic: Topic): void {
    this.#bell.unfollow(topic);
  }

  /** Some entries behind `afterSeq`. */
  entries(topic: Topic, afterSeq: number): ReturnType<TopicReader["entries"]> {
    return this.#threads.entries(topic, { afterSeq, limit: PAGE });
  }

  /** An attempt's stored chunks from `fromIndex` on. */
  chunks(topic: Topic, run: RunAttempt, fromIndex: number): Promise<readonly string[]> {
    const thread = topic;
    return whileThere(
      this.#store,
      thread,
      () => this.#chunks.read({ thread, ...run }, fromIndex),
    );
  }

  /**
   * Opens a thread at a client's cursor.
   *
   * @throws {AppError} `NOT_FOUND`, `INVALID_REQUEST` where `afterSeq` is beyond the head, `STORE_UNAVAILABLE`
   */
  async open(
    ref: ThreadRef,
    { afterSeq = 0, run }: { afterSeq?: number | undefined; run?: RunPosition | undefined },
  ): Promise<OpenedThread> {
    const head = await this.#threads.head(ref);
    if (head === null) throw new AppError("NOT_FOUND");
    if (afterSeq > head.headSeq) {
      throw new AppError("INVALID_REQUEST", { detail: "`afterSeq` is beyond the thread's head" });
    }
    const topic = { ...ref, generation: head.generation };
    const recovered = run === undefined || await this.#isKnown(topic, run, head);
    const position = recovered ? run : undefined;
    const seen = await this.#activeRunSeen(topic, { head, afterSeq, position });
    const { headSeq } = head;
    return { topic, head, recovered, start: { afterSeq, headSeq, run: seen, position } };
  }

  /** The active run, where its start is at or before the cursor, and its next chunk. */
  async #activeRunSeen(
    topic: Topic,
    at: { head: ThreadHead; afterSeq: number; position: RunPosition | undefined },
  ): Promise<SubscriptionStart["run"]> {
    const { active } = at.head;
    if (active === null) return null;
    const { value } = await this.#store.get(runKey(topic, active.runId));
    if (value?.state.kind !== "running" || value.state.startedSeq > at.afterSeq) return null;
    const isSeen = at.position?.runId === active.runId && at.position.attempt === active.attempt;
    return { ...active, next: isSeen ? at.position!.index + 1 : 0 };
  }

  /** Whether the server can go on from that chunk, or its run's entry already holds the answer. */
  async #isKnown(topic: Topic, position: RunPosition, head: ThreadHead): Promise<boolean> {
    const { runId, attempt, index } = position;
    const live = this.#fanOut.live(topic);
    if (live?.runId === runId && live.attempt === attempt) return index < live.chunks.length;
    // Another instance streams it: its newest chunks may not be stored yet.
    if (head.active?.runId === runId) return head.active.attempt === attempt;
    const { value } = await this.#store.get(runKey(topic, runId));
    return value?.state.kind === "ended" && value.state.attempt === attempt &&
      index < value.state.chunkCount;
  }
}
