/**
 * The barrier: a deferred verdict on the start-up, and the only mint of {@linkcode Ready}.
 *
 * @module
 */
import { deadline } from "@std/async/deadline";
import { type Random, retrySoonMs } from "./backoff.ts";
import type { BarrierState } from "./states.ts";

/**
 * Proof that the start-up succeeded, with what it built. Nominal by its private
 * field, and its constructor stays in this module: whoever holds one got it from a barrier.
 *
 * @typeParam S What the start-up builds.
 */
class Ready<S> {
  readonly #services: S;

  /** Only this module can. */
  constructor(services: S) {
    this.#services = services;
  }

  /** What the start-up built. The start-up owns and disposes it. */
  get services(): S {
    return this.#services;
  }
}

export type { Ready };

/** The start-up succeeded. */
export interface ReadyVerdict<S> {
  /** Its discriminant. */
  readonly kind: "ready";
  /** The key to everything behind the gate. */
  readonly ready: Ready<S>;
}

/** A verdict that says no, to a caller who is still there. `retryAfterMs`: when to try again, milliseconds. */
export type RefusalVerdict =
  | {
    /** The attempt failed for good. */
    readonly kind: "failed";
    readonly retryAfterMs: number;
  }
  | {
    /** No verdict by the caller's deadline. */
    readonly kind: "timed-out";
    readonly retryAfterMs: number;
  }
  | {
    /** The process ends. */
    readonly kind: "draining";
  };

/** A verdict that holds for everybody from now on. `failed` does not: the next attempt has another. */
export type StandingVerdict<S> = ReadyVerdict<S> | Extract<RefusalVerdict, { kind: "draining" }>;

/** What a caller learns from the barrier. `gone`: its own signal aborted first. */
export type Verdict<S> = ReadyVerdict<S> | RefusalVerdict | { readonly kind: "gone" };

/** Why an attempt failed, and when the next one starts. */
export interface BarrierFailure {
  /** Time until the next attempt, milliseconds. */
  readonly retryAfterMs: number;
  /** For the logs, never for a client. */
  readonly cause?: unknown;
}

/** One transition, told after those who waited were answered. */
export interface StateChange {
  /** The state before. */
  readonly from: BarrierState;
  /** The state now. */
  readonly to: BarrierState;
  /** Present where `to` is `failed`. */
  readonly failure?: BarrierFailure;
}

/** How long a caller waits, and when it has left. */
export interface VerdictOptions {
  /** Longest wait, milliseconds; not above zero: no wait. */
  readonly deadlineMs: number;
  /** Aborts when the caller leaves. */
  readonly signal: AbortSignal;
}

/** What a barrier may be given. */
export interface BarrierOptions {
  /** Spreads `retryAfterMs` of those whose deadline passed; `Math.random` by default. */
  readonly random?: Random;
}

/**
 * Holds everybody back until a start-up has a verdict. The start-up drives it
 * (`open`, `fail`, `restart`, `drain`); callers ask it for their `verdict`.
 *
 * @typeParam S What the start-up builds.
 */
export class StartupBarrier<S> {
  readonly #random: Random;
  readonly #listeners = new Set<(change: StateChange) => void>();
  #state: BarrierState = "starting";
  #next = Promise.withResolvers<Verdict<S>>();
  #standing: StandingVerdict<S> | null = null;

  /** Makes a barrier that is `starting`. */
  constructor({ random = Math.random }: BarrierOptions = {}) {
    this.#random = random;
  }

  /** Where the start-up is. */
  get state(): BarrierState {
    return this.#state;
  }

  /** The verdict that needs no waiting, or null. */
  peek(): StandingVerdict<S> | null {
    return this.#standing;
  }

  /**
   * Waits for the verdict of the attempt under way or, between two attempts, of
   * the next one. Never rejects; its timer and listener are gone when it resolves.
   */
  async verdict({ deadlineMs, signal }: VerdictOptions): Promise<Verdict<S>> {
    if (signal.aborted) return { kind: "gone" };
    if (this.#standing !== null) return this.#standing;
    try {
      const verdict = await deadline(this.#next.promise, Math.max(deadlineMs, 0), { signal });
      return signal.aborted ? { kind: "gone" } : verdict;
    } catch {
      // The promise behind it never rejects: it was the signal or the deadline.
      if (signal.aborted) return { kind: "gone" };
      return { kind: "timed-out", retryAfterMs: retrySoonMs(this.#random) };
    }
  }

  /**
   * The attempt succeeded: everybody gets `services`, from now on without waiting.
   *
   * @throws {Error} Unless `starting`.
   */
  open(services: S): void {
    this.#leave("starting", "ready");
    this.#settle({ kind: "ready", ready: new Ready(services) });
    this.#enter("starting", "ready");
  }

  /**
   * The attempt failed for good: those who wait are refused at once, those who come later wait for the next one.
   *
   * @throws {Error} Unless `starting`.
   */
  fail(failure: BarrierFailure): void {
    this.#leave("starting", "failed");
    this.#next.resolve({ kind: "failed", retryAfterMs: failure.retryAfterMs });
    this.#next = Promise.withResolvers();
    this.#enter("starting", "failed", failure);
  }

  /**
   * The next attempt begins.
   *
   * @throws {Error} Unless `failed`.
   */
  restart(): void {
    this.#leave("failed", "starting");
    this.#enter("failed", "starting");
  }

  /** The process ends: everybody is refused, for good. Draining again changes nothing. */
  drain(): void {
    const from = this.#state;
    if (from === "draining") return;
    this.#state = "draining";
    this.#settle({ kind: "draining" });
    this.#enter(from, "draining");
  }

  /** Tells `listener` every later transition, and returns what removes it. */
  onState(listener: (change: StateChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #leave(from: BarrierState, to: BarrierState): void {
    if (this.#state !== from) {
      throw new Error(`Cannot go from ${this.#state} to ${to}: only ${from} leads there`);
    }
    this.#state = to;
  }

  #settle(verdict: StandingVerdict<S>): void {
    this.#standing = verdict;
    this.#next.resolve(verdict);
  }

  #enter(from: BarrierState, to: BarrierState, failure?: BarrierFailure): void {
    const change: StateChange = failure === undefined ? { from, to } : { from, to, failure };
    for (const listener of this.#listeners) listener(change);
  }
}
