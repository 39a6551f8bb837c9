/**
 * A thread's log as a conversation: what was asked, and what was answered to it.
 *
 * @module
 */
import type { AssistantEntry, MessagePart } from "../../../../lib/chat/protocol.ts";
import type { NumberedEntry } from "../../../../lib/client/mod.ts";
import type { UnsentItem } from "./unsent_store.ts";

/** The answer that streams. */
export interface RunningAnswer {
  readonly runId: string;
  readonly parts: readonly MessagePart[];
}

/** What was asked. */
export interface Question {
  readonly id: string;
  readonly text: string;
  /** ISO 8601. */
  readonly time: string;
}

/** Where a turn is. */
export type TurnState =
  /** Not acknowledged; goes out by itself. */
  | { readonly kind: "unsent" }
  /** The server does not take it. */
  | { readonly kind: "refused"; readonly reason: string }
  /** Stored; its run has not begun. */
  | { readonly kind: "queued" }
  /** Its answer streams. */
  | { readonly kind: "running"; readonly runId: string; readonly parts: readonly MessagePart[] }
  /** Its last run has ended. */
  | { readonly kind: "answered" };

/** A question and its answers, oldest first. */
export interface Turn {
  readonly question: Question;
  readonly answers: readonly AssistantEntry[];
  readonly state: TurnState;
}

interface Draft {
  readonly question: Question;
  readonly answers: AssistantEntry[];
  runs: string[];
}

/** The conversation in `entries`, then what is not acknowledged, in order. */
export function turnsOf(
  entries: readonly NumberedEntry[],
  running: RunningAnswer | null,
  unsent: readonly UnsentItem[],
): readonly Turn[] {
  const drafts = readLog(entries);
  const stored = new Set(drafts.map(({ question }) => question.id));
  return [
    ...drafts.map((draft) => toTurn(draft, running)),
    ...unsent.filter(({ id }) => !stored.has(id)).map(unsentTurn),
  ];
}

function readLog(entries: readonly NumberedEntry[]): readonly Draft[] {
  const drafts: Draft[] = [];
  const byQuestion = new Map<string, Draft>();
  const byRun = new Map<string, Draft>();
  for (const { entry } of entries) {
    if (entry.kind === "run.started") {
      const draft = byQuestion.get(entry.replyTo);
      if (draft === undefined) continue;
      byRun.set(entry.runId, draft);
      if (!draft.runs.includes(entry.runId)) draft.runs.push(entry.runId);
    } else if (entry.role === "user") {
      const { id, createdAt: time } = entry;
      const draft: Draft = {
        question: { id, text: textOf(entry.parts), time },
        answers: [],
        runs: [],
      };
      drafts.push(draft);
      byQuestion.set(id, draft);
    } else {
      // A run that was cancelled while it waited names no question: it is the first without a run.
      const draft = byRun.get(entry.runId) ??
        drafts.find(({ runs, answers }) => runs.length === 0 && answers.length === 0) ??
        drafts.at(-1);
      draft?.answers.push(entry);
      if (draft !== undefined) draft.runs = draft.runs.filter((runId) => runId !== entry.runId);
    }
  }
  return drafts;
}

function toTurn({ question, answers, runs }: Draft, running: RunningAnswer | null): Turn {
  const runId = runs.at(-1);
  if (runId !== undefined) {
    const parts = running?.runId === runId ? running.parts : [];
    return { question, answers, state: { kind: "running", runId, parts } };
  }
  return { question, answers, state: { kind: answers.length > 0 ? "answered" : "queued" } };
}

function unsentTurn({ id, text, atMs, refusal }: UnsentItem): Turn {
  const question = { id, text, time: new Date(atMs).toISOString() };
  const state: TurnState = refusal === undefined
    ? { kind: "unsent" }
    : { kind: "refused", reason: refusal };
  return { question, answers: [], state };
}

/** The text of a message's parts, joined. */
export function textOf(parts: readonly MessagePart[]): string {
  return parts.map((part) => part.type === "text" ? String(part["text"]) : "").join("");
}
