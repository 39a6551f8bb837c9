/**
 * Retries and a circuit breaker around a language model.
 *
 * @module
 */
import type { CallOptions, GenerateResult, LanguageModel, StreamResult } from "./language_model.ts";
import { delay } from "@std/async/delay";
import {
  BrokenCircuitError,
  circuitBreaker,
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  handleWhen,
} from "cockatiel";
import { AppError } from "../errors.ts";
import { askedDelayMs, isRefusal } from "./model_faults.ts";
import { CallCancelled, observeCall } from "./observed_call.ts";

/** Retries of one call at most, the first try not counted. */
export const MAX_RETRIES = 2;

/** Shortest first wait before a retry, milliseconds; it doubles, and up to as much again is added at random. */
export const RETRY_BASE_MS = 200;

/** Longest wait that an endpoint may ask for and still be retried, milliseconds. */
export const MAX_ASKED_DELAY_MS = 5_000;

/** Failed calls in a row that open the breaker. */
export const BREAKER_FAILURES = 5;

/** How long the breaker stays open before it tries again, milliseconds. */
export const BREAKER_OPEN_MS = 10_000;

/** Tries a model again where that can help, and stops asking one that fails on and on. */
export class ResilientModel implements LanguageModel {
  /** The specification's version. */
  readonly specificationVersion = "v4";
  readonly #model: LanguageModel;
  readonly #breaker: CircuitBreakerPolicy;
  #lastFailed = false;
  #openedAt = 0;

  /** Wraps `model`, which must end each stream whole or with an error. */
  constructor(model: LanguageModel) {
    this.#model = model;
    this.#breaker = circuitBreaker(handleWhen((error) => !(error instanceof CallCancelled)), {
      halfOpenAfter: BREAKER_OPEN_MS,
      breaker: new ConsecutiveBreaker(BREAKER_FAILURES),
    });
    this.#breaker.onBreak(() => this.#openedAt = Date.now());
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

  /** True while the last call failed or the breaker is not closed. */
  get degraded(): boolean {
    return this.#lastFailed || this.#breaker.state !== CircuitState.Closed;
  }

  /** Neither retried nor counted: this project streams every answer. */
  doGenerate(options: CallOptions): PromiseLike<GenerateResult> {
    return this.#model.doGenerate(options);
  }

  /**
   * Opens the stream. The call counts as a success or a failure when its stream
   * has ended; one that its caller left counts as neither.
   *
   * @throws {AppError} `MODEL_UNAVAILABLE` at once while the breaker is open.
   */
  doStream(options: CallOptions): Promise<StreamResult> {
    // cockatiel would let this call wait for the outcome of the trial that is under way.
    if (this.#breaker.state === CircuitState.HalfOpen) return Promise.reject(this.#refusal());
    const opened = Promise.withResolvers<StreamResult>();
    const booked = Promise.withResolvers<void>();
    this.#count(options, { onOpen: opened.resolve, booked: booked.promise }).then(() => {
      this.#lastFailed = false;
    }, (error) => {
      if (error instanceof CallCancelled) return opened.reject(error.cause);
      if (error instanceof BrokenCircuitError) return opened.reject(this.#refusal());
      this.#lastFailed = true;
      opened.reject(error);
    }).then(booked.resolve);
    return opened.promise;
  }

  /** Runs one call under the breaker's eyes, until its stream has ended. */
  async #count(
    options: CallOptions,
    { onOpen, booked }: {
      onOpen: (result: StreamResult) => void;
      booked: Promise<void>;
    },
  ): Promise<void> {
    const { abortSignal: signal } = options;
    const isTrial = this.#breaker.state === CircuitState.Open;
    const call = await this.#breaker.execute(async () => {
      try {
        const call = observeCall(await this.#connect(options), { signal, booked });
        onOpen(call.result);
        // A trial's first part closes the breaker: nobody else should wait for its last.
        await (isTrial ? call.firstPart : call.over);
        return call;
      } catch (error) {
        const left = error instanceof CallCancelled || signal?.aborted === true;
        const cause = error instanceof CallCancelled ? error.cause : error;
        // A trial that was left proves nothing: as a failure it keeps the breaker open.
        throw left && !isTrial ? new CallCancelled(cause) : cause;
      }
    });
    if (isTrial) await this.#breaker.execute(() => call.over);
  }

  async #connect(options: CallOptions): Promise<StreamResult> {
    for (let retry = 0;; retry++) {
      try {
        return await this.#model.doStream(options);
      } catch (error) {
        const signal = options.abortSignal;
        const waitMs = retryDelayMs(error, retry);
        if (signal?.aborted || waitMs === undefined) throw error;
        await delay(waitMs, { signal });
      }
    }
  }

  #refusal(): AppError {
    const retryAfterMs = Math.max(1_000, this.#openedAt + BREAKER_OPEN_MS - Date.now());
    return new AppError("MODEL_UNAVAILABLE", {
      retryAfterMs,
      cause: new Error("The circuit breaker of the model is open"),
    });
  }
}

/** The wait before retry number `retry` (from 0), or `undefined` where there is none. */
function retryDelayMs(error: unknown, retry: number): number | undefined {
  if (retry >= MAX_RETRIES || !isRefusal(error)) return undefined;
  const askedMs = askedDelayMs(error) ?? 0;
  if (askedMs > MAX_ASKED_DELAY_MS) return undefined;
  return Math.max(askedMs, RETRY_BASE_MS * 2 ** retry * (1 + Math.random()));
}
