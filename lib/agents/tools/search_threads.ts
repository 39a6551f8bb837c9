/**
 * The tool that finds what was said before, in the caller's own threads.
 *
 * @module
 */
import { z } from "zod";
import type { AgentTool } from "../model.ts";

/** One search. */
export interface ThreadQuery {
  /** Whose threads. Never the model's choice. */
  readonly subject: string;
  /** What to look for; at least one character. */
  readonly words: string;
  /** Hits at most. */
  readonly limit: number;
  /** Of this thread, what is before that entry: the rest is what is being asked. */
  readonly before: { readonly threadId: string; readonly seq: number };
  /** Aborts when nobody waits any more. */
  readonly signal: AbortSignal;
}

/** One message that holds the words. */
export interface SearchHit {
  /** The thread that holds it. */
  readonly threadId: string;
  /** That thread's title, where it has one. */
  readonly title: string | null;
  /** The message's place in its thread. */
  readonly seq: number;
  /** The words and some text around them. */
  readonly excerpt: string;
  /** ISO 8601. */
  readonly createdAt: string;
}

/** The port to whatever can search a subject's threads. */
export interface ThreadSearch {
  /** Best hits first, `limit` at most, of this subject only. */
  search(query: ThreadQuery): Promise<readonly SearchHit[]>;
}

/** Longest excerpt that is handed to the model, UTF-16 units. */
const MAX_EXCERPT_LENGTH = 400;

/** What the tool is asked. */
export interface SearchInput {
  /** 1 to 200 characters. */
  readonly words: string;
  /** 1 to 10; 5 where the model names none. */
  readonly limit: number;
}

const inputSchema = z.object({
  words: z.string().trim().min(1).max(200).describe("Words to look for"),
  limit: z.int().min(1).max(10).default(5).describe("Hits at most"),
});

/** Makes the tool over `search`. */
export function searchThreads(search: ThreadSearch): AgentTool<SearchInput> {
  return {
    description: "Searches the user's own earlier messages and answers for words.",
    inputSchema,
    async execute({ words, limit }, { subject, threadId, replyToSeq: seq, signal }) {
      const before = { threadId, seq };
      const hits = await search.search({ subject, words, limit, before, signal });
      return {
        hits: hits.slice(0, limit).map(({ threadId, title, seq, excerpt, createdAt }) => ({
          threadId,
          title,
          seq,
          excerpt: excerpt.slice(0, MAX_EXCERPT_LENGTH),
          createdAt,
        })),
      };
    },
  };
}
