/**
 * Word search through one subject's own threads: a scan from the newest on,
 * within bounds. Deno KV has no text index.
 *
 * @module
 */
import type { SearchHit, ThreadSearch } from "../agents/tools/search_threads.ts";
import type { Entry } from "./records.ts";
import type { ThreadLog } from "./thread_log.ts";

/** Threads that one search looks into, newest activity first. */
const MAX_THREADS = 100;

/** Newest entries of each that it reads. */
const MAX_ENTRIES_PER_THREAD = 200;

/** Characters around the first match. */
const EXCERPT_CHARACTERS = 160;

/** Searches a {@linkcode ThreadLog}. */
export class LogSearch implements ThreadSearch {
  readonly #threads: ThreadLog;

  /** Reads through `threads`. */
  constructor(threads: ThreadLog) {
    this.#threads = threads;
  }

  /**
   * Finds messages that hold every word, newest threads first.
   *
   * @throws {AppError} `STORE_UNAVAILABLE`
   */
  async search(
    { subject, words, limit, before, signal }: Parameters<ThreadSearch["search"]>[0],
  ): Promise<SearchHit[]> {
    const wanted = words.toLowerCase().split(/\s+/).filter((word) => word !== "");
    const { threads } = await this.#threads.list(subject, { limit: MAX_THREADS });
    const hits: SearchHit[] = [];
    for (const { id: threadId, title, headSeq } of threads) {
      signal.throwIfAborted();
      const head = await this.#threads.head({ subject, threadId });
      if (head === null) continue;
      const entries = await this.#threads.newestEntries(
        { subject, threadId, generation: head.generation },
        {
          throughSeq: threadId === before.threadId ? before.seq - 1 : headSeq,
          limit: MAX_ENTRIES_PER_THREAD,
        },
      );
      for (const { seq, entry } of entries) {
        if (entry.kind !== "message") continue;
        const text = textOf(entry);
        const found = text.toLowerCase();
        if (!wanted.every((word) => found.includes(word))) continue;
        const excerpt = excerptOf(text, found.indexOf(wanted[0] ?? ""));
        hits.push({ threadId, title, seq, excerpt, createdAt: entry.createdAt });
        if (hits.length >= limit) return hits;
      }
    }
    return hits;
  }
}

/** The text of a message: its text parts, joined. */
export function textOf(entry: Extract<Entry, { kind: "message" }>): string {
  let text = "";
  for (const part of entry.parts) {
    if (part.type === "text" && typeof part.text === "string") text += part.text;
  }
  return text;
}

function excerptOf(text: string, at: number): string {
  const from = Math.max(0, at - EXCERPT_CHARACTERS / 4);
  const excerpt = text.slice(from, from + EXCERPT_CHARACTERS);
  return (from > 0 ? "…" : "") + excerpt + (from + excerpt.length < text.length ? "…" : "");
}
