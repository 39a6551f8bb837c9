/**
 * One run's answer as one message of the AI SDK's UI message stream, made of
 * what a subscription to its thread sends.
 *
 * @module
 */
import type { Chunk } from "../agents/model.ts";
import { answerChunks } from "./answer_chunks.ts";
import type { AssistantEntry } from "./entries.ts";
import type { ServerFrame } from "./protocol.ts";

/** Said where a run was taken over in the midst of an answer that no part can take back. */
export const BEGAN_ANEW = "The answer began anew: resume the stream";

/**
 * Turns frames into parts, each once, of a single run. Other runs of the
 * thread leave no trace.
 *
 * The message's `start` comes first, whatever the run does, and its `finish`
 * only once the answer is in the log. The SDK's client cannot unsee a part, so
 * what a run that is taken over had said is handled so that no text is doubled:
 * the client is told to drop the present step (`reset-step`), and the new
 * attempt's parts follow. Steps that are complete cannot be dropped: with one
 * of those the stream ends with an `error` part, and resuming it begins anew.
 * The same is done where the last chunks of an ended run are gone already.
 */
export class RunMessage {
  readonly #runId: string;
  /** The attempt whose chunks were shown. */
  #attempt: number | null = null;
  #isEmpty = true;
  /** Steps that the message has, and that its present attempt has begun. */
  #steps = 0;
  #stepsOfAttempt = 0;
  #finish: Chunk | null = null;
  #hasEnded = false;

  /** Makes the message of run `runId`. */
  constructor(runId: string) {
    this.#runId = runId;
  }

  /** Whether its last part was given out. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** The first part; `messageId` is that of the run's entry. */
  start(messageId: string): Chunk {
    return { type: "start", messageId, messageMetadata: { runId: this.#runId } };
  }

  /** The parts that a frame adds. */
  take(frame: ServerFrame): Chunk[] {
    if (this.#hasEnded) return [];
    if (frame.type === "chunk" || frame.type === "chunks") {
      if (frame.runId !== this.#runId) return [];
      const chunks = frame.type === "chunk" ? [frame.chunk] : frame.chunks;
      const anew = frame.attempt === this.#attempt ? [] : this.#beginAttempt(frame.attempt);
      // A supervisor pushed them: they are chunks.
      return [...anew, ...this.#show(chunks as Chunk[])];
    }
    if (frame.type !== "entry") return [];
    const { entry } = frame;
    if (entry.kind !== "message" || entry.role !== "assistant") return [];
    return entry.runId === this.#runId ? this.#end(entry) : [];
  }

  #end(entry: AssistantEntry): Chunk[] {
    const { attempt, outcome, error, parts } = entry;
    // Only a whole answer ends with a `finish`; of another, the end may be missing.
    const isShown = attempt === this.#attempt &&
      (this.#finish !== null || outcome !== "completed");
    const rest = isShown
      ? []
      : [...this.#beginAttempt(attempt), ...this.#show([...answerChunks(parts)])];
    if (this.#hasEnded) return rest;
    this.#hasEnded = true;
    if (outcome === "completed") return [...rest, this.#finish ?? { type: "finish" }];
    if (outcome === "cancelled") return [...rest, { type: "abort" }];
    return [...rest, { type: "error", errorText: error?.message ?? "The run failed" }];
  }

  /** Takes back what an earlier attempt has shown. */
  #beginAttempt(attempt: number): Chunk[] {
    this.#attempt = attempt;
    this.#stepsOfAttempt = 0;
    this.#finish = null;
    if (this.#isEmpty) return [];
    if (this.#steps > 1) {
      this.#hasEnded = true;
      return [{ type: "error", errorText: BEGAN_ANEW }];
    }
    this.#isEmpty = true;
    return [{ type: "reset-step" }];
  }

  #show(chunks: readonly Chunk[]): Chunk[] {
    return this.#hasEnded ? [] : chunks.filter((chunk) => this.#isShown(chunk));
  }

  #isShown(chunk: Chunk): boolean {
    switch (chunk.type) {
      case "start":
        return false;
      case "finish":
        this.#finish = chunk;
        return false;
      case "start-step":
        this.#stepsOfAttempt++;
        // A step that was dropped has left its mark in the message.
        if (this.#stepsOfAttempt <= this.#steps) return false;
        this.#steps = this.#stepsOfAttempt;
        return true;
      default:
        this.#isEmpty = false;
        return true;
    }
  }
}
