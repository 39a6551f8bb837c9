import { assertEquals } from "@std/assert";
import type { ThreadSummary } from "../../routes/page/app/state/api.ts";
import { matching, merge } from "../../routes/page/app/state/thread_list.ts";

function thread(id: string, minute: number, title: string | null = id): ThreadSummary {
  const updatedAt = new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString();
  return { id, title, createdAt: updatedAt, updatedAt, headSeq: 1, activeRun: null };
}

function ids({ threads }: { readonly threads: readonly ThreadSummary[] }): string[] {
  return threads.map(({ id }) => id);
}

Deno.test("merge takes the only page for all there is", () => {
  const before = { threads: [thread("gone", 5)], nextCursor: null, isRead: true };
  assertEquals(ids(merge({ threads: [thread("a", 9)], nextCursor: null }, before)), ["a"]);
});

Deno.test("merge keeps older threads that were read, and where to go on", () => {
  const before = {
    threads: [thread("a", 9), thread("b", 8), thread("c", 7), thread("d", 6)],
    nextCursor: "after d",
    isRead: true,
  };
  const page = {
    threads: [thread("new", 10), thread("a", 9), thread("b", 8)],
    nextCursor: "after b",
  };
  const merged = merge(page, before);
  assertEquals([ids(merged), merged.nextCursor], [["new", "a", "b", "c", "d"], "after d"]);
});

Deno.test("merge moves a thread up and drops one that was deleted from the page's range", () => {
  const before = {
    threads: [thread("a", 9), thread("b", 8), thread("c", 7), thread("d", 6)],
    nextCursor: "after d",
    isRead: true,
  };
  const page = {
    threads: [thread("d", 11), thread("a", 9), thread("c", 7)],
    nextCursor: "after c",
  };
  assertEquals(ids(merge(page, before)), ["d", "a", "c"]);
});

Deno.test("matching wants every word, in any case and order", () => {
  const threads = [
    thread("1", 1, "The Gate opens"),
    thread("2", 2, "Opening hours"),
    thread("3", 3, null),
  ];
  assertEquals(ids({ threads: matching(threads, " open GATE ") }), ["1"]);
  assertEquals(ids({ threads: matching(threads, "") }), ["1", "2", "3"]);
  assertEquals(ids({ threads: matching(threads, "untitled") }), []);
});
