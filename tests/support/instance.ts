/**
 * One instance of the server's inside, on a store that several may share: logs, fan-out and
 * supervisor, without sockets.
 *
 * @module
 */
import type { FakeTime } from "@std/testing/time";
import { AgentRegistry } from "../../lib/agents/registry.ts";
import { AgentSupervisor } from "../../lib/agents/supervisor.ts";
import type { SupervisorParts } from "../../lib/agents/supervisor_parts.ts";
import type { AnswerModel } from "../../lib/agents/model.ts";
import { FanOut } from "../../lib/chat/fan_out.ts";
import { Bell } from "../../lib/threads/bell.ts";
import { ChunkLog } from "../../lib/threads/chunk_log.ts";
import { Heads } from "../../lib/threads/heads.ts";
import type { Incarnation } from "../../lib/threads/keys.ts";
import type { Entry, ThreadRef } from "../../lib/threads/records.ts";
import { RunEnds } from "../../lib/threads/run_ends.ts";
import { RunLog } from "../../lib/threads/run_log.ts";
import { NO_TRACER, type Tracer } from "../../lib/observe/tracing.ts";
import type { Store } from "../../lib/threads/store.ts";
import type { RunClaim } from "../../lib/threads/thread_edit.ts";
import { ThreadLog } from "../../lib/threads/thread_log.ts";
import { ThreadRemoval } from "../../lib/threads/thread_removal.ts";
import { testAgent } from "./answers.ts";

/** The thread that most tests write to. */
export const THREAD: ThreadRef = { subject: "alice", threadId: "thread-1" };

/** The rules of one instance. */
export class Logs {
  readonly threads: ThreadLog;
  readonly removal: ThreadRemoval;
  readonly runs: RunLog;
  readonly ends: RunEnds;
  readonly chunks: ChunkLog;

  /** Works on `store` as `instanceId`. */
  constructor(readonly store: Store, readonly instanceId: string) {
    const heads = new Heads();
    this.threads = new ThreadLog(store, heads.tails);
    this.removal = new ThreadRemoval(store);
    this.runs = new RunLog(store, instanceId, heads);
    this.ends = new RunEnds(store, instanceId, heads);
    this.chunks = new ChunkLog(store);
  }

  /** Sends a message; `id` is its text too unless that is given. */
  send(
    id: string,
    { ref = THREAD, text = id, agent = "test", onBusy = "queue", mayStart = true }: {
      ref?: ThreadRef;
      text?: string;
      agent?: string;
      onBusy?: "queue" | "reject" | "interrupt";
      mayStart?: boolean;
    } = {},
  ): ReturnType<RunLog["send"]> {
    return this.runs.send(ref, { id, text, agent, onBusy, mayStart });
  }

  /** Sends a message that must start a run. */
  async start(id: string, ref: ThreadRef = THREAD): Promise<RunClaim> {
    const { claim } = await this.send(id, { ref });
    if (claim === null) throw new Error(`Message ${id} did not start a run`);
    return claim;
  }

  /** Ends a run with some text. */
  finish(
    claim: RunClaim,
    text = "done",
    outcome: "completed" | "cancelled" | "failed" = "completed",
  ): ReturnType<RunEnds["finish"]> {
    return this.ends.finish(claim, { parts: [{ type: "text", text }], outcome, chunkCount: 0 });
  }

  /** The thread's incarnation as it is stored. */
  async incarnation(ref: ThreadRef = THREAD): Promise<Incarnation> {
    const head = await this.threads.head(ref);
    if (head === null) throw new Error(`There is no thread ${ref.threadId}`);
    return { ...ref, generation: head.generation };
  }

  /** All entries of a thread, checked to be numbered from 1 without a gap. */
  async entries(ref: ThreadRef = THREAD): Promise<Entry[]> {
    const thread = await this.incarnation(ref);
    const all: Entry[] = [];
    while (true) {
      const page = await this.threads.entries(thread, { afterSeq: all.length, limit: 100 });
      for (const { seq, entry } of page.entries) {
        if (seq !== all.length + 1) throw new Error(`Entry ${seq} follows ${all.length}`);
        all.push(entry);
      }
      if (!page.more) return all;
    }
  }

  /** A thread's log, an entry a line, short enough to be compared. */
  async story(ref: ThreadRef = THREAD): Promise<string[]> {
    const names = new Map<string, string>();
    const nameOf = (runId: string) => {
      if (!names.has(runId)) names.set(runId, `run ${names.size + 1}`);
      return names.get(runId);
    };
    return (await this.entries(ref)).map((entry) => {
      if (entry.kind === "run.started") {
        return `${nameOf(entry.runId)} attempt ${entry.attempt} on ${entry.replyTo}`;
      }
      const text = entry.parts.map(({ text }) => text).join("");
      if (entry.role === "user") return `user ${text}`;
      const what = `${nameOf(entry.runId)} attempt ${entry.attempt} ${entry.outcome}`;
      return [what, entry.error?.code, text].filter((part) => part).join(" ");
    });
  }
}

/** What a supervisor told its instance, oldest first. */
export interface Told {
  readonly outcomes: string[];
  readonly faults: unknown[];
  readonly active: number[];
  stored: number;
  takeovers: number;
}

/** An instance with a supervisor. `await using` drains it. */
export class Instance extends Logs implements AsyncDisposable {
  readonly fanOut = new FanOut();
  readonly bell: Bell;
  readonly told: Told = {
    outcomes: [],
    faults: [],
    active: [],
    stored: 0,
    takeovers: 0,
  };
  readonly supervisor: AgentSupervisor;

  /** Answers with `model` on `store`. */
  constructor(
    store: Store,
    { model, instanceId = "one", limits = {}, tracer = NO_TRACER }: {
      model: AnswerModel | null | Promise<AnswerModel>;
      instanceId?: string;
      limits?: Partial<SupervisorParts["limits"]>;
      tracer?: Tracer;
    },
  ) {
    super(store, instanceId);
    this.bell = new Bell(store, instanceId);
    const { told, threads, removal, runs, ends, chunks, fanOut, bell } = this;
    this.supervisor = new AgentSupervisor({
      instanceId,
      threads,
      removal,
      runs,
      ends,
      chunks,
      fanOut,
      bell,
      agents: new AgentRegistry([testAgent()]),
      model: () => Promise.resolve(model),
      tracer,
      limits: {
        runs: 200,
        runsPerSubject: 10,
        answerBytes: 1_000_000,
        messageBytes: 32_768,
        ...limits,
      },
      events: {
        onMessageStored: () => told.stored++,
        onRunsActive: (count) => told.active.push(count),
        onRunEnded: (outcome) => told.outcomes.push(outcome),
        onFirstChunk: () => {},
        onTakeover: () => told.takeovers++,
        onFault: (error) => told.faults.push(error),
      },
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.supervisor.drain();
  }

  /** Sends a message through the supervisor; `id` is its text too. */
  say(
    id: string,
    { ref = THREAD, onBusy }: { ref?: ThreadRef; onBusy?: "queue" | "reject" | "interrupt" } = {},
  ): ReturnType<AgentSupervisor["send"]> {
    return this.supervisor.send(ref, { message: { id, text: id }, onBusy });
  }
}

/** How long a condition may take before a test gives up, real milliseconds: a guard against hanging. */
const HANG_MS = 20_000;

/**
 * Lets fake time pass in steps until `done` holds or the promise has settled. A real database works
 * between the steps, so more fake time may pass than is needed, and never less.
 */
export async function pass<T>(
  time: FakeTime,
  done: Promise<T>,
  options?: { stepMs?: number },
): Promise<T>;
export async function pass(
  time: FakeTime,
  done: () => boolean | Promise<boolean>,
  options?: { stepMs?: number },
): Promise<void>;
export async function pass<T>(
  time: FakeTime,
  done: Promise<T> | (() => boolean | Promise<boolean>),
  { stepMs = 50 }: { stepMs?: number } = {},
): Promise<T | void> {
  let settled = false;
  const condition = typeof done === "function" ? done : () => settled;
  if (typeof done !== "function") {
    done.then(() => settled = true, () => settled = true);
  }
  const startedMs = performance.now();
  while (!await condition()) {
    if (performance.now() - startedMs > HANG_MS) throw new Error("Nothing happened in time");
    await time.delay(1);
    time.tick(stepMs);
  }
  if (typeof done !== "function") return await done;
}
