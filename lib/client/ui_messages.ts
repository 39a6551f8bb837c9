/**
 * A thread's log as the messages of a page.
 *
 * @module
 */
import type { MessagePart, Outcome } from "../chat/protocol.ts";
import { isAnswer } from "./run_book.ts";
import type { NumberedEntry } from "./thread_parts.ts";

/** A message in the shape of the AI SDK's `UIMessage`. */
export interface UiMessage {
  /** The entry's id. */
  readonly id: string;
  /** Who speaks. */
  readonly role: "user" | "assistant";
  /** What is said: text, reasoning, tool calls. */
  readonly parts: MessagePart[];
  /** Of an answer: its run, and how that ended. */
  readonly metadata?: { readonly runId: string; readonly outcome: Outcome };
}

/** The conversation in `entries`, in order; of several answers to one message, the newest alone. */
export function uiMessagesOf(entries: readonly NumberedEntry[]): UiMessage[] {
  const replyTo = new Map<string, string>();
  const answers = new Map<string, string>();
  for (const { entry } of entries) {
    if (entry.kind === "run.started") replyTo.set(entry.runId, entry.replyTo);
    else if (isAnswer(entry)) answers.set(replyTo.get(entry.runId) ?? entry.runId, entry.runId);
  }
  return entries.flatMap(({ entry }): UiMessage[] => {
    if (entry.kind === "run.started") return [];
    const { id, role, parts } = entry;
    if (!isAnswer(entry)) return [{ id, role, parts: [...parts] }];
    const { runId, outcome } = entry;
    if (answers.get(replyTo.get(runId) ?? runId) !== runId) return [];
    return [{ id, role, parts: [...parts], metadata: { runId, outcome } }];
  });
}
