import { assertEquals, assertRejects } from "@std/assert";
import { LogSearch } from "../../lib/threads/search.ts";
import { RunLog } from "../../lib/threads/run_log.ts";
import { ThreadLog } from "../../lib/threads/thread_log.ts";
import type { Store } from "../../lib/threads/store.ts";
import { memoryStore } from "../support/kv.ts";

/** Stores messages, each in the thread that its key names. */
async function say(store: Store, subject: string, texts: Record<string, string>): Promise<void> {
  const runs = new RunLog(store, "one");
  for (const [threadId, text] of Object.entries(texts)) {
    const message = { id: "m", text, agent: "test", onBusy: "queue", mayStart: true } as const;
    await runs.send({ subject, threadId }, message);
  }
}

const { signal } = new AbortController();

/** Asked in a thread that holds nothing else. */
const before = { threadId: "asked", seq: 1 };

Deno.test("LogSearch finds messages that hold every word in any case, newest thread first", async () => {
  using opened = await memoryStore();
  await say(opened.store, "ada", {
    first: "The bridge is DOWN today",
    second: "a bridge",
    third: "down by the bridge",
  });
  const search = new LogSearch(new ThreadLog(opened.store));
  const hits = await search.search({
    subject: "ada",
    words: "down Bridge",
    limit: 5,
    before,
    signal,
  });
  assertEquals(hits.map(({ threadId, seq }) => [threadId, seq]), [["third", 1], ["first", 1]]);
  assertEquals(hits[0]?.excerpt, "down by the bridge");
  assertEquals(hits[0]?.title, "down by the bridge");
  const one = await search.search({ subject: "ada", words: "bridge", limit: 1, before, signal });
  assertEquals(one.length, 1);
});

Deno.test("LogSearch looks into nobody else's threads", async () => {
  using opened = await memoryStore();
  await say(opened.store, "ada", { mine: "a secret word" });
  await say(opened.store, "eve", { hers: "another word" });
  const search = new LogSearch(new ThreadLog(opened.store));
  const hits = await search.search({ subject: "eve", words: "word", limit: 5, before, signal });
  assertEquals(hits.map(({ threadId }) => threadId), ["hers"]);
});

Deno.test("LogSearch shows a long message's text around the first word", async () => {
  using opened = await memoryStore();
  await say(opened.store, "ada", { long: `${"before ".repeat(50)}needle${" after".repeat(50)}` });
  const search = new LogSearch(new ThreadLog(opened.store));
  const [hit] = await search.search({ subject: "ada", words: "needle", limit: 5, before, signal });
  assertEquals(hit?.excerpt.startsWith("…"), true);
  assertEquals(hit?.excerpt.endsWith("…"), true);
  assertEquals(hit?.excerpt.includes("needle"), true);
  assertEquals(hit!.excerpt.length <= 162, true);
});

Deno.test("LogSearch ends when its run does", async () => {
  using opened = await memoryStore();
  await say(opened.store, "ada", { mine: "word" });
  const search = new LogSearch(new ThreadLog(opened.store));
  const aborted = AbortSignal.abort();
  const query = { subject: "ada", words: "word", limit: 5, before, signal: aborted };
  await assertRejects(() => search.search(query), DOMException);
});

Deno.test("LogSearch finds neither the message that asks nor what follows it", async () => {
  using opened = await memoryStore();
  const threads = new ThreadLog(opened.store);
  await say(opened.store, "ada", { asked: "the first word", other: "another word" });
  const runs = new RunLog(opened.store, "one");
  const message = { agent: "test", onBusy: "queue", mayStart: true } as const;
  const { seq } = await runs.send({ subject: "ada", threadId: "asked" }, {
    ...message,
    id: "q",
    text: "/search word",
  });
  const search = new LogSearch(threads);
  const query = { subject: "ada", words: "word", limit: 5, signal };
  const hits = await search.search({ ...query, before: { threadId: "asked", seq } });
  assertEquals(hits.map(({ excerpt }) => excerpt).sort(), ["another word", "the first word"]);
});
