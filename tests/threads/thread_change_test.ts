import { assert, assertEquals } from "@std/assert";
import { blobPrefix, dataPrefix } from "../../lib/threads/keys.ts";
import { Logs, THREAD } from "../support/instance.ts";
import { memoryStore } from "../support/kv.ts";

Deno.test("an instance reads nothing to append to a thread that it wrote last", async () => {
  using opened = await memoryStore();
  const { store } = opened;
  const logs = new Logs(store, "one");
  const claim = await logs.start("a");
  store.readsFail = true;
  assertEquals((await logs.finish(claim))?.appended.map(({ seq }) => seq), [3]);
  const { seq, claim: next } = await logs.send("b");
  assertEquals([seq, next?.startedSeq], [4, 5]);
  assertEquals((await logs.finish(next!))?.appended.map(({ seq }) => seq), [6]);
  store.readsFail = false;
  assertEquals((await logs.entries()).length, 6);
  assertEquals(store.commits.length, 4);
});

Deno.test("an instance appends behind what another one wrote meanwhile", async () => {
  using opened = await memoryStore();
  const [one, two] = [new Logs(opened.store, "one"), new Logs(opened.store, "two")];
  await one.finish(await one.start("a"));
  await two.finish(await two.start("b"));
  assertEquals((await one.send("c")).seq, 7);
  assertEquals((await one.entries()).length, 8);
});

Deno.test("an instance refuses nothing for what it remembers", async () => {
  using opened = await memoryStore();
  const [one, two] = [new Logs(opened.store, "one"), new Logs(opened.store, "two")];
  const claim = await one.start("a");
  await two.finish(claim);
  const { seq, claim: started } = await one.send("b", { onBusy: "reject" });
  assertEquals(seq, 4);
  assert(started !== null);
  await two.removal.delete(THREAD);
  const again = await one.send("c");
  assertEquals([again.seq, again.duplicate], [1, false]);
});

Deno.test("an instance knows a message again that it stored, and that another one stored", async () => {
  using opened = await memoryStore();
  const [one, two] = [new Logs(opened.store, "one"), new Logs(opened.store, "two")];
  const first = await one.send("a");
  const second = await two.send("b");
  for (const { runId } of [first, second]) {
    const id = runId === first.runId ? "a" : "b";
    const again = await one.send(id, { onBusy: "interrupt" });
    assertEquals([again.runId, again.duplicate, again.cancel], [runId, true, null]);
  }
  assertEquals((await one.entries()).length, 3);
});

Deno.test("an instance leaves no pieces of a large answer behind in a thread that is gone", async () => {
  using opened = await memoryStore();
  const { store, kv } = opened;
  const [one, two] = [new Logs(store, "one"), new Logs(store, "two")];
  const claim = await one.start("a");
  await two.removal.delete(THREAD);
  await two.removal.sweep();
  assertEquals(await one.finish(claim, "x".repeat(200_000)), null);
  assertEquals(await kv.list({ prefix: dataPrefix(claim.thread), limit: 9 }), []);
});

Deno.test("an instance stores a large answer in pieces", async () => {
  using opened = await memoryStore();
  const logs = new Logs(opened.store, "one");
  const claim = await logs.start("a");
  await logs.finish(claim, "x".repeat(200_000));
  assert((await logs.story())[2]!.length > 200_000);
  const prefix = blobPrefix(claim.thread, "").slice(0, -1);
  assertEquals((await opened.kv.list({ prefix, limit: 9 })).length, 4);
});
