/**
 * A language model that either streams a whole answer or fails: silence, an
 * error in the stream and an end without a finish reason all become faults.
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
import { AppError } from "../errors.ts";
import { letGo } from "./let_go.ts";
import { BrokenAnswer } from "./model_faults.ts";
import { Watchdog } from "./watchdog.ts";

/** How long a model may be silent. */
export interface GuardOptions {
  /** Longest wait for the first part, and for each next one, milliseconds. */
  readonly silenceMs: number;
  /** A clock that never goes back, milliseconds; `performance.now` by default. */
  readonly now?: (() => number) | undefined;
}

/** Watches one model. Tools run outside of it, so their time is no silence. */
export class GuardedModel implements LanguageModel {
  /** The specification's version. */
  readonly specificationVersion = "v4";
  readonly #model: LanguageModel;
  readonly #options: GuardOptions;

  /** Wraps `model`. */
  constructor(model: LanguageModel, options: GuardOptions) {
    this.#model = model;
    this.#options = options;
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

  /** Not watched: this project streams every answer. */
  doGenerate(options: CallOptions): PromiseLike<GenerateResult> {
    return this.#model.doGenerate(options);
  }

  /**
   * Opens the stream. Leaving it, the signal and silence all abort the wrapped call.
   *
   * @throws {AppError} `MODEL_TIMEOUT` on silence, here and out of the stream.
   * @throws {BrokenAnswer} out of the stream, where it was cut.
   */
  async doStream(options: CallOptions): Promise<StreamResult> {
    const watchdog = new Watchdog({
      limitMs: this.#options.silenceMs,
      now: this.#options.now,
      signal: options.abortSignal,
      onSilence: () => new AppError("MODEL_TIMEOUT"),
    });
    const opening = Promise.resolve(
      this.#model.doStream({ ...options, abortSignal: watchdog.signal }),
    );
    try {
      const result = await watchdog.wait(opening);
      return { ...result, stream: guard(result.stream, watchdog) };
    } catch (error) {
      // A model that opens after all, deaf to its signal, is let go then.
      opening.then(({ stream }) => letGo(stream.getReader())).catch(() => {});
      throw error;
    }
  }
}

function guard(
  parts: ReadableStream<StreamPart>,
  watchdog: Watchdog,
): ReadableStream<StreamPart> {
  const reader = parts.getReader();
  let finished = false;
  const next = async (): Promise<StreamPart | undefined> => {
    const { done, value } = await watchdog.wait(reader.read());
    if (done) {
      if (finished) return undefined;
      throw new BrokenAnswer("The model's answer ended without a finish reason");
    }
    if (value.type === "error") {
      throw value.error instanceof Error
        ? value.error
        : new BrokenAnswer("The model endpoint reported an error in its answer");
    }
    if (value.type === "finish") {
      finished = true;
      if (wasCut(value.finishReason)) {
        throw new BrokenAnswer("The model's answer was cut before its finish reason");
      }
    }
    return value;
  };
  // Nothing is read ahead: time that the reader takes is not the model's silence.
  return new ReadableStream({
    async pull(controller) {
      try {
        const part = await next();
        if (part !== undefined) return controller.enqueue(part);
        watchdog.done();
        controller.close();
      } catch (error) {
        watchdog.end(error);
        controller.error(error);
        void letGo(reader);
      }
    },
    cancel(reason) {
      watchdog.end(reason);
      return letGo(reader);
    },
  }, { highWaterMark: 0 });
}

/** A reason that the endpoint never gave, or that is itself an error. */
function wasCut({ unified, raw }: FinishReason): boolean {
  if (unified === "error" || unified === "interrupted") return true;
  return unified === "other" && (raw === undefined || raw === "error");
}
