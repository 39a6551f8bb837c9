/**
 * How runs end and how they change hands. Every transaction is idempotent, and
 * every write of a run checks its fence.
 *
 * @module
 */
import { MAX_RUN_ATTEMPTS } from "../limits.ts";
import { batchWrite, type ChunkBatch } from "./chunk_log.ts";
import { Heads } from "./heads.ts";
import { LEASE_PREFIX, leaseKey, runKey } from "./keys.ts";
import type { AssistantEntry, LeaseRecord, MessagePart, RunRecord, ThreadRef } from "./records.ts";
import { type Change, change, idle, plan, RunSteps } from "./run_steps.ts";
import type { Store, Stored } from "./store.ts";
import { changeThread, type ThreadChange } from "./thread_change.ts";
import { LEASE_MS, type RunClaim, type ThreadEdit, type UnfencedClaim } from "./thread_edit.ts";
import type { Plan } from "./transaction.ts";
import { present } from "./vanished.ts";

/** How a run ended, as its owner reports it. */
export type Answer = Pick<AssistantEntry, "parts" | "outcome" | "error"> & { chunkCount: number };

/** What came of an attempt to take a run over. */
export type Takeover =
  | { readonly kind: "idle" }
  | { readonly kind: "held"; readonly owner: string; readonly expiresAtMs: number }
  | {
    readonly kind: "taken";
    readonly change: Change;
    readonly outcome: "interrupted" | "cancelled" | null;
  };

/** Leases looked at in one search for orphans. */
const MAX_LEASES = 1_000;

/** Ends runs, on behalf of one instance. */
export class RunEnds {
  readonly #store: Store;
  readonly #instanceId: string;
  readonly #heads: Heads;
  readonly #steps: RunSteps;

  /**
   * Writes through `store`, which stays its opener's; leases are taken for `instanceId`, whose
   * `heads` are those that it wrote.
   */
  constructor(store: Store, instanceId: string, heads: Heads = new Heads()) {
    this.#store = store;
    this.#heads = heads;
    this.#instanceId = instanceId;
    this.#steps = new RunSteps(store, instanceId);
  }

  /**
   * Ends a run and starts the next one that waits, in one commit. `null` where
   * the run is no longer this instance's: another took it over, or its thread is gone.
   *
   * @param last The chunks that are not stored yet, for those who follow the run elsewhere. They
   * must fit one value of the store.
   * @throws {AppError} `STORE_UNAVAILABLE`
   * @throws {UnknownCommitError} where nobody can tell.
   */
  async finish(claim: RunClaim, answer: Answer, last?: ChunkBatch): Promise<Change | null> {
    const { runId, attempt, thread } = claim;
    const what = `end run ${runId}`;
    return await this.#change<Change | null>(
      { ref: thread, what, mayRecall: true },
      async (edit) => {
        if (edit.thread.generation !== thread.generation) return { done: null };
        if (!edit.isRecalled) {
          const ended = await this.#findEnd(edit, claim);
          if (ended !== "not yet") return { done: ended };
        }
        edit.check(runKey(thread, runId), claim.fence);
        if (last !== undefined) edit.write(await batchWrite(this.#store, claim, last));
        await edit.endRun(claim, { attempt, ...answer });
        const step = { claim: await this.#steps.startNext(edit), cancel: null };
        const commit = { ...edit.toCommit(), mayLinger: true };
        return { commit, result: (version) => change(edit, step, version) };
      },
    );
  }

  /**
   * Finds threads whose active run has no living owner.
   *
   * @throws {AppError} `STORE_UNAVAILABLE`
   */
  async orphans(): Promise<ThreadRef[]> {
    const leases = await this.#store.list({ prefix: LEASE_PREFIX, limit: MAX_LEASES });
    return leases.filter((lease) => holder(lease) === null)
      .map(({ value }) => ({ subject: value!.subject, threadId: value!.threadId }));
  }

  /**
   * Takes over the active run of a thread whose lease has run out, as a new
   * attempt, or ends it where it was cancelled or has had its attempts.
   *
   * @param options.partsOf The parts that the dead attempt left behind, for the answer that it ends with.
   * @param options.signal Ends the waits between two tries.
   * @throws {AppError} `STORE_UNAVAILABLE`
   * @throws {UnknownCommitError} where nobody can tell.
   */
  async takeOver(
    ref: ThreadRef,
    { partsOf, signal }: {
      partsOf: (run: UnfencedClaim) => Promise<{ parts: MessagePart[]; chunkCount: number }>;
      signal?: AbortSignal;
    },
  ): Promise<Takeover> {
    return await this.#change<Takeover>(
      { ref, what: `take over in ${ref.threadId}`, signal },
      async (edit) => {
        const { active, cancelRequested } = edit.head;
        if (active === null) return { done: { kind: "idle" } };
        const [run, lease] = await this.#store.getMany([
          runKey(edit.thread, active.runId),
          leaseKey(ref),
        ]);
        const record = present(run);
        const held = holder(lease);
        if (held !== null) return { done: { kind: "held", ...held } };
        edit.check(runKey(edit.thread, active.runId), run.version);
        edit.check(leaseKey(ref), lease.version);
        const { attempt, startedSeq } = record.state as Extract<
          RunRecord["state"],
          { kind: "running" }
        >;
        let outcome: "interrupted" | "cancelled" | null = null;
        let claim: UnfencedClaim | null;
        if (cancelRequested || attempt >= MAX_RUN_ATTEMPTS) {
          outcome = cancelRequested ? "cancelled" : "interrupted";
          const dead = {
            thread: edit.thread,
            ...plan(record),
            attempt,
            startedSeq,
            cancelRequested,
          };
          const error = cancelRequested ? undefined : INTERRUPTED;
          await edit.endRun(plan(record), { attempt, outcome, error, ...await partsOf(dead) });
          claim = await this.#steps.startNext(edit);
        } else {
          const owner = this.#instanceId;
          claim = await edit.startRun(plan(record), { attempt: attempt + 1, owner });
        }
        return {
          commit: edit.toCommit(),
          result: (version) => ({
            kind: "taken",
            outcome,
            change: change(edit, { claim, cancel: null }, version),
          }),
        };
      },
    );
  }

  /** What the end of a run did that is stored already: `null` where another holds the run now. */
  async #findEnd(
    edit: ThreadEdit,
    { thread, runId, attempt, fence }: RunClaim,
  ): Promise<Change | null | "not yet"> {
    const run = await this.#store.get(runKey(thread, runId));
    if (run.version === fence) return "not yet";
    const state = run.value?.state;
    if (state?.kind !== "ended" || state.attempt !== attempt) return null;
    // Only the holder of the fence can have ended this attempt: our own commit, unknown until now.
    const appended = await this.#steps.entriesFrom(edit, state.entrySeq);
    const next = await this.#steps.claimBehind(edit, state.entrySeq);
    return { ...idle(edit), appended, claim: next };
  }

  #change<R>(
    change: Omit<ThreadChange, "store" | "heads">,
    plan: (edit: ThreadEdit) => Promise<Plan<R>>,
  ): Promise<R> {
    return changeThread({ store: this.#store, heads: this.#heads, ...change }, plan);
  }
}

const INTERRUPTED = {
  code: "INTERNAL",
  message: `The run was interrupted ${MAX_RUN_ATTEMPTS} times`,
};

/** The owner of a lease that still holds. */
function holder(
  { value }: Stored<LeaseRecord>,
): { owner: string; expiresAtMs: number } | null {
  if (value === null || value.owner === null || value.expiresAtMs <= Date.now()) return null;
  return { owner: value.owner, expiresAtMs: Math.min(value.expiresAtMs, Date.now() + LEASE_MS) };
}
