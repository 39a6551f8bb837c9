/**
 * Load from many clients at once: messages that are all different, some sent
 * twice, some cancelled, some that interrupt or are refused. Needs `net`.
 *
 * @module
 */
import { delay } from "@std/async/delay";
import type { OnBusy } from "../../lib/chat/protocol.ts";
import { mintToken } from "../support/tokens.ts";
import { type FinalLog, marker } from "./history.ts";
import type { Random } from "./random.ts";
import type { Recorder } from "./recorder.ts";
import { WanderingClient } from "./wandering_client.ts";

/** What a {@linkcode Workload} is made of. */
export interface WorkloadParts {
  readonly subjects: readonly string[];
  readonly random: Random;
  /** Share of the messages whose answer takes 9 to 15 s: long enough to outlive several instances. */
  readonly longShare: number;
  readonly recorder: Recorder;
  readonly address: () => string | null;
}

/** Raised so that the load meets the contract's promises and not its limits. */
export const ROOMY_LIMITS = {
  LIMIT_FRAMES_PER_SECOND: "10000",
  LIMIT_FRAMES_BURST: "10000",
  LIMIT_RUNS_PER_SUBJECT: "200",
} as const;

/** Clients of one subject. */
const CLIENTS_EACH = 2;

/** Messages without an answer at most, of one client. */
const MAX_UNANSWERED = 3;

/** Wait between two messages of one client, milliseconds. */
const PAUSE_MS = { least: 50, most: 500 } as const;

/** Runs of one thread that a client lets pile up. */
const MAX_RUNNING = 4;

/** The clients of all subjects, from {@linkcode Workload.begin} on. */
export class Workload {
  readonly clients: WanderingClient[] = [];
  readonly #parts: WorkloadParts;
  readonly #tokens = new Map<string, string>();
  readonly #talks: Promise<void>[] = [];
  readonly #quiet = new AbortController();
  #threads = ["t1"];
  #numbers = 0;

  /** Nothing happens before {@linkcode Workload.begin}. */
  constructor(parts: WorkloadParts) {
    this.#parts = parts;
  }

  /** Lets the clients in, and has them talk. */
  async begin(): Promise<void> {
    const { subjects, recorder, address, random } = this.#parts;
    for (const subject of subjects) {
      const token = await mintToken({ sub: subject });
      this.#tokens.set(subject, token);
      for (let number = 1; number <= CLIENTS_EACH; number++) {
        const name = `${subject}-${number}`;
        const client = new WanderingClient({ subject, name, token, recorder, address });
        this.clients.push(client);
        this.#talks.push(this.#talk(client, { subject, random: random.fork() }));
      }
    }
  }

  /** Adds a thread that every client talks in most from now on. Subjects use the same ids. */
  addThread(): void {
    this.#threads.push(`t${this.#threads.length + 1}`);
  }

  /** Says nothing new. */
  async hush(): Promise<void> {
    this.#quiet.abort();
    await Promise.all(this.#talks);
  }

  /** Whether nobody waits for an answer any more. */
  get isAnswered(): boolean {
    return this.clients.every(({ isReady, unanswered }) => isReady && unanswered.size === 0);
  }

  /** Whether every client has seen all of the threads that it knows. */
  hasSeen(logs: readonly FinalLog[]): boolean {
    const heads = new Map(logs.map((log) => [`${log.subject} ${log.threadId}`, log.headSeq]));
    return this.#bySubject().every(({ subject, client }) =>
      [...client.threads].every(([threadId, { afterSeq }]) =>
        afterSeq === (heads.get(`${subject} ${threadId}`) ?? 0)
      )
    );
  }

  /** Has every client open all of its threads, also those that were not there when it first looked. */
  reopen(): void {
    for (const client of this.clients) {
      for (const threadId of client.threads.keys()) client.open(threadId);
    }
  }

  /** Reads every thread's whole log; `null` where a run has not ended. */
  async readLogs(): Promise<FinalLog[] | null> {
    const logs: FinalLog[] = [];
    for (const [subject, token] of this.#tokens) {
      for (const threadId of this.#threads) {
        const thread = await this.#get(`/api/threads/${threadId}`, token);
        if (thread === null) continue;
        if (thread.activeRun !== null) return null;
        const entries: FinalLog["entries"][number][] = [];
        while (entries.length < thread.headSeq) {
          const afterSeq = entries.at(-1)?.seq ?? 0;
          const path = `/api/threads/${threadId}/entries?afterSeq=${afterSeq}&limit=100`;
          const page = await this.#get(path, token);
          if (page.entries.length === 0) break;
          entries.push(...page.entries);
        }
        logs.push({ subject, threadId, headSeq: thread.headSeq, entries });
      }
    }
    return logs;
  }

  /** Sends everybody home. */
  async end(): Promise<void> {
    await this.hush();
    await Promise.all(this.clients.map((client) => client.leave()));
  }

  async #talk(
    client: WanderingClient,
    { subject, random }: { readonly subject: string; readonly random: Random },
  ): Promise<void> {
    const { signal } = this.#quiet;
    while (!signal.aborted) {
      await delay(random.integer(PAUSE_MS.least, PAUSE_MS.most), { signal }).catch(() => {});
      if (signal.aborted || !client.isReady) continue;
      const threadId = random.chance(0.7) ? this.#threads.at(-1)! : random.pick(this.#threads);
      const whim = random.next();
      if (whim < 0.03) client.drop();
      else if (whim < 0.06) client.open(threadId);
      else if (whim < 0.09) this.#cancel(client, threadId);
      else if (whim < 0.17) this.#repeat(client, random);
      else this.#say(client, { subject, threadId, random });
    }
  }

  #say(
    client: WanderingClient,
    at: { readonly subject: string; readonly threadId: string; readonly random: Random },
  ): void {
    const { subject, threadId, random } = at;
    if (client.unanswered.size >= MAX_UNANSWERED) return;
    if (client.known(threadId).running.size >= MAX_RUNNING) return;
    const number = ++this.#numbers;
    const text = random.chance(0.5)
      ? countTo(random, this.#parts.longShare)
      : `echo ${marker(subject, threadId, number)} of ${number} words`;
    client.say({
      threadId,
      message: { id: `${subject}-${threadId}-${number}`, text },
      onBusy: chooseOnBusy(random),
    });
  }

  /** Sends a message again that was acknowledged; sometimes with another text, which is refused. */
  #repeat(client: WanderingClient, random: Random): void {
    if (client.acknowledged.length === 0) return;
    const said = random.pick(client.acknowledged.slice(-20));
    const { id, text } = said.message;
    const isSame = random.chance(0.7);
    client.repeat(isSame ? { ...said } : { ...said, message: { id, text: `${text} or so` } });
  }

  #cancel(client: WanderingClient, threadId: string): void {
    const [runId] = client.known(threadId).running;
    if (runId !== undefined) client.cancel(threadId, runId);
  }

  #bySubject(): { subject: string; client: WanderingClient }[] {
    const { subjects } = this.#parts;
    return this.clients.map((client, at) => ({
      subject: subjects[Math.floor(at / CLIENTS_EACH)]!,
      client,
    }));
  }

  // deno-lint-ignore no-explicit-any -- the server's own JSON, compared with what clients saw
  async #get(path: string, token: string): Promise<any> {
    const response = await fetch(new URL(path, this.#parts.address()!), {
      headers: { authorization: `Bearer ${token}` },
    });
    const body = await response.json();
    if (response.status === 404) return null;
    if (!response.ok) throw new Error(`${path} answers ${response.status} ${body.code}`);
    return body;
  }
}

/** Whether the offline model answers so. */
export function isOfflineAnswer(heard: string, said: string): boolean {
  const count = /^\/count (\d+)/.exec(heard);
  if (count === null) return said.endsWith(heard);
  return said === Array.from({ length: Number(count[1]) }, (_, at) => at + 1).join(" ");
}

function countTo(random: Random, longShare: number): string {
  if (random.chance(2 * longShare)) return `/count ${random.integer(150, 250)} 60`;
  return `/count ${random.integer(10, 60)} ${random.integer(5, 40)}`;
}

function chooseOnBusy(random: Random): OnBusy {
  if (random.chance(0.1)) return "reject";
  return random.chance(0.03) ? "interrupt" : "queue";
}
