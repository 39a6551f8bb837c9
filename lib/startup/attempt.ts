/**
 * One attempt at the start-up: the order of the phases, their retries and their budget.
 *
 * @module
 */
import { deadline } from "@std/async/deadline";
import { delay } from "@std/async/delay";
import { OPTIONAL_PHASE_GRACE_MS } from "../limits.ts";
import { faultCode, NO_TRACER, type Span, type Tracer } from "../observe/tracing.ts";
import { phaseRetryMs, type Random, restartBackoffMs } from "./backoff.ts";
import type { Phase, TryOutcome } from "./phase.ts";
import type { PhaseLog } from "./phase_log.ts";

/** A critical phase failed for good, and its attempt with it. */
export class PhaseFailure extends Error {
  /** `PhaseFailure`. */
  override readonly name = "PhaseFailure";
  /** The phase's name. */
  readonly phase: string;
  /** Tries in this attempt. */
  readonly attempts: number;

  /** Says that `phase` failed after `attempts` tries, the last with `cause`. */
  constructor(phase: string, attempts: number, cause: unknown) {
    super(`Cannot start ${phase}: ${attempts} tries failed`, { cause });
    this.phase = phase;
    this.attempts = attempts;
  }
}

/** The attempt's budget ended before its critical phases were done. */
export class StartupTimeout extends Error {
  /** `StartupTimeout`. */
  override readonly name = "StartupTimeout";
  /** Names of the critical phases that were not done. */
  readonly phases: readonly string[];

  /** Says which `phases` were not done after `budgetMs` milliseconds. */
  constructor(phases: readonly string[], budgetMs: number) {
    super(`Cannot start within ${budgetMs} ms: not done: ${phases.join(", ")}`);
    this.phases = phases;
  }
}

/** What an attempt needs besides its phases. */
export interface AttemptOptions {
  /** Time for the critical phases together, milliseconds. */
  readonly budgetMs: number;
  /** Aborts when the process drains: the attempt, and the retries it leaves in the background. */
  readonly signal: AbortSignal;
  /** Where the phases' progress is kept and told. */
  readonly log: PhaseLog;
  /** Traces the phases, each failed try as an event. */
  readonly tracer?: Tracer;
  /** Spreads the retries of optional phases. */
  readonly random: Random;
  /** A clock that never goes back, milliseconds. */
  readonly now: () => number;
}

/**
 * Runs all phases that have no result yet. Resolves when the gate may open:
 * every critical phase is done, and every optional one is done, has failed once,
 * or was given `OPTIONAL_PHASE_GRACE_MS` more. Optional phases that are not done
 * then go on in the background until they are, or until `signal` aborts.
 *
 * @throws {PhaseFailure} If a critical phase fails for good; all others are aborted.
 * @throws {StartupTimeout} If the budget ends first; all phases are aborted.
 * @throws {unknown} The signal's reason, when it aborts first.
 */
export async function runAttempt(
  phases: readonly Phase[],
  options: AttemptOptions,
): Promise<void> {
  const { budgetMs, signal } = options;
  const attempt = new Attempt(options);
  const critical = phases.filter((phase) => phase.critical);
  const allCritical = Promise.all(critical.map((phase) => attempt.finish(phase)));
  const optional = phases.filter((phase) => !phase.critical);
  const firstOutcomes = Promise.all(optional.map((phase) => attempt.tryOptional(phase)));
  try {
    await deadline(allCritical, budgetMs, { signal });
  } catch (cause) {
    const unfinished = critical.filter(({ done }) => !done).map(({ name }) => name);
    const failure = isTimeout(cause) ? new StartupTimeout(unfinished, budgetMs) : cause;
    attempt.abort(failure);
    throw failure;
  }
  try {
    await deadline(firstOutcomes, OPTIONAL_PHASE_GRACE_MS, { signal });
  } catch (cause) {
    if (!isTimeout(cause)) throw cause;
  }
}

/** What a span says of a try that hung. */
const TIMED_OUT = "TimeoutError";

/** What the phases of one attempt share. */
class Attempt {
  readonly #options: AttemptOptions;
  readonly #failed = new AbortController();
  readonly #signal: AbortSignal;
  readonly #begun = new Map<Phase, Promise<void>>();

  constructor(options: AttemptOptions) {
    this.#options = options;
    this.#signal = AbortSignal.any([options.signal, this.#failed.signal]);
  }

  abort(failure: unknown): void {
    this.#failed.abort(failure);
  }

  /** Runs critical `phase` after those it needs: once, whoever asks. Rejects when it fails for good. */
  finish(phase: Phase): Promise<void> {
    const begun = this.#begun.get(phase) ?? this.#finishNeeds(phase).then(() => this.#run(phase));
    this.#begun.set(phase, begun);
    return begun;
  }

  /** Resolves at the first outcome of optional `phase`. Its retries keep nobody waiting. */
  async tryOptional(phase: Phase): Promise<void> {
    if (phase.done) return;
    // The failure of a phase that it needs is the attempt's, and is reported there.
    const runnable = await this.#finishNeeds(phase).then(() => true, () => false);
    if (!runnable) return;
    this.#options.log.begin(phase);
    const { kind } = await this.#tryOnce(phase);
    if (kind === "ok" || kind === "aborted") return;
    this.#options.log.end(phase, "failed");
    void this.#retryOptional(phase);
  }

  async #finishNeeds(phase: Phase): Promise<void> {
    const critical = phase.needs.filter((need) => need.critical);
    await Promise.all(critical.map((need) => this.finish(need)));
  }

  async #run(phase: Phase): Promise<void> {
    if (phase.done) return;
    await this.#trace(phase, (span) => this.#tryOn(phase, span));
  }

  #trace<T>(phase: Phase, work: (span: Span) => Promise<T>): Promise<T> {
    const { tracer = NO_TRACER } = this.#options;
    const attributes = {
      "drawbridge.phase": phase.name,
      "drawbridge.phase.critical": phase.critical,
    };
    return tracer.span(`startup ${phase.name}`, { attributes }, work);
  }

  async #tryOn(phase: Phase, span: Span): Promise<void> {
    const { log, now } = this.#options;
    log.begin(phase);
    let errors = 0;
    let firstMs = 0;
    for (let attempts = 1;; attempts++) {
      const outcome = await this.#try(phase, span);
      if (outcome.kind === "ok") return;
      if (outcome.kind === "aborted") throw this.#signal.reason;
      if (outcome.kind === "timed-out") {
        // A hang is retried until the budget ends, and breaks a row of errors.
        errors = 0;
        continue;
      }
      if (++errors === 1) firstMs = now();
      const waitMs = phaseRetryMs(errors, now() - firstMs);
      if (waitMs === null) {
        log.end(phase, "failed");
        throw new PhaseFailure(phase.name, attempts, outcome.cause);
      }
      await this.#pause(waitMs);
    }
  }

  async #retryOptional(phase: Phase): Promise<void> {
    for (let failures = 1;; failures++) {
      await this.#pause(restartBackoffMs(failures, this.#options.random));
      const { kind } = await this.#tryOnce(phase);
      if (kind === "ok" || kind === "aborted") return;
    }
  }

  /** One try of an optional phase, as a span of its own. */
  #tryOnce(phase: Phase): Promise<TryOutcome> {
    return this.#trace(phase, async (span) => {
      const outcome = await this.#try(phase, span);
      if (outcome.kind === "error") span.fail(faultCode(outcome.cause));
      else if (outcome.kind === "timed-out") span.fail(TIMED_OUT);
      return outcome;
    });
  }

  async #try(phase: Phase, span: Span): Promise<TryOutcome> {
    const { log } = this.#options;
    if (!this.#signal.aborted) log.tryBegins(phase);
    const outcome = await phase.tryOnce(
      this.#signal,
      (...fault) => log.disposeFailed(...fault),
    );
    switch (outcome.kind) {
      case "ok":
        log.end(phase, "ok");
        break;
      case "error":
        log.tryFailed(phase, { timedOut: false, cause: outcome.cause });
        span.event("try failed", { "error.type": faultCode(outcome.cause) });
        break;
      case "timed-out":
        log.tryFailed(phase, { timedOut: true });
        span.event("try failed", { "error.type": TIMED_OUT });
        break;
      case "aborted":
        log.abandon(phase, this.#signal.reason instanceof StartupTimeout ? "failed" : "pending");
        break;
      default:
        outcome satisfies never;
    }
    return outcome;
  }

  /** Waits, or less: the next try sees by itself that its attempt is over. */
  async #pause(waitMs: number): Promise<void> {
    await delay(waitMs, { signal: this.#signal }).catch(() => {});
  }
}

function isTimeout(cause: unknown): boolean {
  return cause instanceof DOMException && cause.name === "TimeoutError";
}
