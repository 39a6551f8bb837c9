/**
 * A thread as a client follows it: its entries in order, its runs, and where to go on after the
 * connection was lost.
 *
 * @module
 */
import type { OnBusy, RunPosition } from "../chat/protocol.ts";
import { backoffMs } from "./backoff.ts";
import { DrawbridgeError, toDrawbridgeError } from "./client_error.ts";
import type { Chunk, Outgoing, ServerFrameOf } from "./frames.ts";
import { Notice } from "./notice.ts";
import type { Acknowledgement, UnsentMessage } from "./outbox.ts";
import { type Run, RunFeed } from "./run.ts";
import { isAnswer, RunBook } from "./run_book.ts";
import type { NumberedEntry, OpenedThread, ThreadLink } from "./thread_parts.ts";
import { orAborted, sleep } from "./wait.ts";

/** Follows one thread over all connections. */
export class ThreadFeed {
  readonly id: string;
  readonly #link: ThreadLink;
  readonly #entries: NumberedEntry[] = [];
  readonly #runs: RunBook;
  readonly #changed = new Notice();
  /** The last entry seen. */
  #seq: number;
  /** The head when the thread was opened: up to it, entries are history. */
  #headSeq = 0;
  #phase: "waiting" | "opening" | "open" | "absent" = "waiting";
  #end: DrawbridgeError | null = null;
  readonly #over = new AbortController();
  #retry: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  /** Counts the times that the log began anew. */
  #generation = 0;

  /** Follows `id` from behind entry `afterSeq`. */
  constructor(id: string, link: ThreadLink, afterSeq: number) {
    this.id = id;
    this.#link = link;
    this.#seq = afterSeq;
    this.#runs = new RunBook(id);
  }

  /** All entries seen, in order. */
  get entries(): readonly NumberedEntry[] {
    return this.#entries;
  }

  /** The run that streams. */
  get activeRun(): RunFeed | null {
    const { announced, active } = this.#runs;
    return this.#seq < this.#headSeq ? announced : active;
  }

  /** Whether the server knows that it is followed, or that there is nothing to follow yet. */
  get isOpen(): boolean {
    return this.#phase === "open" || this.#phase === "absent";
  }

  /** A run by its id. */
  run(runId: string): RunFeed {
    const ended = this.#entries.findLast(({ entry }) => isAnswer(entry) && entry.runId === runId)
      ?.entry;
    if (ended === undefined && this.#end === null) return this.#runs.of(runId);
    const run = new RunFeed(runId, this.id);
    if (ended !== undefined && isAnswer(ended)) run.finish(ended);
    else if (this.#end !== null) run.fail(this.#end);
    return run;
  }

  /** Opens the thread behind what was seen. */
  open(): void {
    if (this.#end !== null || this.#phase === "opening") return;
    clearTimeout(this.#retry);
    this.#phase = "opening";
    const run = this.#runs.position;
    this.#link.ask({
      type: "thread.open",
      threadId: this.id,
      afterSeq: this.#seq,
      ...(run === undefined ? {} : { run }),
    }, (answer) => this.#takeOpened(answer as ServerFrameOf<"thread.opened">))
      .catch((error) => this.#openFailed(toDrawbridgeError(error)));
  }

  /** The connection is lost. */
  lose(): void {
    clearTimeout(this.#retry);
    this.#phase = "waiting";
  }

  /** Resolves once the server has said what there is. */
  async opened(signal?: AbortSignal): Promise<OpenedThread> {
    while (!this.isOpen) {
      if (this.#end !== null) throw this.#end;
      await orAborted(this.#changed.wait(), signal);
    }
    return { exists: this.#phase === "open", activeRun: this.activeRun };
  }

  /** Asks until there is an answer: for what may be asked twice. */
  async insist(frame: Outgoing, signal?: AbortSignal): Promise<void> {
    for (let failures = 1;; failures++) {
      await this.opened(signal);
      try {
        return void await this.#link.ask(frame);
      } catch (thrown) {
        const error = toDrawbridgeError(thrown);
        if (error.code === "CONNECTION_LOST") continue;
        if (!error.retryable) throw error;
        const delayMs = (error.retryAfterMs ?? 0) + backoffMs(failures, this.#link.backoff);
        const over = this.#over.signal;
        await sleep(delayMs, signal === undefined ? over : AbortSignal.any([signal, over]));
      }
    }
  }

  /** Starts another run for the last message. */
  async regenerate(onBusy: OnBusy | undefined, signal?: AbortSignal): Promise<Run> {
    await this.opened(signal);
    signal?.throwIfAborted();
    const busy = onBusy === undefined ? {} : { onBusy };
    const answer = await this.#link.ask({
      type: "message.regenerate",
      threadId: this.id,
      ...busy,
    }) as ServerFrameOf<"ack">;
    return this.run(answer.runId ?? "");
  }

  /** Takes an acknowledgement. A thread that was deleted meanwhile has begun anew with it. */
  takeAck({ message }: UnsentMessage, { seq, duplicate }: Acknowledgement): void {
    if (this.#phase === "absent") this.#phase = "open";
    if (duplicate || seq > this.#seq) return;
    const { entry } = this.#entries.find((one) => one.seq === seq) ?? {};
    if (entry?.kind === "message" && entry.role === "user" && entry.id === message.id) return;
    this.#begin(seq - 1);
  }

  /** Takes an entry, unless it was seen. */
  takeEntry({ seq, entry }: NumberedEntry): void {
    if (this.#end !== null || seq <= this.#seq) return;
    if (seq > this.#seq + 1) return this.#reopen();
    this.#seq = seq;
    this.#entries.push({ seq, entry });
    this.#runs.takeEntry(entry);
    this.#changed.wake();
  }

  /** Takes parts of a run, those that were not seen. */
  takeChunks(position: RunPosition, chunks: readonly Chunk[]): void {
    if (this.#end === null && !this.#runs.takeChunks(position, chunks)) this.#reopen();
  }

  /** Nothing comes any more. */
  close(error: DrawbridgeError): void {
    if (this.#end !== null) return;
    this.lose();
    this.#end = error;
    this.#over.abort(error);
    this.#runs.fail(error);
    this.#changed.wake();
    this.#link.onClosed(this.id, error);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<NumberedEntry, void> {
    let at = 0;
    let generation = this.#generation;
    while (true) {
      if (generation !== this.#generation) {
        generation = this.#generation;
        at = 0;
      }
      const next = this.#entries[at];
      if (next !== undefined) {
        at++;
        yield next;
      } else if (this.#end === null) await this.#changed.wait();
      else if (this.#end.code === "CLOSED") return;
      else throw this.#end;
    }
  }

  #takeOpened({ headSeq, activeRun, recovered }: ServerFrameOf<"thread.opened">): void {
    this.#phase = "open";
    this.#failures = 0;
    this.#headSeq = headSeq;
    const isRead = headSeq <= this.#seq;
    this.#runs.announce(activeRun?.runId, { recovered, isRead });
    this.#changed.wake();
    this.#link.onOpen(this.id);
  }

  #openFailed(error: DrawbridgeError): void {
    // The next connection opens it.
    if (error.code === "CONNECTION_LOST" || this.#end !== null) return this.lose();
    this.#phase = "waiting";
    if (error.code === "NOT_FOUND") {
      if (this.#seq > 0) this.#begin(0);
      this.#phase = "absent";
      this.#changed.wake();
      return this.#link.onOpen(this.id);
    }
    if (error.retryable) {
      const delayMs = (error.retryAfterMs ?? 0) + backoffMs(++this.#failures, this.#link.backoff);
      this.#retry = setTimeout(() => this.open(), delayMs);
    } else if (this.#seq > 0) {
      // Beyond the head: it was deleted and made anew.
      this.#begin(0);
      this.open();
    } else this.close(error);
  }

  /** Something is missing, which the server promises not to happen. */
  #reopen(): void {
    if (this.#phase === "open") this.open();
  }

  /** The log begins anew behind `seq`. */
  #begin(seq: number): void {
    this.#generation++;
    this.#entries.length = 0;
    this.#seq = seq;
    this.#headSeq = 0;
    this.#runs.fail(new DrawbridgeError("NOT_FOUND", "The thread was deleted"));
    this.#changed.wake();
  }
}
