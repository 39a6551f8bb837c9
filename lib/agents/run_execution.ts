/**
 * One run on the instance that owns it: streams the model's answer to whoever
 * listens, stores it as it comes, and ends with exactly one entry.
 *
 * @module
 */
import { delay } from "@std/async/delay";
import type { FanOut, LiveRun } from "../chat/fan_out.ts";
import { AppError, toAppError } from "../errors.ts";
import type { ChunkLog } from "../threads/chunk_log.ts";
import type { Answer, RunEnds } from "../threads/run_ends.ts";
import type { Change } from "../threads/run_steps.ts";
import { isPassing } from "../threads/store.ts";
import { LEASE_MS, type RunClaim } from "../threads/thread_edit.ts";
import { ChunkWriter } from "./chunk_writer.ts";
import { AnswerFolder } from "./fold.ts";
import type { Chunk } from "./model.ts";
import { splitChunk } from "./split_chunk.ts";

/** What runs are made of. */
export interface RunParts {
  readonly ends: RunEnds;
  readonly chunks: ChunkLog;
  readonly fanOut: FanOut;
  readonly instanceId: string;
  /** Bytes of an answer at most. */
  readonly maxAnswerBytes: number;
  /**
   * Opens the model's stream for a claim.
   *
   * @throws {AppError} what ends the run as `failed`.
   */
  readonly answer: (claim: RunClaim, signal: AbortSignal) => Promise<AsyncIterable<Chunk>>;
  /** Told when the model's first chunk is there, in seconds from the start. */
  readonly onFirstChunk: (seconds: number) => void;
  /** Told why a run ends as `failed`. */
  readonly onFailed?: ((claim: RunClaim, error: AppError) => void) | undefined;
  /** Told when chunks were stored. */
  readonly onSaved: (claim: RunClaim) => void;
  /** Told of what should not happen; the run then ends as lost. */
  readonly onFault: (error: unknown) => void;
}

/** How an execution ended. */
export type ExecutionResult =
  /** The answer is in the log; perhaps the next run has been claimed with it. */
  | {
    readonly kind: "finished";
    readonly change: Change;
    readonly answer: Answer;
    /** Where its batches of chunks begin. */
    readonly batches: readonly number[];
  }
  /** The run is another's now, or its thread is gone. */
  | { readonly kind: "lost" }
  /** The run was given up for another instance. */
  | { readonly kind: "released" };

/** Why an execution is made to end. */
type StopReason = "cancelled" | "draining" | "lost";

const RENEW_MS = LEASE_MS / 3;

/** Wait before an end that could not be stored is tried again, milliseconds. */
const FINISH_RETRY_MS = 500;

/** Streams one claim, once. */
export class RunExecution {
  readonly claim: RunClaim;
  readonly #parts: RunParts;
  readonly #abort = new AbortController();
  readonly #writer: ChunkWriter;
  readonly #folder = new AnswerFolder();
  #stop: StopReason | null;
  #chunkCount = 0;
  /** On the monotonic clock, which goes on while the process is paused. */
  #leaseEndsMs = performance.now() + LEASE_MS;
  #renewTimer: ReturnType<typeof setInterval> | undefined;

  /** Prepares `claim`'s execution; nothing happens before {@linkcode execute}. */
  constructor(claim: RunClaim, parts: RunParts) {
    this.claim = claim;
    this.#parts = parts;
    this.#stop = claim.cancelRequested ? "cancelled" : null;
    this.#writer = new ChunkWriter(parts.chunks, claim, {
      onSaved: () => parts.onSaved(claim),
      onFenced: () => this.#end("lost"),
      onFault: (error) => this.#fault(error),
    });
  }

  /** Makes it end as `cancelled`; the answer so far is kept. */
  cancel(): void {
    this.#end("cancelled");
  }

  /** Makes it store what it has and give the run up. */
  release(): void {
    this.#end("draining");
  }

  /** Makes it end without another write: its thread is gone. */
  abandon(): void {
    this.#end("lost");
  }

  /** Streams the answer. Never rejects for what a model or the store does. */
  async execute(): Promise<ExecutionResult> {
    const { fanOut } = this.#parts;
    const live = fanOut.begin(this.claim.thread, this.claim);
    // Not all at one moment: a hundred runs may have begun at one.
    const everyMs = RENEW_MS * (1 - Math.random() / 4);
    this.#renewTimer = setInterval(() => void this.#renew(), everyMs);
    try {
      const answer = await this.#stream(live);
      live.end();
      if (this.#stop === "lost") return { kind: "lost" };
      if (this.#isStopped("draining")) return await this.#release();
      return await this.#finish(answer);
    } finally {
      clearInterval(this.#renewTimer);
      await this.#writer.stop();
      fanOut.end(this.claim.thread, live);
    }
  }

  async #stream(live: LiveRun): Promise<Answer> {
    const startedMs = performance.now();
    try {
      this.#abort.signal.throwIfAborted();
      if (this.#stop === "cancelled") return this.#answer("cancelled");
      for await (const chunk of await this.#parts.answer(this.claim, this.#abort.signal)) {
        if (performance.now() > this.#leaseEndsMs) this.#end("lost");
        if (this.#stop !== null) break;
        if (this.#chunkCount === 1) {
          // The first, `start`, is there before the model is called.
          this.#parts.onFirstChunk((performance.now() - startedMs) / 1_000);
        }
        for (const part of splitChunk(chunk)) this.#take(part, live);
      }
    } catch (error) {
      if (this.#stop === null) {
        const failure = toAppError(error);
        this.#parts.onFailed?.(this.claim, failure);
        return this.#answer("failed", failure);
      }
    }
    return this.#answer(this.#stop === null ? "completed" : "cancelled");
  }

  /** Passes a chunk on, unless the answer would grow too large with it. */
  #take(chunk: Chunk, live: LiveRun): void {
    // What is not streamed is not kept either.
    if (!this.#folder.add(chunk, this.#parts.maxAnswerBytes)) {
      throw new AppError("ANSWER_TOO_LARGE");
    }
    const json = JSON.stringify(chunk);
    this.#chunkCount++;
    live.push(json);
    this.#writer.push(json);
  }

  #answer(outcome: Answer["outcome"], error?: AppError): Answer {
    return {
      parts: this.#folder.parts(),
      outcome,
      ...(error === undefined ? {} : { error: { code: error.code, message: error.detail } }),
      chunkCount: this.#chunkCount,
    };
  }

  /** Stores the end, and what is left of the chunks. As long as nobody else owns the run, it is tried again. */
  async #finish(answer: Answer): Promise<ExecutionResult> {
    while (true) {
      try {
        const last = await this.#writer.rest();
        if (this.#isStopped("lost")) return { kind: "lost" };
        if (this.#isStopped("draining")) return await this.#release();
        const { batches } = this.#writer;
        const change = await this.#parts.ends.finish(this.claim, answer, last);
        if (change === null) return { kind: "lost" };
        return { kind: "finished", change, answer, batches };
      } catch (error) {
        if (!isPassing(error)) {
          this.#fault(error);
          return { kind: "lost" };
        }
        if (this.#isStopped("draining")) return await this.#release();
        await delay(FINISH_RETRY_MS);
      }
    }
  }

  async #release(): Promise<ExecutionResult> {
    await this.#writer.flush();
    if (this.#isStopped("lost")) return { kind: "lost" };
    // A renewal behind it would take the lease back.
    clearInterval(this.#renewTimer);
    const released = await this.#parts.chunks.release(this.claim).catch((error) => {
      // The lease runs out by itself: the takeover is only later.
      if (!isPassing(error)) throw error;
      return true;
    });
    return { kind: released ? "released" : "lost" };
  }

  async #renew(): Promise<void> {
    const askedMs = performance.now();
    try {
      if (await this.#parts.chunks.renew(this.claim, this.#parts.instanceId)) {
        this.#leaseEndsMs = askedMs + LEASE_MS;
      } else this.#end("lost");
    } catch (error) {
      if (!isPassing(error)) this.#fault(error);
      // Renewed in vain: another try follows, until the lease has run out.
      if (performance.now() > this.#leaseEndsMs) this.#end("lost");
    }
  }

  #fault(error: unknown): void {
    this.#parts.onFault(error);
    this.#end("lost");
  }

  #end(reason: StopReason): void {
    if (this.#stop === "lost") return;
    // A drain leaves a cancelled run to end here; a lost one ends whatever was asked before.
    if (this.#stop !== null && reason !== "lost") return;
    this.#stop = reason;
    this.#abort.abort(new DOMException(`The run was ${reason}`, "AbortError"));
  }

  #isStopped(reason: StopReason): boolean {
    return this.#stop === reason;
  }
}
