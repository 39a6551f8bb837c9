/**
 * What the transactions on runs are made of: `run_log.ts` begins runs with
 * these steps, `run_ends.ts` ends them.
 *
 * @module
 */
import type { OnBusy } from "../chat/protocol.ts";
import { MAX_QUEUED_RUNS } from "../limits.ts";
import { entryKey, leaseKey, runKey } from "./keys.ts";
import { unpack } from "./pieces.ts";
import type { RunPlan } from "./records.ts";
import type { Store } from "./store.ts";
import type { NumberedEntry, RunClaim, ThreadEdit, UnfencedClaim } from "./thread_edit.ts";
import { present } from "./vanished.ts";

/** What a transaction did: the entries that it appended and the run that it started, if any. */
export interface Change {
  readonly thread: RunClaim["thread"];
  readonly appended: readonly NumberedEntry[];
  /** A run that this instance now owns and must stream. */
  readonly claim: RunClaim | null;
  /** The active run that must end now, wherever it streams. */
  readonly cancel: string | null;
}

/** What a step of a transaction started or wants ended. */
export interface Step {
  /** The run that this instance is to stream. */
  readonly claim: UnfencedClaim | null;
  /** The active run that must end. */
  readonly cancel: string | null;
}

/** The end of a run that never started. */
export const CANCELLED_WHILE_WAITING = {
  attempt: 0,
  parts: [],
  outcome: "cancelled" as const,
  chunkCount: 0,
};

/** Entries of one commit at most: a message, the ends of all runs that waited, and a start. */
const MAX_APPENDED = 2 + MAX_QUEUED_RUNS;

/** Steps on behalf of one instance, each within a {@linkcode ThreadEdit}. */
export class RunSteps {
  readonly #store: Store;
  readonly #instanceId: string;

  /** Reads through `store`; leases are taken for `instanceId`. */
  constructor(store: Store, instanceId: string) {
    this.#store = store;
    this.#instanceId = instanceId;
  }

  /** Starts the run, or puts it behind the active one; an interrupt ends all that is before it. */
  async startOrQueue(edit: ThreadEdit, run: RunPlan, onBusy: OnBusy): Promise<Step> {
    const { active } = edit.head;
    if (active === null) {
      const claim = await edit.startRun(run, { attempt: 1, owner: this.#instanceId });
      return { claim, cancel: null };
    }
    if (onBusy === "interrupt") {
      for (const waiting of edit.head.queue) await edit.endRun(waiting, CANCELLED_WHILE_WAITING);
      edit.head = { ...edit.head, cancelRequested: true };
    }
    edit.head = { ...edit.head, queue: [...edit.head.queue, run] };
    return { claim: null, cancel: onBusy === "interrupt" ? active.runId : null };
  }

  /** Starts the first run that waits, in the same change. */
  async startNext(edit: ThreadEdit): Promise<UnfencedClaim | null> {
    const [run, ...queue] = edit.head.queue;
    if (run === undefined) return null;
    edit.head = { ...edit.head, queue };
    return await edit.startRun(run, { attempt: 1, owner: this.#instanceId });
  }

  /**
   * What an own commit did that was unknown until now: the entries from `fromSeq` on, perhaps with
   * some that followed, and the run `runId` where that commit was to start it. Any other run, and
   * one that waited until another commit started it, is streamed by whoever did that.
   */
  async ownChange(
    edit: ThreadEdit,
    { runId, fromSeq, starts }: { runId: string; fromSeq: number; starts: boolean },
  ): Promise<Change> {
    const { active, cancelRequested } = edit.head;
    const claim = starts ? await this.#ownClaim(edit) : null;
    return {
      thread: edit.thread,
      appended: await this.entriesFrom(edit, fromSeq, MAX_APPENDED),
      claim: claim?.runId === runId ? claim : null,
      cancel: cancelRequested && active !== null ? active.runId : null,
    };
  }

  /** The run whose start stands right behind the entry `seq`: what an own commit of both started. */
  async claimBehind(edit: ThreadEdit, seq: number): Promise<RunClaim | null> {
    const claim = await this.#ownClaim(edit);
    return claim?.startedSeq === seq + 1 ? claim : null;
  }

  /** The active run, where this instance holds the lease of its first attempt. */
  async #ownClaim(edit: ThreadEdit): Promise<RunClaim | null> {
    const { active, cancelRequested } = edit.head;
    if (active === null) return null;
    const [run, lease] = await this.#store.getMany([
      runKey(edit.thread, active.runId),
      leaseKey(edit.thread),
    ]);
    const state = run.value?.state;
    if (state?.kind !== "running" || lease.value?.owner !== this.#instanceId) return null;
    const { attempt, startedSeq } = state;
    // A later attempt was taken over, and streams already.
    if (attempt > 1) return null;
    const fence = run.version!;
    return {
      thread: edit.thread,
      ...plan(run.value!),
      attempt,
      startedSeq,
      fence,
      cancelRequested,
    };
  }

  /**
   * Reads the entries from `seq` on.
   *
   * @throws {VanishedError} where the thread is being removed.
   */
  async entriesFrom(edit: ThreadEdit, seq: number, limit = 2): Promise<NumberedEntry[]> {
    const entries: NumberedEntry[] = [];
    for (let at = seq; at < seq + limit && at <= edit.head.headSeq; at++) {
      const packed = present(await this.#store.get(entryKey(edit.thread, at)));
      const json = await unpack(this.#store, { thread: edit.thread, packed });
      entries.push({ seq: at, entry: JSON.parse(json) });
    }
    return entries;
  }
}

/** A change as its commit made it. */
export function change(edit: ThreadEdit, step: Step, version: string): Change {
  const claim = step.claim === null ? null : { ...step.claim, fence: version };
  return { thread: edit.thread, appended: edit.appended, claim, cancel: step.cancel };
}

/** A change that did nothing. */
export function idle(edit: ThreadEdit): Change {
  return { thread: edit.thread, appended: [], claim: null, cancel: null };
}

/** The part of a run that stays as it is. */
export function plan({ runId, agent, replyTo, replyToSeq }: RunPlan): RunPlan {
  return { runId, agent, replyTo, replyToSeq };
}
