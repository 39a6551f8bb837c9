import { assert, assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { type ExecutionResult, RunExecution } from "../../lib/agents/run_execution.ts";
import type { AnswerRequest, Chunk } from "../../lib/agents/model.ts";
import { FanOut } from "../../lib/chat/fan_out.ts";
import { AppError } from "../../lib/errors.ts";
import { leaseKey, runKey } from "../../lib/threads/keys.ts";
import type { RunClaim } from "../../lib/threads/thread_edit.ts";
import { testAgent } from "../support/answers.ts";
import { Logs, pass, THREAD } from "../support/instance.ts";
import {
  type FaultyStore,
  type MemoryStore,
  memoryStore,
  writesChunks,
  writesEntry,
  writesLease,
} from "../support/kv.ts";
import { type PuppetCall, PuppetModel } from "../support/puppet_model.ts";

/** One execution, begun, and all around it. */
class Rig {
  readonly logs: Logs;
  readonly store: FaultyStore;
  readonly fanOut = new FanOut();
  readonly model: PuppetModel;
  readonly faults: unknown[] = [];
  readonly saved: RunClaim[] = [];
  firstChunks = 0;
  claim!: RunClaim;
  run!: RunExecution;
  result!: Promise<ExecutionResult>;

  constructor(readonly opened: MemoryStore, answer?: (call: PuppetCall) => void) {
    this.store = opened.store;
    this.logs = new Logs(opened.store, "one");
    this.model = new PuppetModel(answer);
  }

  /** Begins to execute `claim`, by default a new one. */
  async begin(
    { claim, maxAnswerBytes = 1_000_000, refuse }: {
      claim?: RunClaim;
      maxAnswerBytes?: number;
      refuse?: Error;
    } = {},
  ): Promise<void> {
    this.claim = claim ?? await this.logs.start("a");
    const { logs: { ends, chunks }, fanOut } = this;
    this.run = new RunExecution(this.claim, {
      ends,
      chunks,
      fanOut,
      instanceId: "one",
      maxAnswerBytes,
      answer: ({ runId }, signal) => {
        if (refuse !== undefined) return Promise.reject(refuse);
        const request: AnswerRequest = {
          agent: testAgent(),
          turns: [],
          context: { ...THREAD, replyToSeq: 1, signal },
          messageId: `a-${runId}`,
          runId,
        };
        return Promise.resolve(this.model.stream(request));
      },
      onFirstChunk: () => this.firstChunks++,
      onSaved: (claim) => this.saved.push(claim),
      onFault: (error) => this.faults.push(error),
    });
    this.result = this.run.execute();
  }

  /** The log behind the run's start. */
  async end(): Promise<string[]> {
    return (await this.logs.story()).slice(2);
  }

  /** Chunks that are passed on live. */
  get live(): readonly string[] {
    return this.fanOut.live(this.claim.thread)?.chunks ?? [];
  }

  /** Waits until the answer that is passed on live ends with `text`. */
  async said(time: FakeTime, text: string): Promise<void> {
    await pass(time, () => this.live.at(-1)?.includes(text) ?? false, { stepMs: 0 });
  }
}

Deno.test("RunExecution streams an answer, stores its chunks and ends it with one entry", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const rig = new Rig(opened);
  await rig.begin();
  const heard: string[] = [];
  const listener = {
    onEntry: () => {},
    onChunks: (_: unknown, index: number, chunks: readonly string[]) => {
      assertEquals(index, heard.length);
      heard.push(...chunks);
    },
    onPoke: () => {},
    onDeleted: () => {},
  };
  rig.fanOut.subscribe(rig.claim.thread, listener);
  const call = await rig.model.nextCall();
  call.begin().words("one ", "two ", "three");
  await rig.said(time, "three");
  call.finish();
  const result = await rig.result;
  assert(result.kind === "finished");
  assertEquals([result.answer.outcome, result.answer.chunkCount], ["completed", 7]);
  assertEquals(await rig.end(), ["run 1 attempt 1 completed one two three"]);
  assertEquals(await rig.logs.chunks.read(rig.claim, 0), heard);
  assertEquals(heard.map((chunk) => (JSON.parse(chunk) as Chunk).type), [
    "start",
    "text-start",
    "text-delta",
    "text-delta",
    "text-delta",
    "text-end",
    "finish",
  ]);
  const { value } = await rig.store.get(runKey(rig.claim.thread, rig.claim.runId));
  assertEquals(value?.state, { kind: "ended", attempt: 1, entrySeq: 3, chunkCount: 7 });
  assertEquals(rig.fanOut.live(rig.claim.thread), null);
  assertEquals([rig.firstChunks, rig.faults], [1, []]);
});

Deno.test("RunExecution stores its last chunks and its end in one commit, and knows where they begin", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const rig = new Rig(opened);
  await rig.begin();
  const call = await rig.model.nextCall();
  call.begin().words("one ");
  await pass(time, () => rig.saved.length === 1);
  const before = rig.store.commits.length;
  call.words("two").finish();
  const result = await pass(time, rig.result, { stepMs: 0 });
  const since = rig.store.commits.slice(before);
  assertEquals(since.map((commit) => [writesChunks(commit), writesEntry(commit)]), [[true, true]]);
  assert(result.kind === "finished");
  assertEquals(result.batches, [0, 3]);
  assertEquals((await rig.logs.chunks.read(rig.claim, 0)).length, 6);
});

Deno.test("RunExecution stores last chunks that are large by themselves, before its end", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const rig = new Rig(opened);
  await rig.begin();
  const text = "é".repeat(20_000);
  const call = await rig.model.nextCall();
  const before = rig.store.commits.length;
  call.begin().words(text).finish();
  const result = await pass(time, rig.result, { stepMs: 0 });
  const since = rig.store.commits.slice(before);
  assertEquals(since.map((commit) => [writesChunks(commit), writesEntry(commit)]), [
    [true, false],
    [false, true],
  ]);
  assert(result.kind === "finished");
  assertEquals(result.batches, [0]);
  assertEquals(await rig.end(), [`run 1 attempt 1 completed ${text}`]);
});

Deno.test("RunExecution stores chunks while the model is still answering", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const rig = new Rig(opened);
  await rig.begin();
  const call = await rig.model.nextCall();
  call.begin().words("one");
  await pass(time, async () => (await rig.logs.chunks.read(rig.claim, 0)).length === 3);
  assertEquals(await rig.end(), []);
  call.finish();
  await rig.result;
});

Deno.test("RunExecution ends as failed with the model's fault, and keeps the text so far", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const rig = new Rig(opened);
  await rig.begin();
  const call = await rig.model.nextCall();
  call.begin().words("half");
  await rig.said(time, "half");
  call.fail(new AppError("MODEL_TIMEOUT"));
  assertEquals((await rig.result).kind, "finished");
  assertEquals(await rig.end(), ["run 1 attempt 1 failed MODEL_TIMEOUT half"]);
});

Deno.test("RunExecution shows nothing of an error that is none of the registry's", async () => {
  using opened = await memoryStore();
  const rig = new Rig(opened, (call) => call.begin().fail(new Error("secret of the endpoint")));
  await rig.begin();
  const result = await rig.result;
  assert(result.kind === "finished");
  assertEquals(result.answer.error?.code, "INTERNAL");
  assert(!JSON.stringify(await rig.logs.entries()).includes("secret"));
});

Deno.test("RunExecution ends as failed where the model cannot even be asked", async () => {
  using opened = await memoryStore();
  const rig = new Rig(opened);
  await rig.begin({ refuse: new AppError("MODEL_UNAVAILABLE") });
  await rig.result;
  assertEquals(await rig.end(), ["run 1 attempt 1 failed MODEL_UNAVAILABLE"]);
});

Deno.test("RunExecution ends as failed where the answer grows too large, and keeps what fits", async () => {
  using opened = await memoryStore();
  const rig = new Rig(opened, (call) => call.begin().words("é".repeat(6), "y", "z").finish());
  await rig.begin({ maxAnswerBytes: 12 });
  await rig.result;
  const [end] = await rig.end();
  assert(end!.startsWith("run 1 attempt 1 failed ANSWER_TOO_LARGE éééééé"), end);
  assertEquals(rig.model.calls[0]!.request.context.signal.aborted, false);
  const stored = (await rig.logs.chunks.read(rig.claim, 0)).join();
  assert(!stored.includes('"y"') && !stored.includes('"z"'));
});

Deno.test("RunExecution takes an answer that is just as large as it may be", async () => {
  using opened = await memoryStore();
  const rig = new Rig(opened, (call) => call.begin().words("é".repeat(6)).finish());
  await rig.begin({ maxAnswerBytes: 12 });
  await rig.result;
  assertEquals(await rig.end(), ["run 1 attempt 1 completed éééééé"]);
});

Deno.test("RunExecution passes a large delta on in pieces that join to it", async () => {
  using opened = await memoryStore();
  const text = "abcdefg".repeat(10_000);
  const rig = new Rig(opened, (call) => call.begin().words(text).finish());
  await rig.begin();
  await rig.result;
  const chunks = await rig.logs.chunks.read(rig.claim, 0);
  assertEquals(chunks.length, 4 + Math.ceil(text.length / 8_192));
  assert(chunks.every((chunk) => chunk.length < 9_000));
  assertEquals(await rig.end(), [`run 1 attempt 1 completed ${text}`]);
});

Deno.test("RunExecution ends as cancelled, stops the model, and keeps the text so far", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const rig = new Rig(opened);
  await rig.begin();
  const call = await rig.model.nextCall();
  call.begin().words("half");
  await rig.said(time, "half");
  rig.run.cancel();
  assertEquals(call.request.context.signal.aborted, true);
  assertEquals((await rig.result).kind, "finished");
  assertEquals(await rig.end(), ["run 1 attempt 1 cancelled half"]);
});

Deno.test("RunExecution does not ask the model where the run was cancelled before", async () => {
  using opened = await memoryStore();
  const rig = new Rig(opened);
  await rig.begin({ claim: { ...await rig.logs.start("a"), cancelRequested: true } });
  await rig.result;
  assertEquals([await rig.end(), rig.model.calls.length], [["run 1 attempt 1 cancelled"], 0]);
});

Deno.test("RunExecution gives its run up when released: chunks stored, lease free, no entry", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const rig = new Rig(opened);
  await rig.begin();
  const call = await rig.model.nextCall();
  call.begin().words("half");
  await rig.said(time, "half");
  rig.run.release();
  assertEquals(await rig.result, { kind: "released" });
  assertEquals(call.request.context.signal.aborted, true);
  assertEquals([(await rig.logs.chunks.read(rig.claim, 0)).length, await rig.end()], [3, []]);
  assertEquals((await rig.store.get(leaseKey(THREAD))).value?.owner, null);
  const takeover = await new Logs(opened.kv, "two").ends.takeOver(THREAD, {
    partsOf: () => Promise.reject(),
  });
  assertEquals(takeover.kind, "taken");
});

Deno.test("RunExecution does not renew a lease that it is giving up", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const rig = new Rig(opened);
  await rig.begin();
  (await rig.model.nextCall()).begin().words("half");
  await rig.said(time, "half");
  rig.store.plan = (commit) => writesLease(commit) ? "hangs" : undefined;
  rig.run.release();
  await pass(time, () => rig.store.hanging === 1, { stepMs: 0 });
  await time.tickAsync(9_000);
  await time.runMicrotasks();
  assertEquals(rig.store.hanging, 1);
  rig.store.resume();
  assertEquals(await rig.result, { kind: "released" });
});

Deno.test("RunExecution ends a cancelled run as cancelled though the server drains", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const rig = new Rig(opened);
  await rig.begin();
  (await rig.model.nextCall()).begin().words("half");
  await rig.said(time, "half");
  rig.run.cancel();
  rig.run.release();
  await rig.result;
  assertEquals(await rig.end(), ["run 1 attempt 1 cancelled half"]);
});

Deno.test("RunExecution renews its lease as long as the model takes", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const rig = new Rig(opened);
  await rig.begin();
  const call = await rig.model.nextCall();
  call.begin();
  const two = new Logs(opened.kv, "two");
  for (let round = 0; round < 12; round++) {
    const before = rig.store.commits.filter(writesLease).length;
    await pass(time, () => rig.store.commits.filter(writesLease).length > before, { stepMs: 500 });
    await pass(time, async () => {
      const { value } = await rig.store.get(leaseKey(THREAD));
      return value!.expiresAtMs > Date.now() + 6_000;
    }, { stepMs: 0 });
    assertEquals(await two.ends.orphans(), []);
  }
  call.finish();
  await rig.result;
  assertEquals((await rig.end()).length, 1);
});

Deno.test("RunExecution writes nothing more of a run that was taken over", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const rig = new Rig(opened);
  await rig.begin();
  const call = await rig.model.nextCall();
  call.begin().words("half");
  await pass(time, () => rig.saved.length > 0);
  const two = new Logs(opened.kv, "two");
  await rig.logs.chunks.release(rig.claim);
  const takeover = await two.ends.takeOver(THREAD, {
    partsOf: () => Promise.reject(new Error("not asked")),
  });
  assert(takeover.kind === "taken");
  const startedMs = Date.now();
  call.words("more");
  assertEquals(await pass(time, rig.result, { stepMs: 5 }), { kind: "lost" });
  assert(Date.now() - startedMs < 3_000, "only a renewal told");
  assertEquals(call.request.context.signal.aborted, true);
  assertEquals((await rig.logs.chunks.read(rig.claim, 0)).length, 3);
  assertEquals(await rig.end(), ["run 1 attempt 2 on a"]);
  assertEquals(rig.faults, []);
});

Deno.test("RunExecution finds out by its next renewal that a silent run was taken over", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const rig = new Rig(opened);
  await rig.begin();
  await rig.model.nextCall();
  await rig.logs.chunks.release(rig.claim);
  await new Logs(opened.kv, "two").ends.takeOver(THREAD, {
    partsOf: () => Promise.reject(new Error("no")),
  });
  assertEquals(await pass(time, rig.result), { kind: "lost" });
  assertEquals(await rig.end(), ["run 1 attempt 2 on a"]);
});

Deno.test("RunExecution ends without a write where its thread is gone", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const rig = new Rig(opened);
  await rig.begin();
  (await rig.model.nextCall()).begin().words("half");
  await rig.said(time, "half");
  await rig.logs.removal.delete(THREAD);
  const before = rig.store.commits.length;
  rig.run.abandon();
  assertEquals(await rig.result, { kind: "lost" });
  assertEquals(rig.store.commits.slice(before).filter(writesEntry), []);
  assertEquals(await rig.logs.threads.head(THREAD), null);
});

for (const fault of ["fails", "unknown-applied", "unknown-lost", "unknown-late"] as const) {
  Deno.test(`RunExecution stores its end once where that commit first is ${fault}`, async () => {
    using time = new FakeTime();
    using opened = await memoryStore();
    const rig = new Rig(opened);
    await rig.begin();
    let faults = 2;
    rig.store.plan = (commit) => writesEntry(commit) && faults-- > 0 ? fault : undefined;
    (await rig.model.nextCall()).begin().words("all").finish();
    assertEquals((await pass(time, rig.result)).kind, "finished");
    await rig.store.applyLate();
    assertEquals(await rig.end(), ["run 1 attempt 1 completed all"]);
  });
}

Deno.test("RunExecution tries for as long as the store is lost to store its end", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const rig = new Rig(opened);
  await rig.begin();
  rig.store.plan = (commit) => writesEntry(commit) || writesChunks(commit) ? "fails" : undefined;
  (await rig.model.nextCall()).begin().words("all").finish();
  await pass(time, () => rig.store.commits.filter(writesChunks).length >= 4);
  rig.store.plan = (commit) => writesEntry(commit) ? "fails" : undefined;
  await pass(time, () => rig.store.commits.filter(writesEntry).length >= 4);
  rig.store.plan = () => {};
  assertEquals((await pass(time, rig.result)).kind, "finished");
  assertEquals(await rig.end(), ["run 1 attempt 1 completed all"]);
  assertEquals((await rig.logs.chunks.read(rig.claim, 0)).length, 5);
});

Deno.test("RunExecution gives the run up where its end cannot be stored and the server drains", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const rig = new Rig(opened);
  await rig.begin();
  rig.store.plan = (commit) => writesEntry(commit) ? "fails" : undefined;
  (await rig.model.nextCall()).begin().words("all").finish();
  await pass(time, () => rig.store.commits.filter(writesEntry).length >= 3);
  rig.run.release();
  assertEquals(await pass(time, rig.result), { kind: "released" });
  assertEquals(await rig.end(), []);
});

Deno.test("RunExecution tells of a fault in storing chunks, and ends as lost", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const rig = new Rig(opened);
  await rig.begin();
  const fault = new TypeError("broken");
  rig.store.before = (commit) => writesChunks(commit) ? Promise.reject(fault) : Promise.resolve();
  (await rig.model.nextCall()).begin().words("all");
  assertEquals(await pass(time, rig.result), { kind: "lost" });
  assertEquals([rig.faults, await rig.end()], [[fault], []]);
});

Deno.test("RunExecution does not end a run whose last chunks could not be stored", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const rig = new Rig(opened);
  await rig.begin();
  const fault = new TypeError("broken");
  rig.store.before = (commit) => writesChunks(commit) ? Promise.reject(fault) : Promise.resolve();
  (await rig.model.nextCall()).begin().words("all").finish();
  assertEquals(await pass(time, rig.result, { stepMs: 0 }), { kind: "lost" });
  assertEquals([rig.faults, await rig.end()], [[fault], []]);
});
