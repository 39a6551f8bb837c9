/**
 * The list of threads with what waits on this device: a message that is not sent shows its thread also
 * where the server does not know it yet.
 *
 * @module
 */
import type { ThreadSummary } from "./api.ts";
import { cut } from "./cut.ts";
import type { UnsentItem } from "./unsent_store.ts";

/** One line of the list. */
export interface ListedThread {
  readonly thread: ThreadSummary;
  /** Whether a message of it is not sent. */
  readonly isWaiting: boolean;
  /** Whether the server knows it. */
  readonly isStored: boolean;
}

/** Longest title made of a message, characters. */
const MAX_TITLE = 80;

/** The threads that the server does not know first, then `threads` as they are. */
export function listed(
  threads: readonly ThreadSummary[],
  unsent: readonly UnsentItem[],
): readonly ListedThread[] {
  const known = new Set(threads.map(({ id }) => id));
  const waiting = new Map<string, UnsentItem>();
  for (const item of unsent) if (!waiting.has(item.threadId)) waiting.set(item.threadId, item);
  const strange = [...waiting.values()].filter(({ threadId }) => !known.has(threadId));
  return [
    ...strange.map((item) => ({ thread: threadOf(item), isWaiting: true, isStored: false })),
    ...threads.map((thread) => ({ thread, isWaiting: waiting.has(thread.id), isStored: true })),
  ];
}

function threadOf({ threadId: id, text, atMs }: UnsentItem): ThreadSummary {
  const time = new Date(atMs).toISOString();
  const title = cut(text.trim().split("\n")[0]!, MAX_TITLE);
  return { id, title, createdAt: time, updatedAt: time, headSeq: 0, activeRun: null };
}

/** Those whose title holds all words of `query`. */
export function matching(
  threads: readonly ListedThread[],
  query: string,
): readonly ListedThread[] {
  const words = query.toLowerCase().split(/\s+/).filter((word) => word !== "");
  return threads.filter(({ thread: { title } }) => {
    const name = (title ?? "").toLowerCase();
    return words.every((word) => name.includes(word));
  });
}
