/**
 * The runs of one thread, as its log and its chunks tell of them.
 *
 * @module
 */
import type { AssistantEntry, Entry, RunPosition } from "../chat/protocol.ts";
import type { Chunk } from "./frames.ts";
import { RunFeed } from "./run.ts";

/** Runs that have not ended, and which of them streams. */
export class RunBook {
  readonly #threadId: string;
  readonly #runs = new Map<string, RunFeed>();
  /** The run that streams, as the log says. */
  #active: RunFeed | null = null;
  /** The run that was active when the thread was opened. */
  #announced: RunFeed | null = null;

  /** A book without runs. */
  constructor(threadId: string) {
    this.#threadId = threadId;
  }

  /** The run that streams as far as the log was read. */
  get active(): RunFeed | null {
    return this.#active;
  }

  /** The run that streams, although the log was not read as far as its start. */
  get announced(): RunFeed | null {
    return this.#announced;
  }

  /** The last chunk seen of the run that streams. */
  get position(): RunPosition | undefined {
    return this.#active?.position;
  }

  /** A run that has not ended. */
  of(runId: string): RunFeed {
    const run = this.#runs.get(runId) ?? new RunFeed(runId, this.#threadId);
    this.#runs.set(runId, run);
    return run;
  }

  /** The thread was opened; `isRead` where its log was read to the end before. */
  announce(runId: string | undefined, { recovered, isRead }: {
    recovered: boolean;
    isRead: boolean;
  }): void {
    // Another attempt has begun, or has ended: what was seen belongs to neither.
    if (!recovered) this.#active?.restart();
    this.#announced = runId === undefined ? null : this.of(runId);
    if (isRead) this.#active = this.#announced;
  }

  /** Takes what an entry says of runs. */
  takeEntry(entry: Entry): void {
    if (entry.kind === "run.started") {
      this.#active = this.of(entry.runId);
      this.#active.begin(entry.attempt);
    } else if (isAnswer(entry)) {
      this.#runs.get(entry.runId)?.finish(entry);
      this.#runs.delete(entry.runId);
      if (this.#active?.id === entry.runId) this.#active = null;
      if (this.#announced?.id === entry.runId) this.#announced = null;
    }
  }

  /** Takes chunks; false where some are missing before them. */
  takeChunks(
    { runId, attempt, index }: RunPosition,
    chunks: readonly Chunk[],
  ): boolean {
    // Of a run that has ended, the answer is known.
    return this.#runs.get(runId)?.take(attempt, index, chunks) ?? true;
  }

  /** Nobody will tell how these runs end. */
  fail(error: Error): void {
    for (const run of this.#runs.values()) run.fail(error);
    this.#runs.clear();
    this.#active = this.#announced = null;
  }
}

/** Whether an entry is a run's answer. */
export function isAnswer(entry: Entry): entry is AssistantEntry {
  return entry.kind === "message" && entry.role === "assistant";
}
