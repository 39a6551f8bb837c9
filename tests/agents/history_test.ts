import { assertEquals } from "@std/assert";
import { conversation, readConversation } from "../../lib/agents/history.ts";
import type { RunClaim } from "../../lib/threads/thread_edit.ts";
import { Logs, THREAD } from "../support/instance.ts";
import { memoryStore } from "../support/kv.ts";

/** The conversation that a run is shown, a line each. */
async function shown(logs: Logs, claim: RunClaim): Promise<string[]> {
  const turns = await readConversation(logs.threads, claim);
  return turns.map(({ role, text }) => `${role}: ${text}`);
}

async function regenerate(logs: Logs): Promise<RunClaim> {
  return (await logs.runs.regenerate(THREAD, { onBusy: "queue", mayStart: true })).claim!;
}

Deno.test("readConversation gives every message and its answer up to the one to be answered", async () => {
  using opened = await memoryStore();
  const logs = new Logs(opened.store, "one");
  const first = await logs.start("a");
  assertEquals(await shown(logs, first), ["user: a"]);
  await logs.finish(first, "A");
  const second = await logs.start("b");
  assertEquals(await shown(logs, second), ["user: a", "assistant: A", "user: b"]);
});

Deno.test("readConversation leaves an answer out that was generated again, and from all later turns", async () => {
  using opened = await memoryStore();
  const logs = new Logs(opened.store, "one");
  await logs.finish(await logs.start("a"), "A");
  await logs.finish(await logs.start("b"), "old");
  const again = await regenerate(logs);
  assertEquals(await shown(logs, again), ["user: a", "assistant: A", "user: b"]);
  await logs.finish(again, "newer");
  const third = await regenerate(logs);
  assertEquals(await shown(logs, third), ["user: a", "assistant: A", "user: b"]);
  await logs.finish(third, "newest");
  const later = await logs.start("c");
  assertEquals(await shown(logs, later), [
    "user: a",
    "assistant: A",
    "user: b",
    "assistant: newest",
    "user: c",
  ]);
});

Deno.test("readConversation leaves the older answer out where the newer one failed without a word", async () => {
  using opened = await memoryStore();
  const logs = new Logs(opened.store, "one");
  await logs.finish(await logs.start("a"), "old");
  const again = await regenerate(logs);
  await logs.ends.finish(again, { parts: [], outcome: "failed", chunkCount: 0 });
  assertEquals(await shown(logs, await logs.start("b")), ["user: a", "user: b"]);
});

Deno.test("readConversation puts each answer behind its own message where messages waited", async () => {
  using opened = await memoryStore();
  const logs = new Logs(opened.store, "one");
  const first = await logs.start("a");
  await logs.send("b");
  await logs.send("c");
  const second = (await logs.finish(first, "A"))!.claim!;
  assertEquals(await shown(logs, second), ["user: a", "assistant: A", "user: b"]);
  const third = (await logs.finish(second, "B"))!.claim!;
  assertEquals(await shown(logs, third), [
    "user: a",
    "assistant: A",
    "user: b",
    "assistant: B",
    "user: c",
  ]);
});

Deno.test("readConversation keeps the text so far of an answer that was cancelled", async () => {
  using opened = await memoryStore();
  const logs = new Logs(opened.store, "one");
  await logs.finish(await logs.start("a"), "half an ans", "cancelled");
  assertEquals(await shown(logs, await logs.start("b")), [
    "user: a",
    "assistant: half an ans",
    "user: b",
  ]);
});

Deno.test("readConversation shows a message without an answer whose run was cancelled while it waited", async () => {
  using opened = await memoryStore();
  const logs = new Logs(opened.store, "one");
  const first = await logs.start("a");
  await logs.send("b");
  const { runId } = await logs.send("now", { onBusy: "interrupt" });
  const claim = (await logs.finish(first, "A", "cancelled"))!.claim!;
  assertEquals(claim.runId, runId);
  assertEquals(await shown(logs, claim), ["user: a", "assistant: A", "user: b", "user: now"]);
});

Deno.test("readConversation shows a new attempt nothing of the one before", async () => {
  using opened = await memoryStore();
  const logs = new Logs(opened.store, "one");
  await logs.finish(await logs.start("a"), "A");
  const dead = await logs.start("b");
  await logs.chunks.save(dead, 0, ['{"type":"text-delta","id":"t","delta":"x"}']);
  await logs.chunks.release(dead);
  const takeover = await logs.ends.takeOver(THREAD, {
    partsOf: () => Promise.reject(new Error("not asked")),
  });
  const claim = takeover.kind === "taken" ? takeover.change.claim! : null;
  assertEquals(await shown(logs, claim!), ["user: a", "assistant: A", "user: b"]);
});

Deno.test("readConversation never misses the message itself, however much came after it", async () => {
  using opened = await memoryStore();
  const logs = new Logs(opened.store, "one");
  await logs.finish(await logs.start("a"), "A");
  // Each takes two entries: more than a model is shown.
  for (let round = 0; round < 105; round++) {
    await logs.finish(await regenerate(logs), `answer ${round}`);
  }
  assertEquals(await shown(logs, await regenerate(logs)), ["user: a"]);
});

Deno.test("readConversation leaves the oldest turns out of a long thread", async () => {
  using opened = await memoryStore();
  const logs = new Logs(opened.store, "one");
  for (let at = 0; at < 80; at++) await logs.finish(await logs.start(`m${at}`), `to m${at}`);
  const claim = await logs.start("last");
  const turns = await shown(logs, claim);
  assertEquals(turns.slice(-3), ["user: m79", "assistant: to m79", "user: last"]);
  assertEquals(turns.length < 160, true);
  assertEquals(turns.includes("user: m0"), false);
  // No answer is shown without its message.
  assertEquals(turns[0]!.startsWith("user: "), true);
});

Deno.test("conversation takes the text parts of a message and nothing else", () => {
  const createdAt = "2026-01-01T00:00:00.000Z";
  const base = { kind: "message", createdAt } as const;
  const turns = conversation([
    { seq: 1, entry: { ...base, role: "user", id: "a", parts: [{ type: "text", text: "hi" }] } },
    { seq: 2, entry: { kind: "run.started", runId: "r", attempt: 1, agent: "t", replyTo: "a" } },
    {
      seq: 3,
      entry: {
        ...base,
        role: "assistant",
        id: "a-r",
        runId: "r",
        attempt: 1,
        agent: "t",
        outcome: "completed",
        parts: [
          { type: "step-start" },
          { type: "reasoning", text: "hm" },
          { type: "text", text: "one " },
          { type: "tool-x", output: "secret" },
          { type: "text", text: "two" },
        ],
      },
    },
    { seq: 4, entry: { ...base, role: "user", id: "b", parts: [{ type: "text", text: "yo" }] } },
  ], 4);
  assertEquals(turns.map(({ text }) => text), ["hi", "one two", "yo"]);
});
