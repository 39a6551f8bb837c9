/**
 * One phase of the start-up: a single try within its time, and its result.
 * When it is tried is the attempt's business.
 *
 * @module
 */
import { deadline } from "@std/async/deadline";
import { PHASE_TIMEOUT_MS } from "../limits.ts";

/** What a run is given besides its dependencies' results. */
export interface PhaseContext {
  /** Aborts when the run has timed out, its attempt has failed, or the process drains. */
  readonly signal: AbortSignal;
}

/** What every phase says of itself. */
export interface PhaseTraits<T, C extends boolean> {
  /** Its fixed name, for health, metrics and logs. */
  readonly name: string;
  /** Whether the start-up fails with it. */
  readonly critical: C;
  /** Gives back what a run made: when the process stops, and when the run ended too late to be used. */
  dispose?(value: T): void | Promise<void>;
}

/** What a phase is made of, its dependencies' results already bound. */
export interface PhaseParts<T, C extends boolean> extends PhaseTraits<T, C> {
  /** The phases that it needs. */
  readonly needs: readonly Phase[];
  /** Builds the result; called anew for each try. */
  run(context: PhaseContext): Promise<T>;
}

/** How one try ended. `aborted`: not the phase's fault, its attempt was over. */
export type TryOutcome =
  | { readonly kind: "ok" }
  | { readonly kind: "timed-out" }
  | { readonly kind: "aborted" }
  | { readonly kind: "error"; readonly cause: unknown };

/** Told of a result whose `dispose` threw. */
export type DisposeFault = (phase: Phase, cause: unknown) => void;

/** The result of an optional phase, for those who can do without it. */
export interface Late<T> {
  /** The result, or undefined as long as there is none. */
  readonly current: T | undefined;
  /** Resolves to the result when it comes; stays pending for ever where it does not. */
  readonly arrived: Promise<T>;
}

type RunOutcome<T> =
  | { readonly kind: "ok"; readonly value: T }
  | { readonly kind: "error"; readonly cause: unknown };

/**
 * A phase and its result; belongs to one start-up. Made by `phase()`.
 *
 * @typeParam T What it builds.
 * @typeParam C Whether it is critical.
 */
export class Phase<out T = unknown, out C extends boolean = boolean> implements Late<T> {
  /** Resolves to the result when it comes; stays pending for ever where it does not. */
  readonly arrived: Promise<T>;
  readonly #parts: PhaseParts<T, C>;
  readonly #done = Promise.withResolvers<void>();
  #result: { readonly value: T } | null = null;

  /** Makes a phase that has not run. */
  constructor(parts: PhaseParts<T, C>) {
    this.#parts = parts;
    this.arrived = this.#done.promise.then(() => this.result);
  }

  /** Its fixed name. */
  get name(): string {
    return this.#parts.name;
  }

  /** Whether the start-up fails with it. */
  get critical(): C {
    return this.#parts.critical;
  }

  /** The phases that it needs. */
  get needs(): readonly Phase[] {
    return this.#parts.needs;
  }

  /** Whether it has a result. */
  get done(): boolean {
    return this.#result !== null;
  }

  /** The result, or undefined as long as there is none. */
  get current(): T | undefined {
    return this.#result?.value;
  }

  /**
   * The result.
   *
   * @throws {Error} If there is none yet.
   */
  get result(): T {
    if (this.#result === null) throw new Error(`Cannot use phase ${this.name}: it is not done`);
    return this.#result.value;
  }

  /**
   * Runs it once, within its time, and keeps what it builds. Never rejects. What
   * a run yields after that time or after `signal` is disposed of.
   */
  async tryOnce(signal: AbortSignal, onDisposeFault: DisposeFault): Promise<TryOutcome> {
    if (signal.aborted) return { kind: "aborted" };
    const timeout = new AbortController();
    const run = this.#run(AbortSignal.any([signal, timeout.signal]));
    // #run never rejects: it is the signal or the time that does.
    const outcome = await deadline(run, PHASE_TIMEOUT_MS, { signal }).catch(() => null);
    if (outcome !== null && !signal.aborted) return this.#keep(outcome);
    const fault = `Phase ${this.name} exceeded ${PHASE_TIMEOUT_MS} ms`;
    timeout.abort(new DOMException(fault, "TimeoutError"));
    void run.then((late) =>
      late.kind === "ok" ? this.#dispose(late.value, onDisposeFault) : undefined
    );
    return { kind: signal.aborted ? "aborted" : "timed-out" };
  }

  /** Gives its result back, if it has one. Never rejects. */
  async dispose(onDisposeFault: DisposeFault): Promise<void> {
    if (this.#result !== null) await this.#dispose(this.#result.value, onDisposeFault);
  }

  async #run(signal: AbortSignal): Promise<RunOutcome<T>> {
    try {
      return { kind: "ok", value: await this.#parts.run({ signal }) };
    } catch (cause) {
      return { kind: "error", cause };
    }
  }

  #keep(outcome: RunOutcome<T>): TryOutcome {
    if (outcome.kind === "error") return outcome;
    this.#result = { value: outcome.value };
    this.#done.resolve();
    return { kind: "ok" };
  }

  async #dispose(value: T, onDisposeFault: DisposeFault): Promise<void> {
    try {
      await this.#parts.dispose?.(value);
    } catch (cause) {
      onDisposeFault(this, cause);
    }
  }
}
