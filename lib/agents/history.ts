/**
 * What a model sees of a thread: the conversation behind one run, rebuilt from
 * the log.
 *
 * @module
 */
import { MAX_SHOWN_ENTRIES } from "../limits.ts";
import type { Incarnation } from "../threads/keys.ts";
import { textOf } from "../threads/search.ts";
import type { NumberedEntry } from "../threads/thread_edit.ts";
import type { ThreadLog } from "../threads/thread_log.ts";
import type { ModelTurn } from "./model.ts";

/**
 * Reads the conversation up to the user message that a run answers.
 *
 * @throws {AppError} `STORE_UNAVAILABLE`
 */
export async function readConversation(
  threads: ThreadLog,
  run: { thread: Incarnation; replyToSeq: number; startedSeq: number },
): Promise<ModelTurn[]> {
  const range = { throughSeq: run.startedSeq, limit: MAX_SHOWN_ENTRIES };
  const entries = await threads.conversation(run.thread, range);
  if (!entries.some(({ seq }) => seq === run.replyToSeq)) {
    // Many runs were regenerated or queued since: the message itself must not be missing.
    const { replyToSeq } = run;
    const message = await threads.newestEntries(run.thread, { throughSeq: replyToSeq, limit: 1 });
    return conversation([...message, ...entries], replyToSeq);
  }
  return conversation(entries, run.replyToSeq);
}

/**
 * The turns of a conversation: each user message up to `replyToSeq`, and behind
 * all but the last its newest answer. An answer that was generated again is left out.
 */
export function conversation(
  entries: readonly NumberedEntry[],
  replyToSeq: number,
): ModelTurn[] {
  const replyTo = new Map<string, string>();
  const answers = new Map<string, string>();
  for (const { entry } of entries) {
    if (entry.kind === "run.started") {
      replyTo.set(entry.runId, entry.replyTo);
      // A run that is generated again replaces the older answer even before it has one.
      answers.delete(entry.replyTo);
    } else if (entry.role === "assistant") {
      const messageId = replyTo.get(entry.runId);
      if (messageId !== undefined) answers.set(messageId, textOf(entry));
    }
  }
  const turns: ModelTurn[] = [];
  for (const { seq, entry } of entries) {
    if (seq > replyToSeq || entry.kind !== "message" || entry.role !== "user") continue;
    turns.push({ role: "user", text: textOf(entry) });
    const answer = seq === replyToSeq ? undefined : answers.get(entry.id);
    if (answer) turns.push({ role: "assistant", text: answer });
  }
  return turns;
}
