/**
 * Folds an answer's chunks into the parts of its message, as the AI SDK's
 * client does, without the SDK.
 *
 * @module
 */
import type { MessagePart } from "../chat/protocol.ts";
import type { Chunk } from "./model.ts";

type TextLike = { type: "text" | "reasoning"; text: string; state: "streaming" | "done" };
type ToolPart = { type: string; toolCallId: string; state: string; [field: string]: unknown };

/**
 * Collects one answer. Chunks that belong to no part (`start`, `finish`, and a
 * delta without its start) change nothing.
 */
export class AnswerFolder {
  readonly #parts: (TextLike | ToolPart | MessagePart)[] = [];
  readonly #open = new Map<string, TextLike>();
  readonly #tools = new Map<string, ToolPart>();
  #bytes = 0;

  /** UTF-8 bytes of the answer's text, its reasoning, and what tools were given and gave, as JSON. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Takes the next chunk, in the order of the stream. False where the answer would grow over
   * `maxBytes` with it: then it is not taken.
   */
  add(chunk: Chunk, maxBytes: number = Infinity): boolean {
    const bytes = this.#bytes + bytesOf(chunk);
    if (bytes > maxBytes) return false;
    this.#bytes = bytes;
    this.#fold(chunk);
    return true;
  }

  /** The parts so far, a copy. Text and reasoning that still stream are `done` in it. */
  parts(): MessagePart[] {
    return this.#parts.map((part) => isTextLike(part) ? { ...part, state: "done" } : { ...part });
  }

  #fold(chunk: Chunk): void {
    switch (chunk.type) {
      case "start-step":
        this.#parts.push({ type: "step-start" });
        // Some endpoints number their tool calls anew in each step.
        this.#tools.clear();
        break;
      case "text-start":
        return this.#openText("text", chunk.id);
      case "reasoning-start":
        return this.#openText("reasoning", chunk.id);
      case "text-delta":
        return this.#append(`text ${chunk.id}`, chunk.delta);
      case "reasoning-delta":
        return this.#append(`reasoning ${chunk.id}`, chunk.delta);
      case "text-end":
        return this.#closeText(`text ${chunk.id}`);
      case "reasoning-end":
        return this.#closeText(`reasoning ${chunk.id}`);
      case "tool-input-start":
        this.#toolPart(chunk, chunk.dynamic).state = "input-streaming";
        break;
      case "tool-input-available":
        Object.assign(this.#toolPart(chunk, chunk.dynamic), {
          state: "input-available",
          input: chunk.input,
        });
        break;
      case "tool-input-error":
        Object.assign(this.#toolPart(chunk, chunk.dynamic), {
          state: "output-error",
          input: chunk.input,
          errorText: chunk.errorText,
        });
        break;
      case "tool-output-available":
        this.#endTool(chunk.toolCallId, "output-available", { output: chunk.output });
        break;
      case "tool-output-error":
        this.#endTool(chunk.toolCallId, "output-error", { errorText: chunk.errorText });
        break;
      default:
        // Files, sources and data parts: this project's models send none.
    }
  }

  #openText(type: "text" | "reasoning", id: string): void {
    const part: TextLike = { type, text: "", state: "streaming" };
    this.#parts.push(type === "reasoning" ? Object.assign(part, { id }) : part);
    this.#open.set(`${type} ${id}`, part);
  }

  #append(key: string, delta: string): void {
    const part = this.#open.get(key);
    if (part !== undefined) part.text += delta;
  }

  #closeText(key: string): void {
    const part = this.#open.get(key);
    if (part === undefined) return;
    part.state = "done";
    this.#open.delete(key);
  }

  /** The part of a tool call; the first chunk that names it decides what kind it is. */
  #toolPart(call: { toolCallId: string; toolName: string }, dynamic = false): ToolPart {
    const known = this.#tools.get(call.toolCallId);
    if (known !== undefined) return known;
    const kind = dynamic
      ? { type: "dynamic-tool", toolName: call.toolName }
      : { type: `tool-${call.toolName}` };
    const part: ToolPart = { ...kind, toolCallId: call.toolCallId, state: "input-streaming" };
    this.#parts.push(part);
    this.#tools.set(call.toolCallId, part);
    return part;
  }

  #endTool(toolCallId: string, state: string, fields: Record<string, unknown>): void {
    const part = this.#tools.get(toolCallId);
    if (part !== undefined) Object.assign(part, { state, ...fields });
  }
}

function isTextLike(part: TextLike | ToolPart | MessagePart): part is TextLike {
  return part.type === "text" || part.type === "reasoning";
}

/** What a chunk adds to {@linkcode AnswerFolder.bytes}. */
function bytesOf(chunk: Chunk): number {
  switch (chunk.type) {
    case "text-delta":
    case "reasoning-delta":
      return utf8Bytes(chunk.delta);
    case "tool-input-available":
    case "tool-input-error":
      return utf8Bytes(JSON.stringify(chunk.input) ?? "");
    case "tool-output-available":
      return utf8Bytes(JSON.stringify(chunk.output) ?? "");
    default:
      return 0;
  }
}

const encoder = new TextEncoder();

function utf8Bytes(text: string): number {
  return encoder.encode(text).byteLength;
}
