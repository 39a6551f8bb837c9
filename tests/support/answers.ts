/**
 * What tests of the model side share: requests, collected answers, scripted language models.
 *
 * @module
 */
import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4StreamPart,
  LanguageModelV4Usage,
} from "@ai-sdk/provider";
import type { Agent, AnswerRequest, Chunk } from "../../lib/agents/model.ts";
import type { CallOpener, OpenCall } from "../../lib/agents/open_call.ts";

/** Ignores a test where the AI SDK cannot be imported: it asks for the host's name. */
export const WITHOUT_SDK = Deno.permissions.querySync({ name: "sys", kind: "hostname" }).state !==
  "granted";

/** Ignores a test where loopback cannot be reached, or the SDK not be imported. */
export const WITHOUT_SDK_AND_LOOPBACK = WITHOUT_SDK ||
  Deno.permissions.querySync({ name: "net", host: "127.0.0.1" }).state !== "granted";

/** An agent without tools, or with what `overrides` says. */
export function testAgent(overrides: Partial<Agent> = {}): Agent {
  return { name: "test", instructions: "Be brief.", tools: {}, maxSteps: 5, ...overrides };
}

/** A request of subject `alice` that says `text`. */
export function answerRequest(
  text: string,
  { agent = testAgent(), signal = new AbortController().signal, earlier = [] }: {
    agent?: Agent;
    signal?: AbortSignal;
    earlier?: AnswerRequest["turns"];
  } = {},
): AnswerRequest {
  return {
    agent,
    turns: [...earlier, { role: "user", text }],
    context: { subject: "alice", threadId: "thread-1", replyToSeq: 1, signal },
    messageId: "message-1",
    runId: "run-1",
  };
}

/** All chunks of an answer, and what it threw in the end. */
export async function collect(
  stream: AsyncIterable<Chunk>,
): Promise<{ chunks: Chunk[]; text: string; error: unknown }> {
  const chunks: Chunk[] = [];
  let error: unknown;
  try {
    for await (const chunk of stream) chunks.push(chunk);
  } catch (thrown) {
    error = thrown;
  }
  return { chunks, text: textOf(chunks), error };
}

/** The text that chunks carry. */
export function textOf(chunks: readonly Chunk[]): string {
  return chunks.map((chunk) => chunk.type === "text-delta" ? chunk.delta : "").join("");
}

/** One call of a scripted model: gives its parts, or throws. */
export type ScriptedCall = (
  options: LanguageModelV4CallOptions,
) => AsyncIterable<LanguageModelV4StreamPart> | Promise<AsyncIterable<LanguageModelV4StreamPart>>;

/** A language model whose every call is `script`; it counts them. */
export class ScriptedModel implements LanguageModelV4, CallOpener {
  readonly specificationVersion = "v4";
  readonly provider = "scripted";
  readonly modelId = "scripted";
  readonly supportedUrls = {};
  /** What each call was given, oldest first. */
  readonly calls: LanguageModelV4CallOptions[] = [];

  /** Each call runs `script`, which may be replaced between calls. */
  constructor(public script: ScriptedCall) {}

  /** Not scripted. */
  doGenerate(): Promise<never> {
    return Promise.reject(new Error("This model only streams"));
  }

  /** Runs the script. */
  async doStream(
    options: LanguageModelV4CallOptions,
  ): Promise<{ stream: ReadableStream<LanguageModelV4StreamPart> }> {
    this.calls.push(options);
    return { stream: ReadableStream.from(await this.script(options)) };
  }

  /** Runs the script. */
  async open(options: LanguageModelV4CallOptions): Promise<OpenCall> {
    return openCall((await this.doStream(options)).stream);
  }
}

/** A call whose parts are those of a stream. */
export function openCall(stream: ReadableStream<LanguageModelV4StreamPart>): OpenCall {
  const reader = stream.getReader();
  return {
    next: async () => (await reader.read()).value,
    leave: (reason) => reader.cancel(reason).catch(() => {}),
  };
}

/** All parts of a call; throws what it ends with. */
export async function* partsOf(call: OpenCall): AsyncGenerator<LanguageModelV4StreamPart> {
  for (let part = await call.next(); part !== undefined; part = await call.next()) yield part;
}

/** The parts of an answer that says `words`, a delta a word. */
export function wordParts(...words: string[]): LanguageModelV4StreamPart[] {
  return [
    { type: "stream-start", warnings: [] },
    { type: "text-start", id: "t" },
    ...words.map((delta): LanguageModelV4StreamPart => ({ type: "text-delta", id: "t", delta })),
    { type: "text-end", id: "t" },
    finishPart("stop"),
  ];
}

/** The last part of an answer. */
export function finishPart(
  unified: "stop" | "tool-calls" | "error" | "other",
  raw: string | undefined = unified,
): LanguageModelV4StreamPart {
  return { type: "finish", finishReason: { unified, raw }, usage: NO_USAGE };
}

/** Yields `parts`, then waits until `signal` aborts. */
export async function* thenSilence(
  parts: readonly LanguageModelV4StreamPart[],
  signal: AbortSignal | undefined,
): AsyncGenerator<LanguageModelV4StreamPart> {
  yield* parts;
  signal?.throwIfAborted();
  await new Promise((_, reject) => {
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

/** `parts` as a stream's source. */
export async function* inOrder(
  parts: readonly LanguageModelV4StreamPart[],
): AsyncGenerator<LanguageModelV4StreamPart> {
  yield* parts;
}

const NO_USAGE: LanguageModelV4Usage = {
  inputTokens: {
    total: undefined,
    noCache: undefined,
    cacheRead: undefined,
    cacheWrite: undefined,
  },
  outputTokens: { total: undefined, text: undefined, reasoning: undefined },
};
