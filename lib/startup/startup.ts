/**
 * The start-up: attempt after attempt until one succeeds, each verdict given to the barrier.
 *
 * @module
 */
import { delay } from "@std/async/delay";
import type { StartupReport } from "../http/health.ts";
import { faultCode, NO_TRACER, type Tracer } from "../observe/tracing.ts";
import { runAttempt } from "./attempt.ts";
import { type Random, restartBackoffMs } from "./backoff.ts";
import type { StartupBarrier } from "./barrier.ts";
import type { StartupEvent } from "./events.ts";
import { PhaseLog } from "./phase_log.ts";
import type { Phase } from "./phase.ts";
import type { Plan } from "./phases.ts";

/** What a start-up needs. */
export interface StartupOptions<S> {
  /** What it runs, and what it makes of it. */
  readonly plan: Plan<S>;
  /** Where its verdicts go. It alone drives this barrier. */
  readonly barrier: StartupBarrier<S>;
  /** Budget of one attempt, milliseconds: `STARTUP_TIMEOUT_MS`. */
  readonly timeoutMs: number;
  /** Traces attempts and their phases. */
  readonly tracer?: Tracer;
  /** Spreads the waits; `Math.random` by default. */
  readonly random?: Random;
  /** Milliseconds since the process started, on a clock that never goes back; `performance.now` by default. */
  readonly now?: () => number;
}

type AttemptOutcome<S> =
  | { readonly kind: "ok"; readonly services: S }
  | { readonly kind: "failed"; readonly cause: unknown };

/**
 * Runs a plan's phases until they are done, healing itself: a failed attempt is
 * followed by another after a backoff, and results that are there are kept.
 * Owns the phases' results, and gives them back on {@linkcode Startup.stop}.
 *
 * @typeParam S What it builds.
 */
export class Startup<S> {
  readonly #plan: Plan<S>;
  readonly #barrier: StartupBarrier<S>;
  readonly #timeoutMs: number;
  readonly #tracer: Tracer;
  readonly #random: Random;
  readonly #now: () => number;
  readonly #log: PhaseLog;
  readonly #listeners = new Set<(event: StartupEvent) => void>();
  readonly #draining = new AbortController();
  #attempt = 0;
  #isStarted = false;
  #endedMs: number | null = null;
  #stopped: Promise<void> | null = null;

  /** Makes a start-up that waits for {@linkcode Startup.start}. */
  constructor(options: StartupOptions<S>) {
    const { random = Math.random, now = () => performance.now() } = options;
    this.#plan = options.plan;
    this.#barrier = options.barrier;
    this.#timeoutMs = options.timeoutMs;
    this.#tracer = options.tracer ?? NO_TRACER;
    this.#random = random;
    this.#now = now;
    const tell = (event: StartupEvent): void => this.#tell(event);
    this.#log = new PhaseLog(options.plan.phases, { now, tell });
    options.barrier.onState(({ to: state, failure }) => {
      const attempt = this.#attempt;
      if (state === "ready" || state === "draining") this.#endedMs ??= now();
      tell({ kind: "state", state, attempt, ...(failure === undefined ? {} : { failure }) });
    });
  }

  /**
   * Starts the first attempt and returns at once.
   *
   * @throws {Error} If it was started before.
   */
  start(): void {
    if (this.#isStarted) throw new Error("Cannot start: the start-up runs already");
    this.#isStarted = true;
    void this.#runAttempts();
  }

  /**
   * Lets `early` open as soon as critical `phase` is done. Otherwise it shares the
   * start-up's fate: it fails, starts again and drains with it. To be called before the start.
   */
  openEarly<T>(phase: Phase<T, true>, early: StartupBarrier<T>): void {
    void phase.arrived.then((result) => early.state === "starting" && early.open(result));
    this.#barrier.onState(({ to, failure }) => {
      if (to === "draining") early.drain();
      else if (phase.done) return;
      else if (failure !== undefined) early.fail(failure);
      else if (to === "starting") early.restart();
    });
  }

  /** Tells `listener` everything that happens from now on, and returns what removes it. It must not throw. */
  onEvent(listener: (event: StartupEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Where the start-up and its phases are now. */
  report(): StartupReport {
    return {
      state: this.#barrier.state,
      attempt: this.#attempt,
      durationMs: this.#endedMs ?? this.#now(),
      phases: this.#log.report(),
    };
  }

  /** Refuses all who wait, aborts what runs, and keeps the results: those who drain still need them. */
  drain(): void {
    this.#barrier.drain();
    this.#draining.abort(new DOMException("The process drains", "AbortError"));
  }

  /**
   * Drains and gives the results back, dependents first. Resolves when all are; never
   * rejects. The caller bounds it. Called again, it returns the same promise.
   */
  stop(): Promise<void> {
    return this.#stopped ??= this.#stop();
  }

  async #stop(): Promise<void> {
    this.drain();
    for (const phase of this.#plan.phases.toReversed()) {
      await phase.dispose((...fault) => this.#log.disposeFailed(...fault));
    }
  }

  async #runAttempts(): Promise<void> {
    const { signal } = this.#draining;
    for (let failures = 0; !signal.aborted;) {
      this.#attempt++;
      if (this.#barrier.state === "failed") this.#barrier.restart();
      else this.#tell({ kind: "state", state: "starting", attempt: this.#attempt });
      const outcome = await this.#run(signal);
      // Asked last: the barrier of a start-up that drains takes no other verdict.
      if (signal.aborted) return;
      if (outcome.kind === "ok") return this.#barrier.open(outcome.services);
      const retryAfterMs = restartBackoffMs(++failures, this.#random);
      this.#barrier.fail({ retryAfterMs, cause: outcome.cause });
      await delay(retryAfterMs, { signal }).catch(() => {});
    }
  }

  #run(signal: AbortSignal): Promise<AttemptOutcome<S>> {
    const attributes = { "drawbridge.startup.attempt": this.#attempt };
    return this.#tracer.span("startup", { attributes, parent: null }, async (span) => {
      try {
        await runAttempt(this.#plan.phases, {
          budgetMs: this.#timeoutMs,
          signal,
          log: this.#log,
          tracer: this.#tracer,
          random: this.#random,
          now: this.#now,
        });
        return { kind: "ok", services: this.#plan.services() };
      } catch (cause) {
        span.fail(faultCode(cause));
        return { kind: "failed", cause };
      }
    });
  }

  #tell(event: StartupEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}
