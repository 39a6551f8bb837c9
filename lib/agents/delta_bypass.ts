/**
 * The short way of an answer's words. The SDK's agent loop takes a part through a dozen streams, at
 * about 75 µs a part, and does nothing with a delta but keep it. So deltas go by it, straight to
 * the reader, and the SDK gets each block of text in one piece when it ends: it plans its steps,
 * runs its tools and writes its prompts with the same words as ever.
 *
 * @module
 */
import { ChunkQueue } from "./chunk_queue.ts";
import type { StreamPart } from "./language_model.ts";
import type { Chunk } from "./model.ts";

type Delta = Extract<StreamPart, { type: "text-delta" | "reasoning-delta" }>;
type Kind = "text" | "reasoning";
type SdkInput = ReadableStreamDefaultController<StreamPart>;

/** A block of text or of reasoning, from its start to its end. */
interface Block {
  readonly kind: Kind;
  readonly id: string;
  text: string;
  metadata: Delta["providerMetadata"];
  /** Deltas that came before the SDK passed the block's start on; `null` since it has. */
  held: Delta[] | null;
}

/** One answer's chunks, on both ways. */
export class DeltaBypass {
  readonly #queue = new ChunkQueue();
  /** The blocks that have not ended. */
  readonly #speaking = new Map<string, Block>();
  /** The blocks whose start the SDK has not passed on, oldest first. */
  readonly #unopened: Block[] = [];

  /** A model's parts as the SDK is to get them. Each call of the model for the answer goes through here. */
  divert(parts: ReadableStream<StreamPart>): ReadableStream<StreamPart> {
    const reader = parts.getReader();
    // Nothing is read ahead: time that the reader takes is not the model's silence.
    return new ReadableStream<StreamPart>({
      pull: async (sdk) => {
        while (true) {
          const { done, value: part } = await reader.read();
          if (done) return sdk.close();
          const block = this.#blockOf(part);
          if (block === undefined || !isDelta(part)) {
            this.#note(part, block, sdk);
            return sdk.enqueue(part);
          }
          const busy = this.#say(part, block);
          if (busy !== undefined) await busy;
        }
      },
      cancel: (reason) => reader.cancel(reason),
    }, { highWaterMark: 0 });
  }

  /** Takes what the SDK makes of the parts. A promise that is returned resolves when there is room for more. */
  take(chunk: Chunk): Promise<void> | undefined {
    // The whole block, whose deltas have been said.
    if (chunk.type === "text-delta" || chunk.type === "reasoning-delta") return undefined;
    let busy = this.#queue.push(chunk);
    if (chunk.type !== "text-start" && chunk.type !== "reasoning-start") return busy;
    const at = this.#unopened.findIndex(({ kind, id }) =>
      chunk.type === `${kind}-start` && chunk.id === id
    );
    const [block] = at < 0 ? [] : this.#unopened.splice(at, 1);
    if (block === undefined) return busy;
    for (const delta of block.held ?? []) busy = this.#queue.push(toChunk(delta));
    block.held = null;
    return busy;
  }

  /** Nothing more will be taken; the reader gets `error` where there is one. Again changes nothing. */
  end(end: { readonly error?: unknown } = {}): void {
    this.#queue.end(end);
  }

  /** The answer, in order, for one reader. */
  chunks(): AsyncGenerator<Chunk, void> {
    return this.#queue.read();
  }

  #blockOf(part: StreamPart): Block | undefined {
    switch (part.type) {
      case "text-delta":
      case "text-end":
        return this.#speaking.get(nameOf("text", part.id));
      case "reasoning-delta":
      case "reasoning-end":
        return this.#speaking.get(nameOf("reasoning", part.id));
      default:
        return undefined;
    }
  }

  #say(part: Delta, block: Block): Promise<void> | undefined {
    block.text += part.delta;
    block.metadata = part.providerMetadata ?? block.metadata;
    if (block.held === null) return this.#queue.push(toChunk(part));
    block.held.push(part);
    return undefined;
  }

  /** Begins and ends blocks. The SDK gets a block's words before its end. */
  #note(part: StreamPart, block: Block | undefined, sdk: SdkInput): void {
    if (part.type === "text-start") this.#begin("text", part.id);
    else if (part.type === "reasoning-start") this.#begin("reasoning", part.id);
    else if (block !== undefined) this.#hand(block, sdk);
    else if (part.type === "finish") {
      for (const block of this.#speaking.values()) this.#hand(block, sdk);
    }
  }

  #begin(kind: Kind, id: string): void {
    const block: Block = { kind, id, text: "", metadata: undefined, held: [] };
    this.#speaking.set(nameOf(kind, id), block);
    this.#unopened.push(block);
  }

  #hand({ kind, id, text: delta, metadata }: Block, sdk: SdkInput): void {
    this.#speaking.delete(nameOf(kind, id));
    const providerMetadata = metadata === undefined ? {} : { providerMetadata: metadata };
    if (delta !== "") sdk.enqueue({ type: `${kind}-delta`, id, delta, ...providerMetadata });
  }
}

function isDelta(part: StreamPart): part is Delta {
  return part.type === "text-delta" || part.type === "reasoning-delta";
}

function nameOf(kind: Kind, id: string): string {
  return `${kind} ${id}`;
}

function toChunk({ type, id, delta, providerMetadata }: Delta): Chunk {
  return { type, id, delta, ...(providerMetadata === undefined ? {} : { providerMetadata }) };
}
