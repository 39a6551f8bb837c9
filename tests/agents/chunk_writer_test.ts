import { assertEquals, assertInstanceOf } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { ChunkWriter } from "../../lib/agents/chunk_writer.ts";
import type { RunClaim } from "../../lib/threads/thread_edit.ts";
import { Logs, pass, THREAD } from "../support/instance.ts";
import { type FaultyStore, type MemoryStore, memoryStore, writesChunks } from "../support/kv.ts";

interface Rig {
  readonly logs: Logs;
  readonly store: FaultyStore;
  readonly claim: RunClaim;
  readonly writer: ChunkWriter;
  readonly told: string[];
  readonly faults: unknown[];
  /** Commits of chunks so far. */
  readonly saves: () => number;
  readonly read: () => Promise<string[]>;
}

async function rig(opened: MemoryStore): Promise<Rig> {
  const { store } = opened;
  const logs = new Logs(store, "one");
  const claim = await logs.start("a");
  const told: string[] = [];
  const faults: unknown[] = [];
  const writer = new ChunkWriter(logs.chunks, claim, {
    onSaved: () => told.push("saved"),
    onFenced: () => told.push("fenced"),
    onFault: (error) => {
      told.push("fault");
      faults.push(error);
    },
  });
  const saves = () => store.commits.filter(writesChunks).length;
  return {
    logs,
    store,
    claim,
    writer,
    told,
    faults,
    saves,
    read: () => logs.chunks.read(claim, 0),
  };
}

Deno.test("ChunkWriter stores within 200 ms what came, in one batch", async () => {
  // The start of a slot.
  using time = new FakeTime(1_000_000);
  using opened = await memoryStore();
  const { writer, told, saves, read } = await rig(opened);
  for (const chunk of ["1", "2", "3"]) writer.push(chunk);
  await time.tickAsync(199);
  assertEquals(saves(), 0);
  await time.tickAsync(1);
  await pass(time, () => told.length === 1, { stepMs: 0 });
  assertEquals([await read(), saves()], [["1", "2", "3"], 1]);
  writer.push("4");
  await time.tickAsync(200);
  await pass(time, () => told.length === 2, { stepMs: 0 });
  assertEquals(await read(), ["1", "2", "3", "4"]);
  await writer.stop();
});

Deno.test("ChunkWriter stores at the same moment as others, which began a little before or after", async () => {
  using time = new FakeTime(1_000_000);
  using opened = await memoryStore();
  const { logs, claim } = await rig(opened);
  const savedAtMs: number[] = [];
  const writers: ChunkWriter[] = [];
  for (const laterMs of [0, 10, 14, 1]) {
    await time.tickAsync(laterMs);
    const onSaved = () => savedAtMs.push(Date.now());
    const events = { onSaved, onFenced: () => {}, onFault: () => {} };
    const writer = new ChunkWriter(logs.chunks, claim, events);
    writers.push(writer);
    writer.push("1");
  }
  await pass(time, () => savedAtMs.length === 4, { stepMs: 1 });
  const slots = savedAtMs.map((atMs) => Math.floor((atMs - 1_000_000) / 25) * 25);
  assertEquals(slots, [200, 200, 200, 225]);
  for (const writer of writers) await writer.stop();
});

Deno.test("ChunkWriter does not wait with a batch that is large enough", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const { writer, told, read } = await rig(opened);
  const chunk = JSON.stringify("x".repeat(25_000));
  writer.push(chunk);
  writer.push(chunk);
  await pass(time, () => told.length === 1, { stepMs: 0 });
  assertEquals((await read()).length, 2);
  await writer.stop();
});

Deno.test("ChunkWriter has stored everything when a flush resolves, and nothing before that twice", async () => {
  using _time = new FakeTime();
  using opened = await memoryStore();
  const { writer, saves, read } = await rig(opened);
  await writer.flush();
  assertEquals(saves(), 0);
  for (const chunk of ["1", "2"]) writer.push(chunk);
  await writer.flush();
  await writer.flush();
  assertEquals([await read(), saves()], [["1", "2"], 1]);
  await writer.stop();
});

Deno.test("ChunkWriter keeps the order of what comes while a batch is stored", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const { writer, store, saves, read } = await rig(opened);
  store.next("hangs");
  writer.push("1");
  const first = writer.flush();
  await pass(time, () => store.hanging === 1);
  for (const chunk of ["2", "3"]) {
    writer.push(chunk);
    await time.tickAsync(500);
  }
  assertEquals([saves(), await read()], [1, []]);
  store.resume();
  await first;
  assertEquals([await read(), saves()], [["1", "2", "3"], 2]);
  await writer.stop();
});

Deno.test("ChunkWriter lets what comes while a batch is stored wait for more", async () => {
  using time = new FakeTime(1_000_000);
  using opened = await memoryStore();
  const { writer, store, told, saves, read } = await rig(opened);
  store.next("hangs");
  writer.push("1");
  await time.tickAsync(200);
  await pass(time, () => store.hanging === 1, { stepMs: 0 });
  writer.push("2");
  store.resume();
  await pass(time, () => told.length === 1, { stepMs: 0 });
  writer.push("3");
  await time.tickAsync(100);
  assertEquals(saves(), 1);
  await time.tickAsync(100);
  await pass(time, () => told.length === 2, { stepMs: 0 });
  assertEquals([await read(), saves()], [["1", "2", "3"], 2]);
  await writer.stop();
});

Deno.test("ChunkWriter stores at the next moment what came while a batch took longer than one", async () => {
  using time = new FakeTime(1_000_000);
  using opened = await memoryStore();
  const { writer, store, told, read } = await rig(opened);
  store.next("hangs");
  writer.push("1");
  await time.tickAsync(200);
  await pass(time, () => store.hanging === 1, { stepMs: 0 });
  writer.push("2");
  await time.tickAsync(500);
  store.resume();
  await pass(time, () => told.length === 1, { stepMs: 0 });
  await time.tickAsync(200);
  await pass(time, () => told.length === 2, { stepMs: 0 });
  assertEquals(await read(), ["1", "2"]);
  await writer.stop();
});

Deno.test("ChunkWriter tries a batch again until the store takes it, and stores it once", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const { writer, store, told, saves, read } = await rig(opened);
  store.next("fails", "unknown-applied", "unknown-lost");
  for (const chunk of ["1", "2"]) writer.push(chunk);
  const flushed = writer.flush();
  await pass(time, () => saves() === 1);
  writer.push("3");
  await pass(time, flushed);
  assertEquals([await read(), told], [["1", "2", "3"], ["saved", "saved"]]);
  assertEquals(writer.batches, [0, 2]);
  await writer.stop();
});

Deno.test("ChunkWriter writes nothing more, and says so once, when the run is another's", async () => {
  using _time = new FakeTime();
  using opened = await memoryStore();
  const { writer, logs, claim, told, saves, read } = await rig(opened);
  writer.push("1");
  await writer.flush();
  await logs.chunks.release(claim);
  await new Logs(opened.kv, "two").ends.takeOver(THREAD, {
    partsOf: () => Promise.reject(new Error("no")),
  });
  writer.push("2");
  await writer.flush();
  writer.push("3");
  await writer.flush();
  assertEquals([told, saves(), await read()], [["saved", "fenced"], 2, ["1"]]);
});

Deno.test("ChunkWriter drops what waits when it is stopped, and waits for what is under way", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const { writer, store, saves, read } = await rig(opened);
  store.next("hangs");
  writer.push("1");
  void writer.flush();
  await pass(time, () => store.hanging === 1);
  writer.push("2");
  let stopped = false;
  const stopping = writer.stop().then(() => stopped = true);
  await time.tickAsync(1_000);
  assertEquals(stopped, false);
  store.resume();
  await stopping;
  writer.push("3");
  await time.tickAsync(1_000);
  assertEquals([saves(), await read()], [1, ["1"]]);
});

Deno.test("ChunkWriter ends its tries when it is stopped", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const { writer, store, saves } = await rig(opened);
  store.plan = () => "fails";
  writer.push("1");
  void writer.flush();
  await pass(time, () => saves() === 2);
  await pass(time, writer.stop());
  const before = saves();
  await time.tickAsync(5_000);
  assertEquals(saves(), before);
});

Deno.test("ChunkWriter tells of a fault that no later try can help, and ends", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const { writer, store, told, faults, saves } = await rig(opened);
  store.before = () => Promise.reject(new TypeError("too large"));
  writer.push("1");
  await writer.flush();
  writer.push("2");
  await time.tickAsync(5_000);
  assertEquals([told, saves()], [["fault"], 1]);
  assertInstanceOf(faults[0], TypeError);
});

Deno.test("ChunkWriter leaves what is not stored yet to the run's end, and stores it where there is none", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const { writer, saves, read } = await rig(opened);
  writer.push("1");
  await time.tickAsync(200);
  await pass(time, () => saves() === 1, { stepMs: 0 });
  for (const chunk of ["2", "3"]) writer.push(chunk);
  assertEquals(await writer.rest(), { index: 1, chunks: ["2", "3"] });
  assertEquals(writer.batches, [0, 1]);
  await time.tickAsync(1_000);
  assertEquals([saves(), await read()], [1, ["1"]]);
  await writer.flush();
  assertEquals([await read(), await writer.rest()], [["1", "2", "3"], undefined]);
  await writer.stop();
});
