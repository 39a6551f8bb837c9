/**
 * How runs begin: a message, or another answer to the last one, starts or
 * queues a run. Every transaction is idempotent.
 *
 * @module
 */
import type { OnBusy } from "../chat/protocol.ts";
import { AppError } from "../errors.ts";
import { MAX_QUEUED_RUNS } from "../limits.ts";
import { Heads } from "./heads.ts";
import { messageKey, runKey } from "./keys.ts";
import type { RunPlan, RunRecord, ThreadRef, UserEntry } from "./records.ts";
import { CANCELLED_WHILE_WAITING, type Change, change, idle, plan, RunSteps } from "./run_steps.ts";
import type { Store } from "./store.ts";
import { changeThread, type ThreadChange } from "./thread_change.ts";
import type { ThreadEdit } from "./thread_edit.ts";
import type { Plan } from "./transaction.ts";
import { present, VanishedError } from "./vanished.ts";

/** A user's message on its way into the log. */
export interface NewMessage {
  readonly id: string;
  readonly text: string;
  readonly agent: string;
  readonly onBusy: OnBusy;
  /** False where this instance has no room for another running run. */
  readonly mayStart: boolean;
}

/** A stored message. */
export interface Sent extends Change {
  readonly seq: number;
  readonly runId: string;
  /** The id was stored before, with the same text. */
  readonly duplicate: boolean;
}

/** Appends to threads, on behalf of one instance. */
export class RunLog {
  readonly #store: Store;
  readonly #heads: Heads;
  readonly #steps: RunSteps;

  /**
   * Writes through `store`, which stays its opener's; leases are taken for `instanceId`, whose
   * `heads` are those that it wrote.
   */
  constructor(store: Store, instanceId: string, heads: Heads = new Heads()) {
    this.#store = store;
    this.#heads = heads;
    this.#steps = new RunSteps(store, instanceId);
  }

  /**
   * Stores a user's message and starts or queues its run, in one commit.
   *
   * @throws {AppError} `IDEMPOTENCY_CONFLICT`, `RUN_ACTIVE`, `TOO_MANY_RUNS`, `STORE_UNAVAILABLE`: nothing is stored.
   * @throws {UnknownCommitError} where nobody can tell.
   */
  async send(ref: ThreadRef, message: NewMessage): Promise<Sent> {
    const runId = newRunId();
    // Of the last try: an earlier one that holds after all was planned on the same head.
    let starts = false;
    const what = `append to thread ${ref.threadId}`;
    return await this.#change<Sent>({ ref, what, mayRecall: true }, async (edit) => {
      if (edit.isRecalled) edit.check(messageKey(edit.thread, message.id), null);
      else if (edit.exists) {
        const earlier = await this.#findMessage(edit, message);
        if (earlier !== null) {
          if (earlier.runId !== runId) {
            return { done: { ...earlier, duplicate: true, ...idle(edit) } };
          }
          const own = await this.#steps.ownChange(edit, { runId, fromSeq: earlier.seq, starts });
          return { done: { ...earlier, duplicate: false, ...own } };
        }
      }
      const { active } = edit.head;
      if (active === null && !message.mayStart) throw tooManyRuns("Too many runs are active");
      if (active !== null) assertRoom(edit, message.onBusy);
      const seq = await edit.appendMessage(userEntry(message, edit.now), runId);
      if (edit.head.title === null) edit.head = { ...edit.head, title: titleOf(message.text) };
      const run: RunPlan = { runId, agent: message.agent, replyTo: message.id, replyToSeq: seq };
      const step = await this.#steps.startOrQueue(edit, run, message.onBusy);
      starts = step.claim !== null;
      return {
        commit: edit.toCommit(),
        result: (version) => ({ seq, runId, duplicate: false, ...change(edit, step, version) }),
      };
    });
  }

  /**
   * Starts or queues another run for the thread's last user message.
   *
   * @throws {AppError} `NOT_FOUND`, `INVALID_REQUEST` where there is no message to answer, `RUN_ACTIVE`, `TOO_MANY_RUNS`, `STORE_UNAVAILABLE`
   * @throws {UnknownCommitError} where nobody can tell.
   */
  async regenerate(
    ref: ThreadRef,
    { onBusy, mayStart }: Pick<NewMessage, "onBusy" | "mayStart">,
  ): Promise<Change & { runId: string }> {
    const runId = newRunId();
    let starts = false;
    type Result = Change & { runId: string };
    return await this.#change<Result>(
      { ref, what: `regenerate in ${ref.threadId}` },
      async (edit) => {
        if (!edit.exists) throw new AppError("NOT_FOUND");
        const own = await this.#find(edit, runId);
        if (own !== null) {
          const isRunning = own.state?.kind === "running";
          const fromSeq = isRunning ? own.state.startedSeq : edit.head.headSeq + 1;
          return {
            done: { runId, ...await this.#steps.ownChange(edit, { runId, fromSeq, starts }) },
          };
        }
        const messageId = edit.head.lastUserMessageId;
        if (messageId === null) {
          throw new AppError("INVALID_REQUEST", { detail: "The thread has no message to answer" });
        }
        if (edit.head.active === null && !mayStart) throw tooManyRuns("Too many runs are active");
        if (edit.head.active !== null) assertRoom(edit, onBusy);
        const message = present(await this.#store.get(messageKey(edit.thread, messageId)));
        const previous = await this.#find(edit, message.runId);
        if (previous === null) throw new VanishedError(`Cannot find run ${message.runId}`);
        const run = { ...plan(previous), runId };
        const step = await this.#steps.startOrQueue(edit, run, onBusy);
        starts = step.claim !== null;
        return {
          commit: edit.toCommit(),
          result: (version) => ({ runId, ...change(edit, step, version) }),
        };
      },
    );
  }

  /**
   * Asks a run to end. One that waits ends here; the active one is ended by its owner.
   *
   * @throws {AppError} `NOT_FOUND`, `STORE_UNAVAILABLE`
   * @throws {UnknownCommitError} where nobody can tell.
   */
  async cancel(ref: ThreadRef, runId: string): Promise<Change> {
    return await this.#change<Change>({ ref, what: `cancel run ${runId}` }, async (edit) => {
      const run = edit.exists ? await this.#find(edit, runId) : null;
      if (run === null) throw new AppError("NOT_FOUND");
      if (run.state?.kind === "ended") return { done: idle(edit) };
      if (run.state === undefined) {
        await edit.endRun(run, CANCELLED_WHILE_WAITING);
        const step = { claim: null, cancel: null };
        return { commit: edit.toCommit(), result: (version) => change(edit, step, version) };
      }
      // Of another run, where this one started after the head was read: then the commit does not hold.
      const isAsked = edit.head.cancelRequested && edit.head.active?.runId === runId;
      if (isAsked) return { done: { ...idle(edit), cancel: runId } };
      edit.head = { ...edit.head, cancelRequested: true };
      return { commit: edit.toCommit(), result: () => ({ ...idle(edit), cancel: runId }) };
    });
  }

  #change<R>(
    change: Pick<ThreadChange, "ref" | "what" | "mayRecall">,
    plan: (edit: ThreadEdit) => Promise<Plan<R>>,
  ): Promise<R> {
    return changeThread({ store: this.#store, heads: this.#heads, ...change }, plan);
  }

  /** A run of the thread, without a state where it waits. */
  async #find(
    edit: ThreadEdit,
    runId: string,
  ): Promise<RunPlan & { readonly state?: RunRecord["state"] } | null> {
    return edit.head.queue.find((waiting) => waiting.runId === runId) ??
      (await this.#store.get(runKey(edit.thread, runId))).value;
  }

  async #findMessage(
    edit: ThreadEdit,
    message: NewMessage,
  ): Promise<{ seq: number; runId: string } | null> {
    const { value } = await this.#store.get(messageKey(edit.thread, message.id));
    if (value === null) return null;
    const [stored] = await this.#steps.entriesFrom(edit, value.seq, 1);
    const entry = stored?.entry;
    if (entry?.kind !== "message" || entry.parts[0]?.text !== message.text) {
      throw new AppError("IDEMPOTENCY_CONFLICT");
    }
    return value;
  }
}

function assertRoom(edit: ThreadEdit, onBusy: OnBusy): void {
  if (onBusy === "reject") throw new AppError("RUN_ACTIVE");
  if (onBusy === "queue" && edit.head.queue.length >= MAX_QUEUED_RUNS) {
    throw tooManyRuns(`At most ${MAX_QUEUED_RUNS} runs wait in a thread`);
  }
}

function tooManyRuns(detail: string): AppError {
  return new AppError("TOO_MANY_RUNS", { detail, retryAfterMs: 1_000 });
}

function newRunId(): string {
  return `r-${crypto.randomUUID()}`;
}

function userEntry({ id, text }: NewMessage, createdAt: string): UserEntry {
  return { kind: "message", role: "user", id, parts: [{ type: "text", text }], createdAt };
}

/** A thread without a title takes the first line of its first message. */
function titleOf(text: string): string {
  const line = text.trim().split("\n", 1)[0]!.trim();
  const characters = [...line];
  return characters.length > 60 ? `${characters.slice(0, 59).join("")}…` : line;
}
