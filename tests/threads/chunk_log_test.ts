import { assert, assertEquals, assertRejects } from "@std/assert";
import { AppError } from "../../lib/errors.ts";
import { chunkPrefix } from "../../lib/threads/keys.ts";
import { UnknownCommitError } from "../../lib/threads/store.ts";
import { Logs, THREAD } from "../support/instance.ts";
import { memoryStore, seededRandom } from "../support/kv.ts";

function chunk(index: number): string {
  return JSON.stringify({ type: "text-delta", id: "t", delta: `é${index}` });
}

function chunks(count: number, from = 0): string[] {
  return Array.from({ length: count }, (_, at) => chunk(from + at));
}

Deno.test("ChunkLog reads from every position what was saved in batches of any size", async () => {
  using opened = await memoryStore();
  const logs = new Logs(opened.store, "one");
  const claim = await logs.start("a");
  const random = seededRandom(17);
  let count = 0;
  // More batches than one read takes.
  for (let batch = 0; batch < 120; batch++) {
    const size = 1 + Math.floor(random() * 4);
    assert(await logs.chunks.save(claim, count, chunks(size, count)));
    count += size;
  }
  const all = chunks(count);
  for (let from = 0; from <= count + 3; from++) {
    assertEquals(await logs.chunks.read(claim, from), all.slice(from));
  }
});

Deno.test("ChunkLog reads nothing of an attempt that saved nothing", async () => {
  using opened = await memoryStore();
  const logs = new Logs(opened.store, "one");
  const claim = await logs.start("a");
  assertEquals(await logs.chunks.read(claim, 0), []);
  await logs.chunks.save(claim, 0, chunks(2));
  assertEquals(await logs.chunks.read({ ...claim, attempt: 2 }, 0), []);
  assertEquals(await logs.chunks.read({ ...claim, runId: `${claim.runId}0` }, 0), []);
});

Deno.test("ChunkLog stops before a gap", async () => {
  using opened = await memoryStore();
  const logs = new Logs(opened.store, "one");
  const claim = await logs.start("a");
  await logs.chunks.save(claim, 0, chunks(3));
  await logs.chunks.save(claim, 4, chunks(3, 4));
  assertEquals(await logs.chunks.read(claim, 0), chunks(3));
  assertEquals(await logs.chunks.read(claim, 2), chunks(1, 2));
  assertEquals(await logs.chunks.read(claim, 3), []);
  await logs.chunks.save(claim, 3, chunks(1, 3));
  assertEquals(await logs.chunks.read(claim, 2), chunks(5, 2));
});

Deno.test("ChunkLog takes the same batch twice as once", async () => {
  using opened = await memoryStore();
  const { store } = opened;
  const logs = new Logs(store, "one");
  const claim = await logs.start("a");
  store.next("unknown-applied");
  await assertRejects(() => logs.chunks.save(claim, 0, chunks(3)), UnknownCommitError);
  assert(await logs.chunks.save(claim, 0, chunks(3)));
  await logs.chunks.save(claim, 3, chunks(2, 3));
  assertEquals(await logs.chunks.read(claim, 0), chunks(5));
});

Deno.test("ChunkLog keeps chunks whole that are larger than a value of the store", async () => {
  using opened = await memoryStore();
  const logs = new Logs(opened.store, "one");
  const claim = await logs.start("a");
  const large = JSON.stringify({ type: "data", text: "€😀".repeat(60_000) });
  await logs.chunks.save(claim, 0, [chunk(0), large, chunk(2)]);
  await logs.chunks.save(claim, 3, [chunk(3)]);
  assertEquals(await logs.chunks.read(claim, 0), [chunk(0), large, chunk(2), chunk(3)]);
  assertEquals(await logs.chunks.read(claim, 2), [chunk(2), chunk(3)]);
});

Deno.test("ChunkLog saves nothing for a run that has ended", async () => {
  using opened = await memoryStore();
  const logs = new Logs(opened.store, "one");
  const claim = await logs.start("a");
  await logs.chunks.save(claim, 0, chunks(1));
  await logs.finish(claim);
  assertEquals(await logs.chunks.save(claim, 1, chunks(1, 1)), false);
  assertEquals(await logs.chunks.renew(claim, "one"), false);
  assertEquals(await logs.chunks.release(claim), false);
  assertEquals(await logs.chunks.read(claim, 0), chunks(1));
});

Deno.test("ChunkLog removes the chunks of every attempt of a run, and of no other", async () => {
  using opened = await memoryStore();
  const { kv } = opened;
  const logs = new Logs(kv, "one");
  const first = await logs.start("a");
  for (let index = 0; index < 120; index++) await logs.chunks.save(first, index, [chunk(index)]);
  await logs.chunks.release(first);
  const takeover = await logs.ends.takeOver(THREAD, {
    partsOf: () => Promise.reject(new Error("not asked")),
  });
  assert(takeover.kind === "taken" && takeover.change.claim !== null);
  const second = takeover.change.claim;
  await logs.chunks.save(second, 0, chunks(2));
  assertEquals((await logs.chunks.read(first, 0)).length, 120);
  await logs.finish(second);
  const other = await logs.start("b");
  await logs.chunks.save(other, 0, chunks(1));
  await logs.chunks.discard(second, [0]);
  assertEquals(await kv.list({ prefix: chunkPrefix(first.thread, first.runId), limit: 9 }), []);
  assertEquals(await logs.chunks.read(other, 0), chunks(1));
});

Deno.test("ChunkLog removes the chunks of a first attempt without looking for them", async () => {
  using opened = await memoryStore();
  const { store, kv } = opened;
  const logs = new Logs(store, "one");
  const claim = await logs.start("a");
  const batches = Array.from({ length: 70 }, (_, at) => 2 * at);
  for (const index of batches) await logs.chunks.save(claim, index, chunks(2, index));
  await logs.finish(claim);
  store.readsFail = true;
  await logs.chunks.discard(claim, batches);
  const prefix = chunkPrefix(claim.thread, claim.runId);
  assertEquals(await kv.list({ prefix, limit: 9 }), []);
});

Deno.test("ChunkLog fails where the store does", async () => {
  using opened = await memoryStore();
  const { store } = opened;
  const logs = new Logs(store, "one");
  const claim = await logs.start("a");
  store.plan = () => "fails";
  for (
    const work of [
      () => logs.chunks.save(claim, 0, chunks(1)),
      () => logs.chunks.renew(claim, "one"),
      () => logs.chunks.release(claim),
    ]
  ) {
    assertEquals((await assertRejects(work, AppError)).code, "STORE_UNAVAILABLE");
  }
});
