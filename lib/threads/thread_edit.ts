/**
 * One change to a thread in the making: its head as read, entries to be
 * appended with the next numbers, and the commit that makes it all true.
 *
 * @module
 */
import {
  activityKey,
  entryKey,
  headKey,
  type Incarnation,
  leaseKey,
  messageKey,
  runKey,
} from "./keys.ts";
import type { KnownHead } from "./heads.ts";
import { type SizedEntry, withoutSize } from "./tails.ts";
import { pack } from "./pieces.ts";
import type {
  AssistantEntry,
  Entry,
  RunPlan,
  ThreadHead,
  ThreadRef,
  UserEntry,
} from "./records.ts";
import {
  type Check,
  type Commit,
  put,
  remove,
  type Store,
  type StoreKey,
  type Write,
} from "./store.ts";

/** An entry and its number. */
export interface NumberedEntry {
  readonly seq: number;
  readonly entry: Entry;
}

/** Milliseconds that a lease lasts from its last renewal. */
export const LEASE_MS = 10_000;

/** A running run, as its owner holds it. */
export interface RunClaim {
  readonly thread: Incarnation;
  readonly runId: string;
  readonly agent: string;
  /** Id and `seq` of the user message that it answers. */
  readonly replyTo: string;
  readonly replyToSeq: number;
  readonly attempt: number;
  readonly startedSeq: number;
  /** Version of the run's record: whoever writes the run checks it. */
  readonly fence: string;
  /** The run had been asked to end before it was claimed. */
  readonly cancelRequested: boolean;
}

/** Everything of a claim but its fence, which its commit will tell. */
export type UnfencedClaim = Omit<RunClaim, "fence">;

/** Characters of an entry that fit one value of the store, whatever they are. */
const SURELY_ONE_PIECE = 20_000;

/** The id of a run's assistant entry. */
export function answerId(runId: string): string {
  return `a-${runId}`;
}

/** A change to one thread. Valid for one commit. */
export class ThreadEdit {
  /** The thread's incarnation: the stored one, or a new one where there is none. */
  readonly thread: Incarnation;
  /** False where the commit will create the thread. */
  readonly exists: boolean;
  /** Planned on a head that may be outdated: what decides must be checked, and nothing else believed. */
  readonly isRecalled: boolean;
  /** The head as it will be. */
  head: ThreadHead;
  readonly #store: Store;
  readonly #before: ThreadHead | null;
  readonly #nowMs: number;
  /** That the head is as it was read. */
  readonly #headCheck: Check;
  readonly #checks: Check[];
  readonly #writes: Write[] = [];
  readonly #appended: SizedEntry[] = [];

  private constructor(
    store: Store,
    ref: ThreadRef,
    read: { head: ThreadHead | null; version: string | null; isRecalled: boolean },
  ) {
    this.#store = store;
    this.#before = read.head;
    this.#nowMs = Date.now();
    this.exists = read.head !== null;
    this.isRecalled = read.isRecalled;
    this.head = read.head ?? newHead(this.#nowMs);
    this.thread = { ...ref, generation: this.head.generation };
    this.#headCheck = { key: headKey(ref), version: read.version };
    this.#checks = [this.#headCheck];
  }

  /**
   * Reads the head of a thread.
   *
   * @throws {AppError} `STORE_UNAVAILABLE`
   */
  static async open(store: Store, ref: ThreadRef): Promise<ThreadEdit> {
    const { value, version } = await store.get(headKey(ref));
    return new ThreadEdit(store, ref, { head: value, version, isRecalled: false });
  }

  /** Begins with a head as this instance last wrote it. */
  static recall(store: Store, ref: ThreadRef, known: KnownHead): ThreadEdit {
    return new ThreadEdit(store, ref, { ...known, isRecalled: true });
  }

  /** The time that the change's entries carry, ISO 8601. */
  get now(): string {
    return new Date(this.#nowMs).toISOString();
  }

  /** What this change appends, in order. */
  get appended(): readonly NumberedEntry[] {
    return this.#appended.map(withoutSize);
  }

  /** The same, each with the length of its JSON, characters. */
  get sized(): readonly SizedEntry[] {
    return this.#appended;
  }

  /**
   * Gives `entry` the next number. A large one's pieces are stored at once.
   *
   * @throws {Error} Where there may be pieces on a head that was recalled: it may be outdated.
   * @throws {VanishedError} Where there are pieces, and the head is no longer as it was read.
   */
  async append(entry: Entry): Promise<number> {
    const seq = this.head.headSeq + 1;
    const json = JSON.stringify(entry);
    if (this.isRecalled && json.length > SURELY_ONE_PIECE) {
      throw new Error("Cannot store pieces on a recalled head");
    }
    const packed = await pack(this.#store, { thread: this.thread, json, check: this.#headCheck });
    this.#writes.push(put(entryKey(this.thread, seq), packed));
    this.#appended.push({ seq, entry, characters: json.length });
    this.head = { ...this.head, headSeq: seq, updatedAtMs: this.#nowMs };
    return seq;
  }

  /** Appends a user's message and remembers its id. */
  async appendMessage(entry: UserEntry, runId: string): Promise<number> {
    const seq = await this.append(entry);
    this.write(put(messageKey(this.thread, entry.id), { seq, runId }));
    this.head = { ...this.head, lastUserMessageId: entry.id };
    return seq;
  }

  /** Appends the start of an attempt, makes it the active run and leases it to `owner`. */
  async startRun(
    run: RunPlan,
    { attempt, owner }: { attempt: number; owner: string },
  ): Promise<UnfencedClaim> {
    const { runId, agent, replyTo, replyToSeq } = run;
    const startedSeq = await this.append({ kind: "run.started", runId, attempt, agent, replyTo });
    const state = { kind: "running", attempt, startedSeq } as const;
    this.write(put(runKey(this.thread, runId), { runId, agent, replyTo, replyToSeq, state }));
    this.head = { ...this.head, active: { runId, attempt }, cancelRequested: false };
    const expiresAtMs = this.#nowMs + LEASE_MS;
    this.write(put(leaseKey(this.thread), { ...this.thread, runId, attempt, owner, expiresAtMs }));
    return { thread: this.thread, ...run, attempt, startedSeq, cancelRequested: false };
  }

  /** Appends a run's answer and ends it. */
  async endRun(
    run: RunPlan,
    answer: Pick<AssistantEntry, "attempt" | "parts" | "outcome" | "error"> & {
      chunkCount: number;
    },
  ): Promise<void> {
    const { runId, agent, replyTo, replyToSeq } = run;
    const { attempt, parts, outcome, error, chunkCount } = answer;
    const entrySeq = await this.append({
      kind: "message",
      role: "assistant",
      id: answerId(runId),
      runId,
      attempt,
      agent,
      parts,
      outcome,
      ...(error === undefined ? {} : { error }),
      createdAt: this.now,
    });
    const state = { kind: "ended", attempt, entrySeq, chunkCount } as const;
    this.write(put(runKey(this.thread, runId), { runId, agent, replyTo, replyToSeq, state }));
    if (this.head.active?.runId === runId) {
      this.head = { ...this.head, active: null, cancelRequested: false };
      this.write(remove(leaseKey(this.thread)));
    } else {
      const queue = this.head.queue.filter((waiting) => waiting.runId !== runId);
      this.head = { ...this.head, queue };
    }
  }

  /** Adds writes. Later ones on the same key win. */
  write(...writes: Write[]): void {
    this.#writes.push(...writes);
  }

  /** Adds a condition. */
  check<T>(key: StoreKey<T>, version: string | null): void {
    this.#checks.push({ key, version });
  }

  /** The commit that makes the change. */
  toCommit(): Commit {
    const { thread, head } = this;
    const writes = [...this.#writes, put(headKey(thread), head)];
    if (this.#before?.updatedAtMs !== head.updatedAtMs) {
      if (this.#before) writes.push(remove(activityKey(thread, this.#before.updatedAtMs)));
      writes.push(put(activityKey(thread, head.updatedAtMs), ""));
    }
    return { checks: this.#checks, writes };
  }
}

function newHead(nowMs: number): ThreadHead {
  return {
    generation: crypto.randomUUID(),
    title: null,
    createdAt: new Date(nowMs).toISOString(),
    updatedAtMs: nowMs,
    headSeq: 0,
    active: null,
    queue: [],
    cancelRequested: false,
    lastUserMessageId: null,
  };
}
