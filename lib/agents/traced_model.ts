/**
 * A language model each of whose calls is a span, from the request to the last part,
 * by OpenTelemetry's semantic conventions for generative AI. No prompt and no answer goes into it.
 *
 * @module
 */
import { NO_SPAN, type Span, type SpanAttributes, type Tracer } from "../observe/tracing.ts";
import type { CallOptions, StreamPart } from "./language_model.ts";
import { toModelFault } from "./model_faults.ts";
import type { CallOpener, OpenCall } from "./open_call.ts";

/** Traces one model. */
export class TracedModel implements CallOpener {
  readonly #model: CallOpener;
  readonly #tracer: Tracer;

  /** Wraps `model`, whose calls must end whole or with an error. */
  constructor(model: CallOpener, tracer: Tracer) {
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

  /** Opens a call. The span ends with it. */
  async open(options: CallOptions): Promise<OpenCall> {
    const span = this.#tracer.begin(`chat ${this.modelId}`, {
      kind: "client",
      attributes: {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": this.provider,
        "gen_ai.request.model": this.modelId,
      },
    });
    if (span === NO_SPAN) return await this.#model.open(options);
    try {
      const call = await span.within(() => this.#model.open(options));
      return new TracedCall(call, { span, signal: options.abortSignal });
    } catch (error) {
      end(span, { error, signal: options.abortSignal });
      throw error;
    }
  }
}

/** The same parts; the span ends as they do. */
class TracedCall implements OpenCall {
  readonly #call: OpenCall;
  readonly #span: Span;
  readonly #signal: AbortSignal | undefined;
  #hasBegun = false;

  constructor(
    call: OpenCall,
    { span, signal }: { span: Span; signal: AbortSignal | undefined },
  ) {
    this.#call = call;
    this.#span = span;
    this.#signal = signal;
  }

  async next(): Promise<StreamPart | undefined> {
    try {
      const part = await this.#call.next();
      if (part === undefined) this.#span.end();
      else this.#describe(part);
      return part;
    } catch (error) {
      end(this.#span, { error, signal: this.#signal });
      throw error;
    }
  }

  leave(reason?: unknown): Promise<void> {
    this.#span.event("left");
    this.#span.end();
    return this.#call.leave(reason);
  }

  #describe(part: StreamPart): void {
    if (!this.#hasBegun && part.type !== "stream-start") {
      this.#hasBegun = true;
      this.#span.event("first part");
    }
    if (part.type === "finish") this.#span.set(describeEnd(part));
  }
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
