/**
 * One answer as it is streamed to its reader. The SDK's agent loop (prompts, steps, tools) runs on whole
 * calls of the model, and each part of a call goes straight to the reader when it comes: through
 * the SDK's own streams a run costs ten times as much processor, and a part some 75 µs.
 *
 * @module
 */
import type { TextStreamPart, ToolSet } from "ai";
import { ChunkQueue } from "./chunk_queue.ts";
import type { CallOptions, GenerateResult, StreamPart } from "./language_model.ts";
import type { Chunk } from "./model.ts";
import { ModelCall } from "./model_call.ts";
import type { OpenCall } from "./open_call.ts";

/** A part as the SDK's own streams have it. */
export type SdkPart = TextStreamPart<ToolSet>;

/** Makes the SDK's chunk of one of its parts; of some there is none. */
export type ToChunk = (part: SdkPart) => Chunk | undefined;

/** One call of the model that the agent loop asks for. */
export interface AskedCall {
  readonly params: CallOptions;
  /** Calls the model. */
  readonly open: () => Promise<OpenCall>;
}

/** Content that the loop made of a call, or what a tool returned. */
export interface LoopPart {
  /** What it is. */
  readonly type: string;
}

/** An answer between the loop that makes it and the one that reads it. */
export class AnswerStream {
  readonly #queue = new ChunkQueue();
  readonly #toChunk: ToChunk;
  #mayCallTools = true;

  /** Begins with `start`, which is there before the model is called. */
  constructor(
    { messageId, runId, toChunk }: { messageId: string; runId: string; toChunk: ToChunk },
  ) {
    this.#toChunk = toChunk;
    this.#queue.push({ type: "start", messageId, messageMetadata: { runId } });
  }

  /** The answer, in order, for one reader. */
  chunks(): AsyncGenerator<Chunk, void> {
    return this.#queue.read();
  }

  /**
   * Streams a call of the model, and resolves to what it came to.
   *
   * @throws {BrokenAnswer} where it is no whole answer; whatever the call ends with.
   */
  async call({ params, open }: AskedCall): Promise<GenerateResult> {
    // A call that comes all the same fails the loop: nobody should act on it before.
    this.#mayCallTools = params.toolChoice?.type !== "none";
    const parts = await open();
    const call = new ModelCall();
    for (let hasBegun = false;;) {
      const part = await parts.next();
      if (part === undefined) return call.result();
      // `stream-start` is the SDK's own, made as soon as the status line is there.
      if (!hasBegun && part.type !== "stream-start") {
        hasBegun = true;
        this.#queue.push({ type: "start-step" });
      }
      try {
        call.add(part);
      } catch (error) {
        void parts.leave(error);
        throw error;
      }
      const chunk = this.#chunkOf(part);
      const busy = chunk && this.#queue.push(chunk);
      if (busy !== undefined) await busy;
    }
  }

  /** The loop has read what a call came to: its tool calls are valid or not, its files are there. */
  called(content: readonly LoopPart[]): void {
    for (const part of content) {
      if (part.type === "text" || part.type === "reasoning") continue;
      if (part.type === "tool-call" && !this.#mayCallTools) continue;
      this.#tell(part);
    }
  }

  /** A tool that the loop ran has returned, or failed. */
  ran(output: LoopPart): void {
    this.#tell(output);
  }

  /** A step is over, with its tools. */
  stepped(): void {
    this.#queue.push({ type: "finish-step" });
  }

  /** The loop is over: the answer is whole. */
  finish(finishReason: Extract<Chunk, { type: "finish" }>["finishReason"]): void {
    this.#queue.push({ type: "finish", ...(finishReason === undefined ? {} : { finishReason }) });
    this.#queue.end();
  }

  /** Nothing more comes: its reader gets `error`, behind what waits. Again changes nothing. */
  fail(error: unknown): void {
    this.#queue.end({ error });
  }

  #tell(part: LoopPart): void {
    // The same parts by another name: the SDK's streams are made of them.
    const chunk = this.#toChunk(part as SdkPart);
    if (chunk !== undefined) this.#queue.push(chunk);
  }

  #chunkOf(part: StreamPart): Chunk | undefined {
    switch (part.type) {
      case "text-delta":
      case "reasoning-delta": {
        const { type, id, delta, providerMetadata } = part;
        if (providerMetadata === undefined) return { type, id, delta };
        return { type, id, delta, providerMetadata };
      }
      case "text-start":
      case "text-end":
      case "reasoning-start":
      case "reasoning-end":
        return this.#toChunk(part);
      case "tool-input-start":
      case "tool-input-delta":
        return this.#mayCallTools ? this.#toChunk(part) : undefined;
      default:
        return undefined;
    }
  }
}
