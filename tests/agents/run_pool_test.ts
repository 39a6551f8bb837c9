import { assertEquals, assertRejects } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { RunPool } from "../../lib/agents/run_pool.ts";
import { FanOut, type TopicListener } from "../../lib/chat/fan_out.ts";
import { AppError } from "../../lib/errors.ts";
import { Bell } from "../../lib/threads/bell.ts";
import type { ThreadRef } from "../../lib/threads/records.ts";
import type { Sent } from "../../lib/threads/run_log.ts";
import { UnknownCommitError } from "../../lib/threads/store.ts";
import { testAgent } from "../support/answers.ts";
import { Logs, pass, THREAD } from "../support/instance.ts";
import { type MemoryStore, memoryStore, writesEntry } from "../support/kv.ts";
import { type PuppetCall, PuppetModel } from "../support/puppet_model.ts";

/** A pool and what it told. `await using` drains it. */
class Rig implements AsyncDisposable {
  readonly logs: Logs;
  readonly pool: RunPool;
  readonly fanOut = new FanOut();
  readonly model: PuppetModel;
  readonly told: string[] = [];
  /** Threads whose earlier changes are to be looked for. */
  readonly heard: string[] = [];
  readonly bell: Bell;
  readonly faults: unknown[] = [];

  constructor(
    opened: MemoryStore,
    { answer, runs = 10, runsPerSubject = 10 }: {
      answer?: (call: PuppetCall) => void;
      runs?: number;
      runsPerSubject?: number;
    } = {},
  ) {
    this.logs = new Logs(opened.store, "one");
    this.bell = new Bell(opened.store, "one");
    this.model = new PuppetModel(answer);
    const { logs: { ends, chunks }, fanOut, faults, told } = this;
    const onFault = (error: unknown) => void faults.push(error);
    this.pool = new RunPool({
      run: {
        ends,
        chunks,
        fanOut,
        instanceId: "one",
        maxAnswerBytes: 1_000_000,
        answer: ({ runId, thread: { subject, threadId } }, signal) =>
          Promise.resolve(this.model.stream({
            agent: testAgent(),
            turns: [],
            context: { subject, threadId, replyToSeq: 1, signal },
            messageId: `a-${runId}`,
            runId,
          })),
        onFirstChunk: () => {},
        onSaved: () => {},
        onFault,
      },
      chunks,
      fanOut,
      bell: this.bell,
      limits: { runs, runsPerSubject },
      events: {
        onRunsActive: (count) => told.push(`active ${count}`),
        onRunEnded: (outcome) => told.push(outcome),
        onOrphan: ({ threadId }) => told.push(`orphan ${threadId}`),
        onChange: (_, ring) => told.push(ring === undefined ? "change" : ring),
        onHeard: ({ threadId }) => this.heard.push(threadId),
        onFault,
      },
    });
  }

  send(
    id: string,
    { ref = THREAD, onBusy }: { ref?: ThreadRef; onBusy?: "interrupt" } = {},
  ): Promise<Sent> {
    return this.pool.withSlot(
      ref,
      (mayStart) => this.logs.send(id, { ref, mayStart, ...(onBusy ? { onBusy } : {}) }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.pool.drain();
    assertEquals(this.faults, []);
  }
}

function thread(threadId: string, subject = "alice"): ThreadRef {
  return { subject, threadId };
}

async function isFull(sending: Promise<unknown>): Promise<boolean> {
  const outcome = await sending.catch((error) => error);
  if (outcome instanceof AppError) assertEquals(outcome.code, "TOO_MANY_RUNS");
  else if (outcome instanceof Error) throw outcome;
  return outcome instanceof AppError;
}

Deno.test("RunPool streams a claimed run, and publishes its start and its end in order", async () => {
  using opened = await memoryStore();
  await using rig = new Rig(opened);
  await rig.logs.threads.create(THREAD, { title: null });
  const seen: string[] = [];
  const ended = Promise.withResolvers<void>();
  const listener: TopicListener = {
    onEntry: (seq, entry) => {
      seen.push(`${seq} ${entry.kind}`);
      if (seq === 3) ended.resolve();
    },
    onChunks: () => seen.at(-1) === "chunks" || seen.push("chunks"),
    onPoke: () => seen.push("poke"),
    onDeleted: () => seen.push("deleted"),
  };
  rig.fanOut.subscribe(await rig.logs.incarnation(), listener);
  await rig.send("a");
  const call = await rig.model.nextCall();
  call.begin().words("hi").finish();
  await ended.promise;
  assertEquals(seen, ["1 message", "2 run.started", "chunks", "3 message"]);
});

Deno.test("RunPool refuses a run over the bound of a subject, stores nothing, and takes others'", async () => {
  using opened = await memoryStore();
  await using rig = new Rig(opened, { runsPerSubject: 2 });
  await rig.send("a", { ref: thread("t1") });
  await rig.send("a", { ref: thread("t2") });
  assertEquals(await isFull(rig.send("a", { ref: thread("t3") })), true);
  assertEquals(await rig.logs.threads.head(thread("t3")), null);
  assertEquals(await isFull(rig.send("a", { ref: thread("t3", "bob") })), false);
});

Deno.test("RunPool counts running runs only: what waits behind one takes no place", async () => {
  using opened = await memoryStore();
  await using rig = new Rig(opened, { runs: 1 });
  await rig.send("a");
  for (const id of ["b", "c"]) assertEquals(await isFull(rig.send(id)), false);
  assertEquals(await isFull(rig.send("a", { ref: thread("t2") })), true);
});

Deno.test("RunPool hands a place to the next run of the thread, and frees it after the last", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  await using rig = new Rig(opened, { runs: 1 });
  await rig.send("a");
  await rig.send("b");
  (await rig.model.nextCall()).begin().finish();
  const second = await rig.model.nextCall();
  assertEquals(await isFull(rig.send("a", { ref: thread("t2") })), true);
  second.begin().finish();
  await pass(time, () => rig.told.at(-1) === "active 0");
  await pass(time, async () => !await isFull(rig.send("a", { ref: thread("t2") })));
});

Deno.test("RunPool hands the interrupted run's place to the interrupting one, where all are taken", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  await using rig = new Rig(opened, { runs: 1 });
  const first = await rig.send("a");
  (await rig.model.nextCall()).begin().words("half");
  await pass(time, () => (rig.fanOut.live(first.thread)?.chunks.length ?? 0) === 3, { stepMs: 0 });
  await rig.send("b");
  await rig.send("now", { onBusy: "interrupt" });
  const call = await rig.model.nextCall();
  assertEquals((await rig.logs.story()).slice(3), [
    "user now",
    "run 2 attempt 0 cancelled",
    "run 1 attempt 1 cancelled half",
    "run 3 attempt 1 on now",
  ]);
  // Also the one that never streamed.
  assertEquals(rig.told.filter((word) => word === "cancelled").length, 2);
  assertEquals(await isFull(rig.send("a", { ref: thread("t2") })), true);
  call.begin().finish();
  await pass(time, async () => !await isFull(rig.send("a", { ref: thread("t2") })));
});

Deno.test("RunPool gives the place back of a message that was refused, or sent before", async () => {
  using opened = await memoryStore();
  await using rig = new Rig(opened, { runs: 2 });
  await rig.send("a");
  for (let round = 0; round < 3; round++) {
    assertEquals((await rig.send("a")).duplicate, true);
    opened.store.next("fails");
    await assertRejects(() => rig.send("b", { ref: thread("t2") }), AppError);
  }
  assertEquals(await isFull(rig.send("b", { ref: thread("t2") })), false);
});

Deno.test("RunPool has a thread watched whose message may be stored, and frees the place", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  await using rig = new Rig(opened, { runs: 1 });
  opened.store.plan = (commit) => writesEntry(commit) ? "unknown-lost" : undefined;
  await pass(time, assertRejects(() => rig.send("a"), UnknownCommitError));
  assertEquals(rig.told, ["orphan thread-1"]);
  opened.store.plan = () => {};
  assertEquals(await isFull(rig.send("a", { ref: thread("t2") })), false);
});

Deno.test("RunPool streams the active run once, where a message behind it was stored unbeknown", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  await using rig = new Rig(opened);
  await rig.send("a");
  const call = await rig.model.nextCall();
  opened.store.plan = (commit) => {
    if (!writesEntry(commit)) return undefined;
    opened.store.plan = () => {};
    return "unknown-applied";
  };
  await pass(time, rig.send("b"));
  await time.runMicrotasks();
  assertEquals([rig.model.calls.length, call.request.context.signal.aborted], [1, false]);
  call.begin().words("A").finish();
  (await rig.model.nextCall()).begin().words("B").finish();
  await pass(time, () => rig.told.at(-1) === "active 0");
  assertEquals(rig.told.filter((what) => what === "completed").length, 2);
  assertEquals((await rig.logs.story()).length, 6);
});

Deno.test("RunPool cancels the run that a change names, and no other", async () => {
  using opened = await memoryStore();
  await using rig = new Rig(opened);
  const { thread, runId } = await rig.send("a");
  const call = await rig.model.nextCall();
  const change = { thread, appended: [], claim: null };
  rig.pool.adopt({ ...change, cancel: "another" });
  rig.pool.adopt({ ...change, thread: { ...thread, generation: "older" }, cancel: runId });
  assertEquals(call.request.context.signal.aborted, false);
  rig.pool.adopt({ ...change, cancel: runId });
  assertEquals(call.request.context.signal.aborted, true);
});

Deno.test("RunPool has a thread watched whose active run streams elsewhere", async () => {
  using opened = await memoryStore();
  await using rig = new Rig(opened);
  await new Logs(opened.kv, "two").start("a");
  await rig.send("b");
  assertEquals(rig.told.filter((what) => what.startsWith("orphan")), ["orphan thread-1"]);
  assertEquals(rig.model.calls, []);
});

Deno.test("RunPool pokes listeners and has the thread watched where a run was lost", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  await using rig = new Rig(opened);
  const { thread, claim } = await rig.send("a");
  let poked = 0;
  const nothing = () => {};
  const listener = { onEntry: nothing, onChunks: nothing, onDeleted: nothing };
  rig.fanOut.subscribe(thread, { ...listener, onPoke: () => poked++ });
  const call = await rig.model.nextCall();
  await rig.logs.chunks.release(claim!);
  await new Logs(opened.kv, "two").ends.takeOver(THREAD, {
    partsOf: () => Promise.reject(new Error("no")),
  });
  call.begin();
  await pass(time, () => rig.told.includes("orphan thread-1"));
  assertEquals([poked, rig.pool.get(thread)], [1, undefined]);
});

Deno.test("RunPool removes an ended run's chunks within a second after ten, not before", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  await using rig = new Rig(opened, { answer: (call) => call.begin().words("A").finish() });
  const { claim } = await rig.send("a");
  await pass(time, () => rig.told.at(-1) === "active 0", { stepMs: 0 });
  await time.tickAsync(9_999);
  await time.delay(5);
  assertEquals((await rig.logs.chunks.read(claim!, 0)).length, 5);
  await time.tickAsync(1_001);
  await pass(time, async () => (await rig.logs.chunks.read(claim!, 0)).length === 0, { stepMs: 0 });
});

Deno.test("RunPool gives every run up when it drains, and says so to other instances", async () => {
  using opened = await memoryStore();
  await using rig = new Rig(opened);
  const refs = ["t1", "t2", "t3"].map((id) => thread(id));
  for (const ref of refs) {
    await rig.send("a", { ref });
    (await rig.model.nextCall()).begin().words("half");
  }
  await rig.pool.drain();
  assertEquals(rig.told.filter((what) => what === "released").length, 3);
  assertEquals((await rig.logs.ends.orphans()).length, 3);
  for (const ref of refs) assertEquals((await rig.logs.story(ref)).length, 2);
});

Deno.test("RunPool gives a run up at once that is claimed while it drains", async () => {
  using opened = await memoryStore();
  await using rig = new Rig(opened);
  await rig.pool.drain();
  await rig.send("a");
  await rig.pool.drain();
  assertEquals([(await rig.logs.ends.orphans()).length, rig.model.calls.length], [1, 0]);
});

Deno.test("RunPool removes nothing any more once it has drained", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  await using rig = new Rig(opened, { answer: (call) => call.begin().words("A").finish() });
  await rig.send("a");
  await pass(time, () => rig.told.at(-1) === "active 0", { stepMs: 0 });
  await rig.pool.drain();
  const before = opened.store.commits.length;
  await time.tickAsync(60_000);
  await time.delay(5);
  assertEquals(opened.store.commits.length, before);
});

Deno.test("RunPool looks for a cancel that came before its thread was heard, and only then", async () => {
  using opened = await memoryStore();
  await using rig = new Rig(opened, { answer: (call) => call.begin().words("A").finish() });
  await rig.send("a", { ref: thread("new") });
  await rig.pool.drain();
  assertEquals(rig.heard, ["new"]);
  await using other = new Rig(opened, { answer: (call) => call.begin().words("A").finish() });
  other.bell.hasHeardFor = () => true;
  await other.send("a", { ref: thread("heard") });
  await other.pool.drain();
  assertEquals(other.heard, []);
});
