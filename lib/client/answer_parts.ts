/**
 * A run as the AI SDK wants it: a stream that only ever grows. What was shown and turned out void is
 * taken back with the SDK's own `reset-step`, and what was missed is taken from the run's entry.
 *
 * @module
 */
import type { AssistantEntry, MessagePart } from "../chat/protocol.ts";
import type { Chunk } from "./frames.ts";
import type { RunEvent } from "./run.ts";

/** Turns one run's events into one stream's parts. */
export class AnswerParts {
  /** Steps that the stream has started. */
  #steps = 0;
  /** Starts of steps to be left out, since the stream has had them. */
  #skippedSteps = 0;
  #hasStarted = false;
  /** Whether the present step shows anything. */
  #isShown = false;
  #isFinished = false;

  /**
   * The parts that an event adds.
   *
   * @throws {TypeError} where an attempt that had finished a step is void: no part takes that back. The
   * SDK takes its text for a lost network, and shows the new attempt when the chat is resumed.
   */
  take(event: RunEvent): readonly Chunk[] {
    switch (event.type) {
      case "part":
        return this.#pass(event.part);
      case "restart":
        return this.#restart();
      case "answer":
        return this.#finish(event.entry);
    }
  }

  #pass(part: Chunk): readonly Chunk[] {
    switch (part.type) {
      case "start":
        if (this.#hasStarted) return [];
        this.#hasStarted = true;
        break;
      case "start-step":
        if (this.#skippedSteps > 0) {
          this.#skippedSteps--;
          return [];
        }
        this.#steps++;
        this.#isShown = false;
        break;
      case "finish":
        this.#isFinished = true;
        break;
      default:
        this.#isShown = true;
    }
    return [part];
  }

  #restart(): readonly Chunk[] {
    if (this.#steps > 1) {
      throw new TypeError(
        "network error: the answer began anew on another server, resume the chat",
      );
    }
    this.#isFinished = false;
    this.#skippedSteps = this.#steps;
    return this.#reset();
  }

  #finish(entry: AssistantEntry): readonly Chunk[] {
    const { id: messageId, runId, outcome, error } = entry;
    const parts: Chunk[] = [];
    if (!this.#hasStarted) parts.push({ type: "start", messageId, messageMetadata: { runId } });
    // Without its finish it may have been cut anywhere.
    if (!this.#isFinished) parts.push(...this.#reset(), ...this.#rest(entry));
    if (outcome === "cancelled") parts.push({ type: "abort" });
    else if (outcome !== "completed") {
      parts.push({ type: "error", errorText: error?.message ?? `The answer was ${outcome}` });
    } else if (!this.#isFinished) parts.push({ type: "finish" });
    return parts;
  }

  #reset(): readonly Chunk[] {
    if (!this.#isShown) return [];
    this.#isShown = false;
    return [{ type: "reset-step" }];
  }

  /** The entry from the present step on: the steps before were shown whole. */
  #rest({ parts }: AssistantEntry): readonly Chunk[] {
    const steps: MessagePart[][] = [[]];
    for (const part of parts) {
      if (part.type === "step-start") steps.push([]);
      else steps.at(-1)!.push(part);
    }
    return steps.slice(this.#steps).flatMap((step, at) => [
      ...(at === 0 ? [] : [{ type: "start-step" }]),
      ...step.flatMap((part, index) => chunksOf(part, `${this.#steps + at}-${index}`)),
    ]);
  }
}

/** A message part as the chunks that make it; `id` is one that no other part of the message has. */
function chunksOf(part: MessagePart, id: string): readonly Chunk[] {
  const { type } = part;
  if (type === "text" || type === "reasoning") {
    return [
      { type: `${type}-start`, id },
      { type: `${type}-delta`, id, delta: part["text"] },
      { type: `${type}-end`, id },
    ];
  }
  if (!type.startsWith("tool-") && type !== "dynamic-tool") return [part];
  const { toolCallId, state, input, output, errorText } = part;
  const isDynamic = type === "dynamic-tool";
  const call = {
    toolCallId,
    toolName: isDynamic ? part["toolName"] : type.slice("tool-".length),
    ...(isDynamic ? { dynamic: true } : {}),
  };
  if (state === "input-streaming") return [{ type: "tool-input-start", ...call }];
  const available = { type: "tool-input-available", ...call, input };
  if (state === "output-available") {
    return [available, { type: "tool-output-available", toolCallId, output }];
  }
  if (state === "output-error") {
    return [available, { type: "tool-output-error", toolCallId, errorText }];
  }
  return [available];
}
