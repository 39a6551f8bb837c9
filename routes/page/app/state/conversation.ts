/**
 * One thread as the page shows it: its log, and the answer that streams.
 *
 * @module
 */
import { batch, type ReadonlySignal, signal } from "@preact/signals";
import { AnswerFolder } from "../../../../lib/agents/fold.ts";
import type { Entry } from "../../../../lib/chat/protocol.ts";
import {
  type DrawbridgeClient,
  DrawbridgeError,
  type NumberedEntry,
  type Run,
  type Thread,
} from "../../../../lib/client/mod.ts";
import { oncePerFrame } from "./frames.ts";
import type { RunningAnswer } from "./turns.ts";

type FoldedChunk = Parameters<AnswerFolder["add"]>[0];

/** What a conversation is made of, and what it tells. */
export interface ConversationParts {
  /** Whether nothing can be there yet, so that nothing is waited for. */
  readonly isNew?: boolean;
  /** The log has grown: the list of threads is not what it was. */
  readonly onEntry: (entry: Entry) => void;
}

/** Follows one thread until it is closed. */
export class Conversation {
  readonly id: string;
  readonly thread: Thread;
  readonly #entries = signal<readonly NumberedEntry[]>([]);
  readonly #running = signal<RunningAnswer | null>(null);
  readonly #phase = signal<"opening" | "open" | "new">("opening");
  readonly #parts: ConversationParts;
  readonly #showEntries = oncePerFrame(() => this.#show());
  #followed: Run | null = null;
  #isClosed = false;

  /** Opens `id`. `parts.isNew` where this page has just made it up. */
  constructor(client: DrawbridgeClient, id: string, parts: ConversationParts) {
    this.id = id;
    if (parts.isNew) this.#phase.value = "new";
    this.#parts = parts;
    this.thread = client.thread(id);
    void this.#follow();
    void this.refresh();
  }

  /** The log. */
  get entries(): ReadonlySignal<readonly NumberedEntry[]> {
    return this.#entries;
  }

  /** The answer that streams. */
  get running(): ReadonlySignal<RunningAnswer | null> {
    return this.#running;
  }

  /** Whether the server has said what there is; `new` where there is nothing yet. */
  get phase(): ReadonlySignal<"opening" | "open" | "new"> {
    return this.#phase;
  }

  /** Another run for the last message. */
  async regenerate(): Promise<void> {
    this.#watch(await this.thread.regenerate());
  }

  /** Ends the answer that streams; what it said is kept. */
  async stop(runId: string): Promise<void> {
    await this.thread.cancel(runId);
  }

  /** Asks what there is, after each connect. */
  async refresh(): Promise<void> {
    try {
      const { exists, activeRun } = await this.thread.opened();
      this.#phase.value = exists ? "open" : "new";
      // It may have been deleted meanwhile, and have begun anew.
      this.#showEntries();
      if (activeRun !== null) this.#watch(activeRun);
    } catch (error) {
      this.#ended(error);
    }
  }

  /** Follows it no more. */
  close(): void {
    this.#isClosed = true;
    this.thread.close();
  }

  /** The log, and in the same picture no streamed answer any more that it holds. */
  #show(): void {
    batch(() => {
      this.#entries.value = [...this.thread.entries];
      if (this.#followed === null) this.#running.value = null;
    });
  }

  async #follow(): Promise<void> {
    try {
      for await (const { entry } of this.thread) {
        this.#phase.value = "open";
        this.#showEntries();
        if (entry.kind === "run.started") this.#watch(this.thread.run(entry.runId));
        this.#parts.onEntry(entry);
      }
    } catch (error) {
      this.#ended(error);
    }
  }

  #watch(run: Run): void {
    if (this.#followed?.id === run.id) return;
    this.#followed = run;
    void this.#stream(run);
  }

  async #stream(run: Run): Promise<void> {
    let folder = new AnswerFolder();
    const isPresent = (): boolean => this.#followed === run;
    const show = oncePerFrame(() => {
      if (isPresent()) this.#running.value = { runId: run.id, parts: folder.parts() };
    });
    try {
      for await (const event of run) {
        // A run of the history has its answer in the log and is never shown as one that streams.
        if (event.type === "answer") break;
        if (event.type === "restart") folder = new AnswerFolder();
        else folder.add(event.part as FoldedChunk);
        show();
      }
    } catch (error) {
      this.#ended(error);
    }
    if (isPresent()) this.#followed = null;
    this.#showEntries();
  }

  /** A thread that was closed ends all that follows it; anything else is a fault to be seen. */
  #ended(error: unknown): void {
    const isExpected = this.#isClosed || error instanceof DrawbridgeError;
    if (!isExpected) reportError(error);
  }
}
