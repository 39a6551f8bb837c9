/**
 * Numbers of a history, for people.
 *
 * @module
 */
import type { History, HistoryEvent } from "./history.ts";
import { threadName } from "./view.ts";

/** One life of the server, milliseconds on the clock of the events. */
export interface Life {
  readonly startedMs: number;
  readonly killedMs: number;
}

/** How long something took, milliseconds. */
export interface Durations {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly most: number;
}

/** The figures of a history. */
export interface Figures {
  readonly kills: number;
  readonly events: number;
  readonly sent: number;
  readonly acked: number;
  readonly refused: number;
  readonly chunks: number;
  readonly runs: number;
  readonly takeovers: number;
  readonly outcomes: Readonly<Record<string, number>>;
  /** Errors of answers, by code. */
  readonly errors: Readonly<Record<string, number>>;
  /** From the start of an instance until a thread that was followed before is open again. */
  readonly restartToOpened: Durations;
  /** From the start of an instance until a run that streamed when the last one died streams on or is answered. */
  readonly restartToResumed: Durations;
  /** From the first opening of such a thread until then. */
  readonly openedToResumed: Durations;
}

/** Counts and measures. `lives` are in order; the last one was not killed mid-load. */
export function measure({ events, logs }: History, lives: readonly Life[]): Figures {
  const entries = logs.flatMap((log) => log.entries.map(({ entry }) => entry));
  const starts = entries.filter((entry) => entry.kind === "run.started");
  const answers = entries.filter((entry) => "outcome" in entry);
  const outcomes = tally(answers.map(({ outcome }) => outcome));
  const count = (kind: HistoryEvent["kind"]): number =>
    events.filter((event) => event.kind === kind).length;
  const waits = measureResumes(events, lives);
  return {
    kills: lives.length - 1,
    events: events.length,
    sent: count("sent"),
    acked: count("acked"),
    refused: count("refused"),
    chunks: count("chunk"),
    runs: answers.length,
    takeovers: starts.filter((entry) => "attempt" in entry && entry.attempt > 1).length,
    outcomes,
    errors: tally(answers.flatMap(({ error }) => error === undefined ? [] : [error.code])),
    restartToOpened: summarize(waits.opened),
    restartToResumed: summarize(waits.resumed),
    openedToResumed: summarize(waits.sinceOpened),
  };
}

function tally(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

/** Summarizes durations. */
export function summarize(durations: readonly number[]): Durations {
  const sorted = [...durations].sort((a, b) => a - b);
  const at = (share: number): number =>
    Math.round(sorted[Math.min(Math.floor(sorted.length * share), sorted.length - 1)] ?? 0);
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), most: at(1) };
}

function measureResumes(
  events: readonly HistoryEvent[],
  lives: readonly Life[],
): { opened: number[]; resumed: number[]; sinceOpened: number[] } {
  const opened: number[] = [];
  /** Threads that a client followed in an earlier life, and has not opened in this one. */
  const closed = new Set<string>();
  const followed = new Set<string>();
  const resumed: number[] = [];
  const sinceOpened: number[] = [];
  /** Runs that streamed when their instance died, by thread. */
  const orphans = new Map<string, Attempt & { openedMs: number | null }>();
  const active = new Map<string, Attempt>();
  let life = 0;
  for (const event of events) {
    while (event.atMs >= (lives[life]?.killedMs ?? Infinity)) {
      life++;
      for (const orphan of orphans.values()) orphan.openedMs = null;
      for (const [name, run] of active) orphans.set(name, { ...run, openedMs: null });
      active.clear();
      for (const name of followed) closed.add(name);
    }
    const startedMs = lives[life]?.startedMs ?? Infinity;
    // What is still read from a dead instance's socket tells nothing of the next one.
    if (event.atMs < startedMs || !("threadId" in event)) continue;
    const name = threadName(event);
    const orphan = orphans.get(name);
    if (event.kind === "opened") {
      if (closed.delete(name)) opened.push(event.atMs - startedMs);
      if (orphan !== undefined) orphan.openedMs ??= event.atMs;
    }
    if (orphan !== undefined && goesOn(event, orphan)) {
      resumed.push(event.atMs - startedMs);
      sinceOpened.push(event.atMs - (orphan.openedMs ?? startedMs));
      orphans.delete(name);
    }
    if (event.kind !== "entry") continue;
    followed.add(name);
    if (event.entry.kind === "run.started") active.set(name, event.entry);
    else if (event.entry.role === "assistant") active.delete(name);
  }
  return { opened, resumed, sinceOpened };
}

interface Attempt {
  readonly runId: string;
  readonly attempt: number;
}

/** Whether that is a run's next attempt streaming, or its answer. */
function goesOn(event: HistoryEvent, { runId, attempt }: Attempt): boolean {
  if (event.kind === "chunk") return event.runId === runId && event.attempt > attempt;
  return event.kind === "entry" && "outcome" in event.entry && event.entry.runId === runId;
}
