/**
 * An answer that is already in the log, as the chunks that its client would
 * have seen: the inverse of `AnswerFolder`.
 *
 * @module
 */
import type { Chunk } from "../agents/model.ts";
import { splitChunk } from "../agents/split_chunk.ts";
import type { MessagePart } from "./entries.ts";

/** The chunks that fold to `parts`, without `start` and `finish`. */
export function* answerChunks(parts: readonly MessagePart[]): Generator<Chunk, void> {
  let inStep = false;
  for (const [index, part] of parts.entries()) {
    if (part.type === "step-start") {
      if (inStep) yield { type: "finish-step" };
      inStep = true;
      yield { type: "start-step" };
    } else if (part.type === "text" || part.type === "reasoning") {
      const { type } = part;
      const id = `${type}-${index}`;
      yield { type: `${type}-start`, id };
      const delta = String(part.text ?? "");
      if (delta !== "") yield* splitChunk({ type: `${type}-delta`, id, delta });
      yield { type: `${type}-end`, id };
    } else if (part.type === "dynamic-tool" || part.type.startsWith("tool-")) {
      yield* toolChunks(part);
    }
    // Files, sources and data parts: this project's models send none.
  }
  if (inStep) yield { type: "finish-step" };
}

function* toolChunks(part: MessagePart): Generator<Chunk, void> {
  const toolCallId = String(part.toolCallId);
  const dynamic = part.type === "dynamic-tool";
  const toolName = dynamic ? String(part.toolName) : part.type.slice("tool-".length);
  const call = { toolCallId, toolName, ...(dynamic ? { dynamic } : {}) };
  if (part.state === "input-streaming") return yield { type: "tool-input-start", ...call };
  yield { type: "tool-input-available", ...call, input: part.input ?? null };
  if (part.state === "output-available") {
    yield { type: "tool-output-available", toolCallId, output: part.output ?? null };
  } else if (part.state === "output-error") {
    yield { type: "tool-output-error", toolCallId, errorText: String(part.errorText) };
  }
}
