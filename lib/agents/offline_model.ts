/**
 * The model that answers where none is configured: in process, deterministic,
 * and through the same SDK, tools included, as any other.
 *
 * @module
 */
import type {
  CallOptions,
  FinishReason,
  GenerateResult,
  LanguageModel,
  StreamPart,
  StreamResult,
} from "./language_model.ts";
import { delay } from "@std/async/delay";
import { type OfflineReply, offlineReply } from "./offline_replies.ts";

/** How fast the offline model speaks. */
export interface OfflineModelOptions {
  /** Wait before each word, milliseconds; `/count` names its own. */
  readonly paceMs?: number;
}

/** Wait before each word where nothing else is said: fast, yet seen to stream. */
const DEFAULT_PACE_MS = 10;

/** Words in a row without a wait before other work gets its turn. */
const TURN_WORDS = 64;

/** Says what it is, runs the agent's tools, counts, and repeats what it hears. */
export class OfflineModel implements LanguageModel {
  /** The specification's version. */
  readonly specificationVersion = "v4";
  /** Who provides it. */
  readonly provider = "drawbridge";
  /** Its name there. */
  readonly modelId = "offline";
  /** It follows no address. */
  readonly supportedUrls: Record<string, RegExp[]> = {};
  readonly #paceMs: number;

  /** Makes one. It holds no state between calls. */
  constructor({ paceMs = DEFAULT_PACE_MS }: OfflineModelOptions = {}) {
    this.#paceMs = paceMs;
  }

  /** Answers at once. */
  doGenerate(options: CallOptions): Promise<GenerateResult> {
    const reply = offlineReply(options);
    return Promise.resolve({
      content: [contentOf(reply)],
      finishReason: finishReasonOf(reply),
      usage: NO_USAGE,
      warnings: [],
    });
  }

  /** Answers at its pace, until `abortSignal` aborts or the stream is left. */
  doStream(options: CallOptions): Promise<StreamResult> {
    const parts = this.#speak(offlineReply(options), options.abortSignal);
    return Promise.resolve({ stream: ReadableStream.from(parts) });
  }

  async *#speak(
    reply: OfflineReply,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<StreamPart, void> {
    yield { type: "stream-start", warnings: [] };
    if (reply.kind === "tool") {
      const id = reply.call.toolCallId;
      yield { type: "tool-input-start", id, toolName: reply.call.toolName };
      yield { type: "tool-input-delta", id, delta: reply.call.input };
      yield { type: "tool-input-end", id };
      yield { type: "tool-call", ...reply.call };
    } else {
      const waitMs = reply.paceMs ?? this.#paceMs;
      yield { type: "text-start", id: "text-0" };
      for (const [index, delta] of reply.words.entries()) {
        signal?.throwIfAborted();
        if (waitMs > 0 || index % TURN_WORDS === 0) await delay(waitMs, { signal });
        yield { type: "text-delta", id: "text-0", delta };
      }
      yield { type: "text-end", id: "text-0" };
    }
    yield { type: "finish", finishReason: finishReasonOf(reply), usage: NO_USAGE };
  }
}

function contentOf(reply: OfflineReply): GenerateResult["content"][number] {
  return reply.kind === "tool"
    ? { type: "tool-call", ...reply.call }
    : { type: "text", text: reply.words.join("") };
}

function finishReasonOf(reply: OfflineReply): FinishReason {
  return reply.kind === "tool"
    ? { unified: "tool-calls", raw: "tool_calls" }
    : { unified: "stop", raw: "stop" };
}

const NO_USAGE: GenerateResult["usage"] = {
  inputTokens: {
    total: undefined,
    noCache: undefined,
    cacheRead: undefined,
    cacheWrite: undefined,
  },
  outputTokens: { total: undefined, text: undefined, reasoning: undefined },
};
