/**
 * Retries and a circuit breaker around a model.
 *
 * @module
 */
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
import type { CallOptions } from "./language_model.ts";
import { askedDelayMs, isRefusal } from "./model_faults.ts";
import { CallCancelled, ObservedCall } from "./observed_call.ts";
import type { CallOpener, OpenCall } from "./open_call.ts";

/** Retries of one call at most, the first try not counted. */
const MAX_RETRIES = 2;

/** Shortest first wait before a retry, milliseconds; it doubles, and up to as much again is added at random. */
const RETRY_BASE_MS = 200;

/** Longest wait that an endpoint may ask for and still be retried, milliseconds. */
const MAX_ASKED_DELAY_MS = 5_000;

/** Failed calls in a row that open the breaker. */
export const BREAKER_FAILURES = 5;

/** How long the breaker stays open before it tries again, milliseconds. */
export const BREAKER_OPEN_MS = 10_000;

/** Tries a model again where that can help, and stops asking one that fails on and on. */
export class ResilientModel implements CallOpener {
  readonly #model: CallOpener;
  readonly #breaker: CircuitBreakerPolicy;
  #lastFailed = false;
  #openedAt = 0;

  /** Wraps `model`, whose calls must end whole or with an error. */
  constructor(model: CallOpener) {
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

  /** True while the last call failed or the breaker is not closed. */
  get degraded(): boolean {
    return this.#lastFailed || this.#breaker.state !== CircuitState.Closed;
  }

  /**
   * Opens a call. It counts as a success or a failure when it has ended; one that its caller left
   * counts as neither.
   *
   * @throws {AppError} `MODEL_UNAVAILABLE` at once while the breaker is open.
   */
  open(options: CallOptions): Promise<OpenCall> {
    // cockatiel would let this call wait for the outcome of the trial that is under way.
    if (this.#breaker.state === CircuitState.HalfOpen) return Promise.reject(this.#refusal());
    const opened = Promise.withResolvers<OpenCall>();
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

  /** Runs one call under the breaker's eyes, until it has ended. */
  async #count(
    options: CallOptions,
    { onOpen, booked }: {
      onOpen: (call: OpenCall) => void;
      booked: Promise<void>;
    },
  ): Promise<void> {
    const { abortSignal: signal } = options;
    const isTrial = this.#breaker.state === CircuitState.Open;
    const call = await this.#breaker.execute(async () => {
      try {
        const call = new ObservedCall(await this.#connect(options), { signal, booked });
        onOpen(call);
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

  async #connect(options: CallOptions): Promise<OpenCall> {
    for (let retry = 0;; retry++) {
      try {
        return await this.#model.open(options);
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
