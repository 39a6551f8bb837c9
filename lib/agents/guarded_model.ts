/**
 * A language model that either gives a whole answer or fails: silence, an
 * error in the stream and an end without a finish reason all become faults.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import type { CallOptions, FinishReason, LanguageModel, StreamPart } from "./language_model.ts";
import { letGo } from "./let_go.ts";
import { BrokenAnswer } from "./model_faults.ts";
import type { CallOpener, OpenCall } from "./open_call.ts";
import { Watchdog } from "./watchdog.ts";

/** How long a model may be silent. */
export interface GuardOptions {
  /** Longest wait for the first part, and for each next one, milliseconds. */
  readonly silenceMs: number;
  /** A clock that never goes back, milliseconds; `performance.now` by default. */
  readonly now?: (() => number) | undefined;
}

/** Watches one model. Tools run outside of it, so their time is no silence. */
export class GuardedModel implements CallOpener {
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

  /**
   * Opens a call. Leaving it, the signal and silence all abort the wrapped model's.
   *
   * @throws {AppError} `MODEL_TIMEOUT` on silence, here and out of the call.
   * @throws {BrokenAnswer} out of the call, where it was cut.
   */
  async open(options: CallOptions): Promise<OpenCall> {
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
      const { stream } = await watchdog.wait(opening);
      return new GuardedCall(stream.getReader(), watchdog);
    } catch (error) {
      watchdog.done();
      // A model that opens after all, deaf to its signal, is let go then.
      opening.then(({ stream }) => letGo(stream.getReader())).catch(() => {});
      throw error;
    }
  }
}

class GuardedCall implements OpenCall {
  readonly #reader: ReadableStreamDefaultReader<StreamPart>;
  readonly #watchdog: Watchdog;
  #finished = false;

  constructor(reader: ReadableStreamDefaultReader<StreamPart>, watchdog: Watchdog) {
    this.#reader = reader;
    this.#watchdog = watchdog;
  }

  async next(): Promise<StreamPart | undefined> {
    try {
      const { done, value } = await this.#watchdog.wait(this.#reader.read());
      if (!done) return this.#checked(value);
      if (!this.#finished) {
        throw new BrokenAnswer("The model's answer ended without a finish reason");
      }
      this.#watchdog.done();
      return undefined;
    } catch (error) {
      void this.leave(error);
      throw error;
    }
  }

  leave(reason?: unknown): Promise<void> {
    this.#watchdog.end(reason);
    return letGo(this.#reader);
  }

  #checked(part: StreamPart): StreamPart {
    if (part.type === "error") {
      throw part.error instanceof Error
        ? part.error
        : new BrokenAnswer("The model endpoint reported an error in its answer");
    }
    if (part.type === "finish") {
      this.#finished = true;
      if (wasCut(part.finishReason)) {
        throw new BrokenAnswer("The model's answer was cut before its finish reason");
      }
    }
    return part;
  }
}

/** A reason that the endpoint never gave, or that is itself an error. */
function wasCut({ unified, raw }: FinishReason): boolean {
  if (unified === "error" || unified === "interrupted") return true;
  return unified === "other" && (raw === undefined || raw === "error");
}
