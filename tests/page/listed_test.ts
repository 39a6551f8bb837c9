import { assertEquals } from "@std/assert";
import type { ThreadSummary } from "../../routes/page/app/state/api.ts";
import { listed, type ListedThread, matching } from "../../routes/page/app/state/listed.ts";
import type { UnsentItem } from "../../routes/page/app/state/unsent_store.ts";

const TIME = "2026-01-01T00:00:00.000Z";

function thread(id: string, title: string | null = id): ThreadSummary {
  return { id, title, createdAt: TIME, updatedAt: TIME, headSeq: 1, activeRun: null };
}

function unsent(threadId: string, id: string, text = id): UnsentItem {
  return { threadId, id, text, atMs: Date.parse(TIME) };
}

function summary(list: readonly ListedThread[]): unknown[] {
  return list.map((
    { thread: { id, title }, isWaiting, isStored },
  ) => [id, title, isWaiting, isStored]);
}

Deno.test("listed says in which threads something waits, and changes no order", () => {
  assertEquals(summary(listed([thread("a"), thread("b")], [unsent("b", "m1")])), [
    ["a", "a", false, true],
    ["b", "b", true, true],
  ]);
});

Deno.test("listed shows a thread that only this device knows, once, by its first message", () => {
  const text = `\n  The first line\nand another`;
  const items = [unsent("new", "m1", text), unsent("new", "m2"), unsent("a", "m3")];
  assertEquals(summary(listed([thread("a")], items)), [
    ["new", "The first line", true, false],
    ["a", "a", true, true],
  ]);
  assertEquals(listed([], items)[0]?.thread.updatedAt, TIME);
  assertEquals(listed([], [unsent("x", "m", "y".repeat(500))])[0]?.thread.title?.length, 80);
});

Deno.test("matching wants every word, in any case and order", () => {
  const list = listed(
    [thread("1", "The Gate opens"), thread("2", "Opening hours"), thread("3", null)],
    [],
  );
  const ids = (query: string) => matching(list, query).map(({ thread: { id } }) => id);
  assertEquals([ids(" open GATE "), ids(""), ids("untitled")], [["1"], ["1", "2", "3"], []]);
});
