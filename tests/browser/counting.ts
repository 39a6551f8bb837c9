/**
 * Answers that count, so that a word too few or too many shows.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { eventually } from "../support/feed.ts";
import type { ChatPage } from "./chat_page.ts";

/** Asserts that `text` counts from 1 without a gap or a repetition, and returns how far. */
export function assertCounts(text: string): number {
  const numbers = text.split(/\s+/).filter((word) => word !== "");
  assertEquals(numbers, numbers.map((_, index) => String(index + 1)));
  return numbers.length;
}

/** Looks at the answer until it has come to `last`: whatever is seen of it on the way must count. */
export async function assertCountsTo(chat: ChatPage, last: number): Promise<void> {
  await eventually(async () => {
    const [text = ""] = await chat.answers.count() === 0
      ? []
      : [await chat.said(chat.answers.last())];
    return assertCounts(text) >= last || undefined;
  }, `an answer that counts to ${last}`);
}
