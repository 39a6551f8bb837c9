/**
 * A model that says what a test tells it to, when the test tells it.
 *
 * @module
 */
import type { AnswerModel, AnswerRequest, Chunk } from "../../lib/agents/model.ts";

/** Longest wait for a call, milliseconds: only so that a test that hangs ends. */
const GUARD_MS = 20_000;

/** One call of a {@linkcode PuppetModel}. */
export class PuppetCall {
  /** What it was asked. */
  readonly request: AnswerRequest;
  readonly #queue: Chunk[] = [];
  #end: { readonly error?: unknown } | null = null;
  #wake: () => void = () => {};

  /** Answers `request` with what it is told. */
  constructor(request: AnswerRequest) {
    this.request = request;
  }

  /** Streams these chunks. */
  say(...chunks: readonly Chunk[]): this {
    this.#queue.push(...chunks);
    this.#wake();
    return this;
  }

  /** Streams the two chunks that every text begins with. */
  begin(): this {
    const { messageId, runId } = this.request;
    return this.say(
      { type: "start", messageId, messageMetadata: { runId } },
      { type: "text-start", id: "t" },
    );
  }

  /** Streams one delta of text for each. */
  words(...deltas: readonly string[]): this {
    return this.say(...deltas.map((delta) => ({ type: "text-delta", id: "t", delta }) as const));
  }

  /** Streams the two chunks that every text ends with, and ends the answer. */
  finish(): void {
    this.say({ type: "text-end", id: "t" }, { type: "finish" });
    this.#stop({});
  }

  /** Ends the answer with an error. */
  fail(error: unknown): void {
    this.#stop({ error });
  }

  /** What the port streams. */
  async *chunks(): AsyncGenerator<Chunk, void> {
    const { signal } = this.request.context;
    const onAbort = (): void => this.#wake();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      while (true) {
        signal.throwIfAborted();
        const chunk = this.#queue.shift();
        if (chunk !== undefined) yield chunk;
        else if (this.#end !== null) break;
        else await new Promise<void>((resolve) => this.#wake = resolve);
      }
      if ("error" in this.#end) throw this.#end.error;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  #stop(end: { readonly error?: unknown }): void {
    this.#end = end;
    this.#wake();
  }
}

/** A model whose calls the test answers, one after another. */
export class PuppetModel implements AnswerModel {
  readonly name = "puppet";
  degraded = false;
  /** All calls, oldest first. */
  readonly calls: PuppetCall[] = [];
  #taken = 0;
  #onCall: () => void = () => {};
  readonly #answer: ((call: PuppetCall) => void) | undefined;

  /** Where there is an `answer`, it answers each call. */
  constructor(answer?: (call: PuppetCall) => void) {
    this.#answer = answer;
  }

  stream(request: AnswerRequest): AsyncIterable<Chunk> {
    const call = new PuppetCall(request);
    this.calls.push(call);
    this.#answer?.(call);
    this.#onCall();
    return call.chunks();
  }

  /** Resolves to the oldest call that was not asked for yet. */
  async nextCall(): Promise<PuppetCall> {
    if (this.calls.length <= this.#taken) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      this.#onCall = resolve;
      const guard = setTimeout(() => reject(new Error("The model was not called")), GUARD_MS);
      try {
        await promise;
      } finally {
        clearTimeout(guard);
      }
    }
    return this.calls[this.#taken++]!;
  }
}

/** Answers with these words, a delta each. */
export function saying(...words: readonly string[]): (call: PuppetCall) => void {
  return (call) => call.begin().words(...words).finish();
}
