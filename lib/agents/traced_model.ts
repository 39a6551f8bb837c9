/**
 * A language model each of whose calls is a span, from the request to the last part,
 * by OpenTelemetry's semantic conventions for generative AI. No prompt and no answer goes into it.
 *
 * @module
 */
import { NO_SPAN, type Span, type SpanAttributes, type Tracer } from "../observe/tracing.ts";
import type {
  CallOptions,
  GenerateResult,
  LanguageModel,
  StreamPart,
  StreamResult,
} from "./language_model.ts";
import { toModelFault } from "./model_faults.ts";

/** Traces one model. */
export class TracedModel implements LanguageModel {
  /** The specification's version. */
  readonly specificationVersion = "v4";
  readonly #model: LanguageModel;
  readonly #tracer: Tracer;

  /** Wraps `model`, which must end each stream whole or with an error. */
  constructor(model: LanguageModel, tracer: Tracer) {
    this.#model = model;
    this.#tracer = tracer;
  }

  /** The wrapped model's. */
  get provider(): string {
    return this.#model.provider;
  }

  /** The wrapped model's. */
  get modelId(): string {
    return this.#model.modelId;
  }

  /** The wrapped model's. */
  get supportedUrls(): LanguageModel["supportedUrls"] {
    return this.#model.supportedUrls;
  }

  /** Not traced: this project streams every answer. */
  doGenerate(options: CallOptions): PromiseLike<GenerateResult> {
    return this.#model.doGenerate(options);
  }

  /** Opens the stream. The span ends with it. */
  async doStream(options: CallOptions): Promise<StreamResult> {
    const span = this.#tracer.begin(`chat ${this.modelId}`, {
      kind: "client",
      attributes: {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": this.provider,
        "gen_ai.request.model": this.modelId,
      },
    });
    if (span === NO_SPAN) return await this.#model.doStream(options);
    try {
      const result = await span.within(() => this.#model.doStream(options));
      return { ...result, stream: watch(result.stream, { span, signal: options.abortSignal }) };
    } catch (error) {
      end(span, { error, signal: options.abortSignal });
      throw error;
    }
  }
}

/** The same parts; the span ends as they do. */
function watch(
  parts: ReadableStream<StreamPart>,
  { span, signal }: { span: Span; signal: AbortSignal | undefined },
): ReadableStream<StreamPart> {
  const reader = parts.getReader();
  let hasBegun = false;
  // Nothing is read ahead: time that the reader takes is not the model's.
  return new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (done) {
          span.end();
          return controller.close();
        }
        if (!hasBegun && value.type !== "stream-start") {
          hasBegun = true;
          span.event("first part");
        }
        if (value.type === "finish") span.set(describeEnd(value));
        controller.enqueue(value);
      } catch (error) {
        end(span, { error, signal });
        controller.error(error);
      }
    },
    cancel(reason) {
      span.event("left");
      span.end();
      return reader.cancel(reason);
    },
  }, { highWaterMark: 0 });
}

function describeEnd(
  { finishReason, usage }: Extract<StreamPart, { type: "finish" }>,
): SpanAttributes {
  const [input, output] = [usage.inputTokens.total, usage.outputTokens.total];
  return {
    "gen_ai.response.finish_reasons": finishReason.unified,
    ...(input === undefined ? {} : { "gen_ai.usage.input_tokens": input }),
    ...(output === undefined ? {} : { "gen_ai.usage.output_tokens": output }),
  };
}

/** A call whose caller has left is nobody's failure. */
function end(
  span: Span,
  { error, signal }: { error: unknown; signal: AbortSignal | undefined },
): void {
  if (signal?.aborted) span.event("left");
  else span.fail(toModelFault(error).code);
  span.end();
}
