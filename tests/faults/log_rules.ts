/**
 * Promise 7.5, and what makes a log a log: numbered without gaps, each run
 * started, answered once, and alone.
 *
 * @module
 */
import { MAX_RUN_ATTEMPTS } from "../../lib/limits.ts";
import { textOf } from "./history.ts";
import { groupBy, type ThreadView } from "./view.ts";
import type { Violation } from "./violation.ts";

/** Entries are numbered from 1 to the head without a gap. */
export function numberedWithoutGaps({ name, log }: ThreadView): Violation[] {
  const violations: Violation[] = [];
  let last = 0;
  const report = (fault: Violation["fault"], seq: number) =>
    violations.push({ promise: "7.1", fault, detail: `${name}: ${seq} follows ${last}` });
  for (const { seq } of log.entries) {
    if (seq > last + 1) report("gapped", seq);
    else if (seq === last) report("duplicated", seq);
    else if (seq < last) report("reordered", seq);
    last = seq;
  }
  if (last !== log.headSeq) report("gapped", log.headSeq);
  return violations;
}

/** Every run that was acknowledged or started has one answer, and every message a run. */
export function everyRunEndsOnce(view: ThreadView): Violation[] {
  const { name, users, starts, answers, sendings } = view;
  const ends = groupBy(answers, ({ entry }) => entry.runId);
  const runIds = new Set([
    ...starts.map(({ entry }) => entry.runId),
    ...ends.keys(),
    ...sendings.flatMap(({ answer }) => answer?.kind === "acked" ? [answer.runId] : []),
  ]);
  const violations: Violation[] = [];
  for (const runId of runIds) {
    const count = ends.get(runId)?.length ?? 0;
    if (count === 0) violations.push(broken("never ended", `${name}: ${runId}`));
    if (count > 1) violations.push(broken("doubly ended", `${name}: ${runId}, ${count} answers`));
  }
  const messages = new Set(users.map(({ entry }) => entry.id)).size;
  if (violations.length === 0 && runIds.size !== messages) {
    const fault = runIds.size < messages ? "never ended" : "duplicated";
    violations.push(broken(fault, `${name}: ${messages} messages, ${runIds.size} runs`));
  }
  return violations;
}

/** Attempts count from 1, at most so many; the answer is the last one's and comes after it. */
export function attemptsCount({ name, starts, answers }: ThreadView): Violation[] {
  const violations: Violation[] = [];
  const byRun = groupBy(starts, ({ entry }) => entry.runId);
  for (const [runId, own] of byRun) {
    const attempts = own.map(({ entry }) => entry.attempt);
    const inOrder = attempts.every((attempt, at) => attempt === at + 1);
    if (!inOrder || attempts.length > MAX_RUN_ATTEMPTS) {
      violations.push(broken("unfenced", `${name}: ${runId} has attempts ${attempts}`));
    }
  }
  for (const { seq, entry } of answers) {
    const last = byRun.get(entry.runId)?.at(-1);
    if ((last?.entry.attempt ?? 0) !== entry.attempt || (last?.seq ?? 0) > seq) {
      violations.push(
        broken("unfenced", `${name}: ${entry.runId} is answered by attempt ${entry.attempt}`),
      );
    }
    const neverStarted = entry.outcome === "cancelled" && entry.parts.length === 0;
    if (last === undefined && !neverStarted) {
      violations.push(broken("unfenced", `${name}: ${entry.runId} is answered, not started`));
    }
    const used = entry.outcome !== "interrupted" || entry.attempt === MAX_RUN_ATTEMPTS;
    if (!used) violations.push(broken("lost", `${name}: ${entry.runId} was given up too early`));
  }
  return violations;
}

/** One run at a time, in the order of the messages that they answer. */
export function oneRunAtATime({ name, log, users }: ThreadView): Violation[] {
  const askedAt = new Map(users.map(({ seq, entry }) => [entry.id, seq]));
  const violations: Violation[] = [];
  let active: string | null = null;
  let lastAsked = 0;
  for (const { seq, entry } of log.entries) {
    if (entry.kind === "run.started") {
      if (active !== null && active !== entry.runId) {
        violations.push(broken("unfenced", `${name}: ${entry.runId} starts during ${active}`));
      }
      active = entry.runId;
      const asked = askedAt.get(entry.replyTo) ?? 0;
      if (asked === 0 || asked > seq) {
        violations.push(broken("misplaced", `${name}: ${entry.runId} answers ${entry.replyTo}`));
      }
      if (asked < lastAsked) {
        violations.push(broken("reordered", `${name}: ${entry.runId} starts late, at ${seq}`));
      }
      lastAsked = Math.max(lastAsked, asked);
    } else if (entry.role === "assistant" && entry.runId === active) active = null;
  }
  return violations;
}

/** A completed answer is what the model says to the message. */
export function answersFit(
  { name, users, starts, answers }: ThreadView,
  fits: (heard: string, said: string) => boolean,
): Violation[] {
  const heard = new Map(users.map(({ entry }) => [entry.id, textOf(entry)]));
  const replyTo = new Map(starts.map(({ entry }) => [entry.runId, entry.replyTo]));
  return answers.flatMap(({ entry }): Violation[] => {
    if (entry.outcome !== "completed") return [];
    const asked = heard.get(replyTo.get(entry.runId) ?? "");
    if (asked !== undefined && fits(asked, textOf(entry))) return [];
    return [broken("wrong answer", `${name}: ${entry.runId} says ${textOf(entry).slice(-80)}`)];
  });
}

function broken(fault: Violation["fault"], detail: string): Violation {
  return { promise: "7.5", fault, detail };
}
