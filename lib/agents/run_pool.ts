/**
 * The runs that stream on this instance: each holds a place, publishes what it
 * appends, and hands its place to the next run of its thread.
 *
 * @module
 */
import type { FanOut } from "../chat/fan_out.ts";
import { STORE_DEADLINE_MS } from "../limits.ts";
import { NO_TRACER, type Span, type TracePlace, type Tracer } from "../observe/tracing.ts";
import type { Bell, Ring } from "../threads/bell.ts";
import type { ChunkLog } from "../threads/chunk_log.ts";
import { type Incarnation, nameOf } from "../threads/keys.ts";
import type { ThreadRef } from "../threads/records.ts";
import type { Change } from "../threads/run_steps.ts";
import { isPassing, UnknownCommitError } from "../threads/store.ts";
import type { RunClaim } from "../threads/thread_edit.ts";
import { RunExecution, type RunParts } from "./run_execution.ts";
import { RunSlots } from "./slots.ts";

/** What a {@linkcode RunPool} tells, for metrics, logs and takeovers. */
export interface RunPoolEvents {
  /** Runs that stream here now. */
  readonly onRunsActive: (count: number) => void;
  /** A run ended here. */
  readonly onRunEnded: (outcome: string) => void;
  /** A thread's log or chunks grew here, or its run was released: other instances want to know. */
  readonly onChange: (thread: Incarnation, ring?: Ring) => void;
  /** The thread may have a run that nobody here streams. */
  readonly onOrphan: (thread: ThreadRef) => void;
  /** From now on other instances' changes to the thread are heard; earlier ones must be looked for. */
  readonly onHeard: (thread: Incarnation) => void;
  /** Something failed in the background. */
  readonly onFault: (error: unknown) => void;
}

/** What a {@linkcode RunPool} works with. */
export interface RunPoolParts {
  readonly run: RunParts;
  readonly chunks: ChunkLog;
  readonly fanOut: FanOut;
  readonly bell: Bell;
  readonly limits: { readonly runs: number; readonly runsPerSubject: number };
  readonly events: RunPoolEvents;
  /** Traces each run. */
  readonly tracer?: Tracer;
}

/** Wait before an ended run's chunks are removed: followers elsewhere read the last ones until then. */
const DISCARD_DELAY_MS = 10_000;

/** Chunks of many runs are removed at the same moments, this many milliseconds apart: in one commit. */
const DISCARD_SLOT_MS = 1_000;

/** A thread that has been heard for longer was heard before its run was claimed: twice a commit's time. */
const HEARD_MS = 2 * STORE_DEADLINE_MS;

/** Runs that wait here whose origin in a trace is remembered. */
const MAX_ORIGINS = 1_000;

/** Streams claimed runs until {@linkcode drain}. */
export class RunPool {
  readonly #parts: RunPoolParts;
  readonly #slots: RunSlots;
  readonly #running = new Map<string, RunExecution>();
  readonly #background = new Set<Promise<void>>();
  readonly #tracer: Tracer;
  /** What asked for the runs that wait, by run id. */
  readonly #origins = new Map<string, TracePlace>();
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  #draining = false;

  /** Makes an empty pool. */
  constructor(parts: RunPoolParts) {
    this.#parts = parts;
    this.#slots = new RunSlots(parts.limits);
    this.#tracer = parts.tracer ?? NO_TRACER;
  }

  /** The thread's run that streams here. */
  get(thread: Incarnation): RunExecution | undefined {
    return this.#running.get(nameOf(thread));
  }

  /** Runs a transaction that may start a run, with a place for it where there is one. */
  async withSlot<C extends Change>(
    ref: ThreadRef,
    transaction: (mayStart: boolean) => Promise<C>,
  ): Promise<C> {
    const taken = this.#slots.tryTake(ref.subject);
    let used = false;
    try {
      const change = await transaction(taken);
      used = change.claim !== null;
      this.adopt(change, taken);
      return change;
    } catch (error) {
      // The commit may have started a run.
      if (error instanceof UnknownCommitError) this.#parts.events.onOrphan(ref);
      throw error;
    } finally {
      if (taken && !used) this.#slots.release(ref.subject);
    }
  }

  /** Makes a change known here and acts on it. `slotTaken`: a started run has its place already. */
  adopt({ thread, appended, claim, cancel }: Change, slotTaken = false): void {
    const { fanOut, events } = this.#parts;
    fanOut.publish(thread, appended);
    if (appended.length > 0 || cancel !== null) events.onChange(thread);
    for (const { entry } of appended) {
      // A run that ended while it waited never streamed anywhere.
      if (entry.kind === "message" && entry.role === "assistant" && entry.attempt === 0) {
        this.#origins.delete(entry.runId);
        events.onRunEnded(entry.outcome);
      }
    }
    const run = this.get(thread);
    if (cancel !== null && run?.claim.runId === cancel) run.cancel();
    if (claim !== null) {
      if (!slotTaken) this.#slots.take(thread.subject);
      // What runs now asked for it, or has only come upon it.
      this.inBackground(this.#execute(claim, slotTaken));
    } else if (run === undefined && (appended.length > 0 || cancel !== null)) {
      // It waits behind, or cancels, a run whose owner may be dead.
      events.onOrphan(thread);
    }
  }

  /** A run was asked for that waits for another: once it starts here, it is traced as asked for here. */
  waits(runId: string): void {
    const origin = this.#tracer.here();
    if (origin === null) return;
    this.#origins.set(runId, origin);
    if (this.#origins.size <= MAX_ORIGINS) return;
    // Started elsewhere, perhaps, or deleted with its thread.
    const [oldest] = this.#origins.keys();
    this.#origins.delete(oldest!);
  }

  /** Does `work` while the server serves; a drain waits for it. */
  inBackground(work: Promise<void>): void {
    const task = work.catch(this.#parts.events.onFault);
    this.#background.add(task);
    void task.finally(() => this.#background.delete(task));
  }

  /** Gives every run up and waits until that is stored. No run streams after this. */
  async drain(): Promise<void> {
    this.#draining = true;
    for (const timer of this.#timers) clearTimeout(timer);
    for (const run of this.#running.values()) run.release();
    while (this.#background.size > 0) await Promise.all(this.#background);
  }

  /** Streams a claimed run and those that follow it in its thread, all in one place. */
  async #execute(first: RunClaim, asked: boolean): Promise<void> {
    let claim: RunClaim | null = first;
    try {
      for (let isAsked = asked; claim !== null; isAsked = false) {
        claim = await this.#traceOne(claim, isAsked);
      }
    } finally {
      this.#slots.release(first.thread.subject);
    }
  }

  #traceOne(claim: RunClaim, asked: boolean): Promise<RunClaim | null> {
    const { runId, attempt, agent } = claim;
    const origin = this.#origins.get(runId) ?? null;
    this.#origins.delete(runId);
    const attributes = {
      "drawbridge.run.id": runId,
      "drawbridge.run.attempt": attempt,
      "gen_ai.agent.name": agent,
    };
    const options = asked ? { attributes } : { attributes, parent: origin };
    return this.#tracer.span("run", options, (span) => this.#executeOne(claim, span));
  }

  /** Streams one run; returns the next of its thread, already claimed. */
  async #executeOne(claim: RunClaim, span: Span): Promise<RunClaim | null> {
    const { fanOut, bell, events } = this.#parts;
    const { thread } = claim;
    const run = new RunExecution(claim, this.#parts.run);
    this.#running.set(nameOf(thread), run);
    events.onRunsActive(this.#running.size);
    this.inBackground(this.#hear(run));
    try {
      if (this.#draining) run.release();
      const result = await run.execute();
      if (result.kind === "finished") {
        const { outcome, error } = result.answer;
        span.set({ "drawbridge.run.outcome": outcome });
        if (error !== undefined) span.fail(error.code);
        events.onRunEnded(outcome);
        fanOut.publish(thread, result.change.appended);
        events.onChange(thread);
        this.#discardLater(claim, result.batches);
        return result.change.claim;
      }
      span.set({ "drawbridge.run.outcome": result.kind });
      if (result.kind === "lost") {
        fanOut.poke(thread);
        events.onOrphan(thread);
      } else events.onChange(thread, "released");
      return null;
    } finally {
      if (this.get(thread) === run) this.#running.delete(nameOf(thread));
      events.onRunsActive(this.#running.size);
      bell.unfollow(thread);
    }
  }

  /** Hears of a cancel by another instance from now on, and of one that came before. */
  async #hear({ claim: { thread } }: RunExecution): Promise<void> {
    const { bell } = this.#parts;
    const hasHeard = bell.hasHeardFor(thread, HEARD_MS);
    try {
      await bell.follow(thread);
    } catch (error) {
      // It is followed later, and looked at then.
      if (!isPassing(error)) throw error;
    }
    if (!hasHeard) this.#parts.events.onHeard(thread);
  }

  #discardLater(claim: RunClaim, batches: readonly number[]): void {
    if (this.#draining) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.inBackground(this.#parts.chunks.discard(claim, batches));
    }, DISCARD_DELAY_MS + DISCARD_SLOT_MS - Date.now() % DISCARD_SLOT_MS);
    this.#timers.add(timer);
  }
}
