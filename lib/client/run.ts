/**
 * One run as a client follows it: its parts as they come, and its answer.
 *
 * @module
 */
import type { AssistantEntry, RunPosition } from "../chat/protocol.ts";
import type { Chunk } from "./frames.ts";
import { Notice } from "./notice.ts";
import { deferred } from "./wait.ts";

/** What comes of a run, in order. */
export type RunEvent =
  /** The next part of the AI SDK's UI message stream. */
  | {
    readonly type: "part";
    readonly part: Chunk;
    readonly attempt: number;
    readonly index: number;
  }
  /** All parts so far are void: another attempt begins, or has ended. */
  | { readonly type: "restart" }
  /**
   * Always the last. The entry holds the whole answer, also where parts are missing since the run
   * ended while the connection was lost.
   */
  | { readonly type: "answer"; readonly entry: AssistantEntry };

/** A run. Each iteration starts at the first part of the present attempt. */
export interface Run extends AsyncIterable<RunEvent> {
  /** Its id. */
  readonly id: string;
  /** The thread that it belongs to. */
  readonly threadId: string;
  /** The attempt that streams; 0 before the first. */
  readonly attempt: number;
  /** Resolves to its entry. Rejects where the thread or the client was closed first. */
  readonly answer: Promise<AssistantEntry>;
  /** The text so far, whole each time, for a page to show as it is. */
  text(): AsyncIterable<string>;
}

/** A run, as its thread writes it. */
export class RunFeed implements Run {
  readonly id: string;
  readonly threadId: string;
  readonly answer: Promise<AssistantEntry>;
  readonly #answer = deferred<AssistantEntry>();
  readonly #changed = new Notice();
  #attempt = 0;
  /** Parts of the present attempt, from index 0. */
  #parts: Chunk[] = [];
  /** Counts the times that parts became void. */
  #generation = 0;
  #end: { readonly entry: AssistantEntry } | { readonly error: Error } | null = null;

  /** A run that nothing is known of. */
  constructor(id: string, threadId: string) {
    this.id = id;
    this.threadId = threadId;
    this.answer = this.#answer.promise;
    // Whoever wants to know asks.
    this.answer.catch(() => {});
  }

  /** The attempt that streams; 0 before the first. */
  get attempt(): number {
    return this.#attempt;
  }

  /** The last part seen; undefined where there is none. */
  get position(): RunPosition | undefined {
    const index = this.#parts.length - 1;
    return index < 0 ? undefined : { runId: this.id, attempt: this.#attempt, index };
  }

  /** An attempt has begun. */
  begin(attempt: number): void {
    if (attempt <= this.#attempt) return;
    this.restart();
    this.#attempt = attempt;
  }

  /** The parts so far are void. */
  restart(): void {
    if (this.#parts.length === 0) return;
    this.#parts = [];
    this.#generation++;
    this.#changed.wake();
  }

  /** Takes parts, the first at `index`; false where some are missing before it. */
  take(attempt: number, index: number, parts: readonly Chunk[]): boolean {
    if (attempt < this.#attempt || this.#end !== null) return true;
    this.begin(attempt);
    const next = this.#parts.length;
    if (index > next) return false;
    this.#parts.push(...parts.slice(next - index));
    this.#changed.wake();
    return true;
  }

  /** It has ended, with this answer. */
  finish(entry: AssistantEntry): void {
    this.#end ??= { entry };
    this.#answer.resolve(entry);
    this.#changed.wake();
  }

  /** Nobody will tell how it ends. */
  fail(error: Error): void {
    this.#end ??= { error };
    this.#answer.reject(error);
    this.#changed.wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<RunEvent, void> {
    let generation = this.#generation;
    let index = 0;
    while (true) {
      if (generation !== this.#generation) {
        generation = this.#generation;
        if (index > 0) yield { type: "restart" };
        index = 0;
      } else if (index < this.#parts.length) {
        const part = this.#parts[index]!;
        yield { type: "part", part, attempt: this.#attempt, index: index++ };
      } else if (this.#end === null) {
        await this.#changed.wait();
      } else if ("error" in this.#end) {
        throw this.#end.error;
      } else return yield { type: "answer", entry: this.#end.entry };
    }
  }

  /** The text so far, whole each time. */
  async *text(): AsyncGenerator<string, void> {
    let text = "";
    for await (const event of this) {
      const before = text;
      if (event.type === "restart") text = "";
      else if (event.type === "answer") text = textOf(event.entry);
      else if (event.part.type === "text-delta") text += String(event.part["delta"]);
      if (text !== before) yield text;
    }
  }
}

/** The text of an entry's parts, joined. */
export function textOf({ parts }: Pick<AssistantEntry, "parts">): string {
  return parts.map((part) => part.type === "text" ? String(part["text"]) : "").join("");
}
