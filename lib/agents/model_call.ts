/**
 * What one streamed call of a model comes to, in one piece.
 *
 * @module
 */
import type { GenerateResult, StreamPart } from "./language_model.ts";
import { BrokenAnswer } from "./model_faults.ts";

type Content = GenerateResult["content"];
type Block = Extract<Content[number], { type: "text" | "reasoning" }>;

/** A call whose parts are added as they come. */
export class ModelCall {
  readonly #content: Content = [];
  /** The blocks that have not ended, by kind and id. */
  readonly #blocks = new Map<string, Block>();
  #warnings: GenerateResult["warnings"] = [];
  #response: GenerateResult["response"];
  #end: Extract<StreamPart, { type: "finish" }> | undefined;

  /**
   * Adds the next part.
   *
   * @throws {BrokenAnswer} for a part of a block that has not begun.
   */
  add(part: StreamPart): void {
    switch (part.type) {
      case "text-delta":
        return this.#say("text", part);
      case "reasoning-delta":
        return this.#say("reasoning", part);
      case "text-start":
        return this.#begin("text", part);
      case "reasoning-start":
        return this.#begin("reasoning", part);
      case "text-end": {
        const block = this.#close("text", part);
        if (block.type === "text" && part.citations !== undefined) block.citations = part.citations;
        return;
      }
      case "reasoning-end":
        return void this.#close("reasoning", part);
      case "custom":
      case "file":
      case "reasoning-file":
      case "source":
      case "tool-approval-request":
      case "tool-call":
      case "tool-result":
        return void this.#content.push(part);
      case "stream-start":
        this.#warnings = part.warnings;
        return;
      case "response-metadata": {
        const { type: _, ...metadata } = part;
        this.#response = metadata;
        return;
      }
      case "finish":
        this.#end = part;
        return;
      case "error":
        throw part.error;
      case "ping":
      case "raw":
      case "tool-input-start":
      case "tool-input-delta":
      case "tool-input-end":
        return;
      default:
        part satisfies never;
    }
  }

  /**
   * The whole answer.
   *
   * @throws {BrokenAnswer} where it has no finish reason.
   */
  result(): GenerateResult {
    if (this.#end === undefined) {
      throw new BrokenAnswer("The model's answer ended without a finish reason");
    }
    const { finishReason, usage, providerMetadata } = this.#end;
    return {
      content: this.#content,
      finishReason,
      usage,
      warnings: this.#warnings,
      ...(providerMetadata === undefined ? {} : { providerMetadata }),
      ...(this.#response === undefined ? {} : { response: this.#response }),
    };
  }

  #begin(type: Block["type"], part: BlockPart): void {
    const block: Block = { type, text: "" };
    keepMetadata(block, part);
    this.#blocks.set(`${type} ${part.id}`, block);
    this.#content.push(block);
  }

  #say(type: Block["type"], part: BlockPart & { readonly delta: string }): void {
    const block = this.#block(type, part);
    block.text += part.delta;
    keepMetadata(block, part);
  }

  #close(type: Block["type"], part: BlockPart): Block {
    const block = this.#block(type, part);
    this.#blocks.delete(`${type} ${part.id}`);
    keepMetadata(block, part);
    return block;
  }

  #block(type: Block["type"], { id }: BlockPart): Block {
    const block = this.#blocks.get(`${type} ${id}`);
    if (block === undefined) {
      throw new BrokenAnswer("The model's answer goes on with a block that has not begun");
    }
    return block;
  }
}

type BlockPart = Pick<Extract<StreamPart, { type: "text-start" }>, "id" | "providerMetadata">;

/** The newest metadata of a block is what counts. */
function keepMetadata(block: Block, { providerMetadata }: BlockPart): void {
  if (providerMetadata !== undefined) block.providerMetadata = providerMetadata;
}
