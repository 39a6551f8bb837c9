/**
 * A history in the order in which the rules ask for it.
 *
 * @module
 */
import type { AssistantEntry, RunStartedEntry, UserEntry } from "../../lib/chat/protocol.ts";
import type { EventOf, FinalLog, History } from "./history.ts";

/** An entry of the final log, with its place. */
export interface Placed<E> {
  readonly seq: number;
  readonly entry: E;
}

/** One `message.send` and what answered it. */
export interface Sending {
  readonly sent: EventOf<"sent">;
  /** Place of `sent` among all events. */
  readonly at: number;
  readonly answer: EventOf<"acked"> | EventOf<"refused"> | null;
  /** Place of `answer` among all events. */
  readonly answeredAt: number;
}

/** One thread: what was sent to it, and its final log by kind of entry. */
export interface ThreadView {
  readonly name: string;
  readonly subject: string;
  readonly log: FinalLog;
  readonly users: readonly Placed<UserEntry>[];
  readonly starts: readonly Placed<RunStartedEntry>[];
  readonly answers: readonly Placed<AssistantEntry>[];
  readonly sendings: readonly Sending[];
}

/** Names a thread among all subjects'. */
export function threadName({ subject, threadId }: { subject: string; threadId: string }): string {
  return `${subject} ${threadId}`;
}

/** Puts a history in order. A thread that was never stored has an empty log. */
export function viewThreads({ events, logs }: History): Map<string, ThreadView> {
  const sendings = sendingsByThread(events);
  const views = new Map<string, ThreadView>();
  const empty = [...sendings.values()].map(([first]) => ({
    subject: first!.sent.subject,
    threadId: first!.sent.threadId,
    headSeq: 0,
    entries: [],
  }));
  for (const log of [...empty, ...logs]) {
    const name = threadName(log);
    const { subject } = log;
    const users: Placed<UserEntry>[] = [];
    const starts: Placed<RunStartedEntry>[] = [];
    const answers: Placed<AssistantEntry>[] = [];
    for (const { seq, entry } of log.entries) {
      if (entry.kind === "run.started") starts.push({ seq, entry });
      else if (entry.role === "user") users.push({ seq, entry });
      else answers.push({ seq, entry });
    }
    const own = sendings.get(name) ?? [];
    views.set(name, { name, subject, log, users, starts, answers, sendings: own });
  }
  return views;
}

function sendingsByThread(events: History["events"]): Map<string, Sending[]> {
  const answers = new Map<string, { event: Sending["answer"]; at: number }>();
  events.forEach((event, at) => {
    if (event.kind !== "acked" && event.kind !== "refused") return;
    answers.set(`${event.socket} ${event.ref}`, { event, at });
  });
  const sendings = new Map<string, Sending[]>();
  events.forEach((sent, at) => {
    if (sent.kind !== "sent") return;
    const answer = answers.get(`${sent.socket} ${sent.ref}`);
    const own = sendings.get(threadName(sent)) ?? [];
    own.push({ sent, at, answer: answer?.event ?? null, answeredAt: answer?.at ?? Infinity });
    sendings.set(threadName(sent), own);
  });
  return sendings;
}

/** Groups by what `keyOf` says, in order. */
export function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}
