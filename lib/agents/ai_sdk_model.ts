/**
 * The model port on the AI SDK. The SDK is loaded when a model is made, never
 * before: it costs about 80 ms and needs the permission `sys=hostname`.
 *
 * @module
 */
import type { LanguageModel } from "./language_model.ts";
import type { ModelMessage, Schema } from "ai";
import { AppError } from "../errors.ts";
import { NO_TRACER, type Tracer } from "../observe/tracing.ts";
import type { AgentTool, AnswerModel, AnswerRequest, Chunk, ModelTurn } from "./model.ts";
import type { Fetch } from "./bounded_fetch.ts";
import { AnswerStream, type ToChunk } from "./answer_stream.ts";

/** Which model {@linkcode loadModel} makes. */
export interface LoadModelOptions {
  /** Base address of an OpenAI-compatible API, such as `https://api.openai.com/v1`. */
  readonly baseUrl?: string | undefined;
  /** Its key; none is sent without one. */
  readonly apiKey?: string | undefined;
  /** The model's name there. Without a name and an address the offline model answers. */
  readonly model?: string | undefined;
  /** `LIMIT_MODEL_SILENCE_MS`. */
  readonly silenceMs: number;
  /** Traces model calls and tools. */
  readonly tracer?: Tracer | undefined;
  /** For tests. */
  readonly fetch?: Fetch;
}

/** Loads the SDK and makes the configured model. Calls no endpoint. */
export async function loadModel(options: LoadModelOptions): Promise<AnswerModel> {
  const { baseUrl, model, silenceMs, tracer } = options;
  if (baseUrl === undefined || model === undefined) {
    const { OfflineModel } = await import("./offline_model.ts");
    const languageModel = new OfflineModel();
    return createAiSdkModel({ languageModel, name: "offline", silenceMs, tracer });
  }
  const [{ createOpenAICompatible }, { boundedFetch }] = await Promise.all([
    import("@ai-sdk/openai-compatible"),
    import("./bounded_fetch.ts"),
  ]);
  const provider = createOpenAICompatible({
    name: "endpoint",
    baseURL: baseUrl,
    fetch: boundedFetch(options.fetch ?? fetch),
    ...(options.apiKey === undefined ? {} : { apiKey: options.apiKey }),
  });
  const languageModel = provider.chatModel(model);
  return createAiSdkModel({ languageModel, name: model, silenceMs, tracer });
}

/** What {@linkcode createAiSdkModel} is made of. */
export interface AiSdkModelOptions {
  /** Any model of the SDK's specification; it is watched, retried and guarded by a breaker here. */
  readonly languageModel: LanguageModel;
  /** For logs and health. */
  readonly name: string;
  /** Longest wait for the first part, and for each next one, milliseconds. */
  readonly silenceMs: number;
  /** Traces its calls and its tools. */
  readonly tracer?: Tracer | undefined;
  /** The clock of those waits; `performance.now` by default. */
  readonly now?: (() => number) | undefined;
}

/** Why an answer's call is aborted when its reader has left. One for all: a new one costs its stack trace. */
const LEFT = new DOMException("The answer was left", "AbortError");

/** Makes the port's model of a language model. */
export async function createAiSdkModel(options: AiSdkModelOptions): Promise<AnswerModel> {
  const [sdk, { GuardedModel }, { ResilientModel }, { TracedModel }, tools, { toModelFault }] =
    await Promise.all([
      import("ai"),
      import("./guarded_model.ts"),
      import("./resilience.ts"),
      import("./traced_model.ts"),
      import("./tool_runner.ts"),
      import("./model_faults.ts"),
    ]);
  // Its warnings would go to the console, beside the log.
  globalThis.AI_SDK_LOG_WARNINGS = false;
  const { languageModel, silenceMs, now, tracer = NO_TRACER } = options;
  const guarded = new GuardedModel(languageModel, { silenceMs, now });
  // Below the retries: each try is a call.
  const model = new ResilientModel(new TracedModel(guarded, tracer));

  const toChunk: ToChunk = (part) => sdk.toUIMessageChunk(part, { onError: tools.toolErrorText });
  // A schema that the SDK makes by itself is translated anew for every call of the model.
  const schemas = new WeakMap<AgentTool, Schema>();
  const toSchema = (tool: AgentTool): Schema => {
    const schema = schemas.get(tool) ?? sdk.zodSchema(tool.inputSchema);
    schemas.set(tool, schema);
    return schema;
  };

  async function* stream(request: AnswerRequest): AsyncGenerator<Chunk, void> {
    const { agent, context, messageId, runId, turns } = request;
    context.signal.throwIfAborted();
    const left = new AbortController();
    const signal = AbortSignal.any([context.signal, left.signal]);
    const answer = new AnswerStream({ messageId, runId, toChunk });
    signal.addEventListener("abort", () => answer.fail(signal.reason), { once: true });
    sdk.generateText({
      model: sdk.wrapLanguageModel({
        model: languageModel,
        middleware: {
          specificationVersion: "v4",
          wrapGenerate: ({ params }) => answer.call({ params, open: () => model.open(params) }),
        },
      }),
      instructions: agent.instructions,
      messages: toMessages(turns),
      tools: tools.runnableTools(agent.tools, {
        context: { ...context, signal },
        toSchema,
        tracer,
      }),
      stopWhen: sdk.isStepCount(agent.maxSteps),
      // The last step must answer in words: what its tools returned nobody would read.
      prepareStep: ({ stepNumber }) =>
        stepNumber > 0 && stepNumber === agent.maxSteps - 1 ? { toolChoice: "none" } : {},
      maxRetries: 0,
      // Traced here, without anybody's words; the SDK's own costs as much as all else that it does.
      telemetry: { isEnabled: false },
      abortSignal: signal,
      onLanguageModelCallEnd: ({ content }) => answer.called(content),
      onToolExecutionEnd: ({ toolOutput }) => answer.ran(toolOutput),
      onStepEnd: () => answer.stepped(),
    }).then(
      ({ finishReason }) => answer.finish(finishReason),
      (error) => answer.fail(error),
    );
    try {
      yield* answer.chunks();
    } catch (error) {
      context.signal.throwIfAborted();
      throw toModelFault(error);
    } finally {
      left.abort(LEFT);
    }
  }

  return {
    name: options.name,
    get degraded() {
      return model.degraded;
    },
    stream,
  };
}

/** The conversation as the SDK takes it. An answer that never got to a word is left out. */
function toMessages(turns: readonly ModelTurn[]): ModelMessage[] {
  const spoken = turns.filter(({ text }) => text.trim() !== "");
  if (spoken.at(-1)?.role !== "user") {
    throw new AppError("INTERNAL", { cause: new Error("The last turn must be the user's") });
  }
  return spoken.map(({ role, text }) => ({ role, content: text }));
}
