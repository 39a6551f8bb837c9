import { assert, assertEquals, assertRejects } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { AppError } from "../../lib/errors.ts";
import type { TopicListener } from "../../lib/chat/fan_out.ts";
import { leaseKey } from "../../lib/threads/keys.ts";
import { UnknownCommitError } from "../../lib/threads/store.ts";
import { Instance, Logs, pass, THREAD } from "../support/instance.ts";
import { FaultyStore, memoryStore, writesEntry } from "../support/kv.ts";
import { type PuppetCall, PuppetModel, saying } from "../support/puppet_model.ts";

const nothing = (): void => {};
const LISTENER: TopicListener = {
  onEntry: nothing,
  onChunks: nothing,
  onPoke: nothing,
  onDeleted: nothing,
};

async function codeOf(work: () => Promise<unknown>): Promise<string> {
  return (await assertRejects(work, AppError)).code;
}

/** What the model was shown, a line each. */
function shown({ request }: PuppetCall): string[] {
  return request.turns.map(({ role, text }) => `${role}: ${text}`);
}

/** Waits until an instance has ended that many runs. */
async function ended(time: FakeTime, instance: Instance, count: number): Promise<void> {
  await pass(time, () => instance.told.outcomes.length >= count);
}

Deno.test("AgentSupervisor answers a message, and shows the model what was said before", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const model = new PuppetModel();
  await using one = new Instance(opened.store, { model });
  const sent = await one.say("a");
  const first = await model.nextCall();
  const { agent, context, messageId, runId } = first.request;
  assertEquals([agent.name, context.subject, context.threadId], ["test", "alice", "thread-1"]);
  assertEquals([messageId, runId], [`a-${sent.runId}`, sent.runId]);
  first.begin().words("A").finish();
  await ended(time, one, 1);
  await one.say("b");
  const second = await model.nextCall();
  assertEquals(shown(second), ["user: a", "assistant: A", "user: b"]);
  second.begin().words("B").finish();
  await ended(time, one, 2);
  assertEquals(await one.story(), [
    "user a",
    "run 1 attempt 1 on a",
    "run 1 attempt 1 completed A",
    "user b",
    "run 2 attempt 1 on b",
    "run 2 attempt 1 completed B",
  ]);
  assertEquals([one.told.outcomes, one.told.stored], [["completed", "completed"], 2]);
  assertEquals(one.told.faults, []);
});

Deno.test("AgentSupervisor answers a message that is sent twice once", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const model = new PuppetModel(saying("A"));
  await using one = new Instance(opened.store, { model });
  const both = await pass(time, Promise.all([one.say("a"), one.say("a")]));
  assertEquals(both.map(({ duplicate }) => duplicate).sort(), [false, true]);
  await ended(time, one, 1);
  assertEquals((await one.say("a")).duplicate, true);
  assertEquals([model.calls.length, one.told.stored], [1, 1]);
});

Deno.test("AgentSupervisor refuses an unknown agent and a large message, and stores nothing", async () => {
  using opened = await memoryStore();
  const model = new PuppetModel();
  await using one = new Instance(opened.store, { model, limits: { messageBytes: 10 } });
  const send = (text: string, agent?: string) =>
    one.supervisor.send(THREAD, { message: { id: "m", text }, agent });
  assertEquals(await codeOf(() => send("hi", "nobody")), "INVALID_REQUEST");
  assertEquals(await codeOf(() => send("é".repeat(5) + "x")), "MESSAGE_TOO_LARGE");
  assertEquals([await one.threads.head(THREAD), one.told.stored], [null, 0]);
  assertEquals((await send("é".repeat(5), "test")).seq, 1);
});

Deno.test("AgentSupervisor stores nothing of a message over its runs' bound", async () => {
  using opened = await memoryStore();
  const model = new PuppetModel();
  await using one = new Instance(opened.store, { model, limits: { runsPerSubject: 1 } });
  await one.say("a");
  const ref = { subject: "alice", threadId: "thread-2" };
  assertEquals(await codeOf(() => one.say("a", { ref })), "TOO_MANY_RUNS");
  assertEquals([await one.threads.head(ref), one.told.stored], [null, 1]);
});

Deno.test("AgentSupervisor lets a run wait for the model that is still being loaded", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const loading = Promise.withResolvers<PuppetModel>();
  await using one = new Instance(opened.store, { model: loading.promise });
  await one.say("a");
  await time.runMicrotasks();
  assertEquals(one.told.outcomes, []);
  loading.resolve(new PuppetModel(saying("A")));
  await ended(time, one, 1);
  assertEquals((await one.story())[2], "run 1 attempt 1 completed A");
});

Deno.test("AgentSupervisor ends a run as failed while there is no model", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  await using one = new Instance(opened.store, { model: null });
  await one.say("a");
  await ended(time, one, 1);
  assertEquals((await one.story())[2], "run 1 attempt 1 failed MODEL_UNAVAILABLE");
  assertEquals(one.told.outcomes, ["failed"]);
});

Deno.test("AgentSupervisor ends a run as failed whose agent is gone", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const model = new PuppetModel();
  const before = new Logs(opened.kv, "before");
  const { claim } = await before.send("a", { agent: "gone" });
  await before.chunks.release(claim!);
  await using one = new Instance(opened.store, { model });
  one.supervisor.watch(THREAD);
  await ended(time, one, 1);
  assertEquals((await one.story()).at(-1), "run 1 attempt 2 failed INVALID_REQUEST");
});

Deno.test("AgentSupervisor generates another answer, and does not show the model the older one", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const model = new PuppetModel(saying("answer"));
  await using one = new Instance(opened.store, { model });
  await one.say("a");
  await ended(time, one, 1);
  await one.supervisor.regenerate(THREAD);
  await ended(time, one, 2);
  assertEquals(shown(model.calls[1]!), ["user: a"]);
  assertEquals((await one.story()).slice(3), [
    "run 2 attempt 1 on a",
    "run 2 attempt 1 completed answer",
  ]);
});

Deno.test("AgentSupervisor cancels the active run and then streams the one that waits", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const model = new PuppetModel();
  await using one = new Instance(opened.store, { model });
  const { runId, thread } = await one.say("a");
  (await model.nextCall()).begin().words("half");
  await one.say("b");
  await pass(time, () => one.fanOut.live(thread)?.chunks.length === 3, { stepMs: 0 });
  await one.supervisor.cancel(THREAD, runId);
  const second = await model.nextCall();
  assertEquals(shown(second), ["user: a", "assistant: half", "user: b"]);
  await one.supervisor.cancel(THREAD, runId);
  assertEquals(second.request.context.signal.aborted, false);
  assertEquals(one.told.outcomes, ["cancelled"]);
  assertEquals(await codeOf(() => one.supervisor.cancel(THREAD, "unknown")), "NOT_FOUND");
});

Deno.test("AgentSupervisor cancels a run that streams on another instance", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const model = new PuppetModel();
  await using one = new Instance(opened.kv, { model });
  await using two = new Instance(opened.kv, { model: null, instanceId: "two" });
  one.supervisor.listen();
  two.supervisor.listen();
  const { runId, thread } = await one.say("a");
  (await model.nextCall()).begin().words("half");
  await pass(time, () => one.fanOut.live(thread)?.chunks.length === 3);
  await two.supervisor.cancel(THREAD, runId);
  await ended(time, one, 1);
  assertEquals((await one.story()).at(-1), "run 1 attempt 1 cancelled half");
  assertEquals([one.told.faults, two.told.faults], [[], []]);
});

Deno.test("AgentSupervisor ends the runs of a deleted thread without a word, and removes its rows", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const model = new PuppetModel();
  await using one = new Instance(opened.store, { model });
  const { thread } = await one.say("a");
  await one.say("b");
  const call = await model.nextCall();
  call.begin().words("half");
  let deleted = 0;
  one.fanOut.subscribe(thread, { ...LISTENER, onDeleted: () => deleted++ });
  await one.supervisor.deleteThread(THREAD);
  assertEquals([deleted, call.request.context.signal.aborted], [1, true]);
  const data = () => opened.kv.list({ prefix: ["data", "alice", "thread-1"], limit: 99 });
  await pass(time, async () => (await data()).length === 0);
  await pass(time, () => one.told.active.at(-1) === 0);
  assertEquals([one.told.outcomes, one.told.faults], [[], []]);
  assertEquals((await one.say("a")).seq, 1);
});

Deno.test("AgentSupervisor takes over the run of an instance that died, within 15 seconds", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const frozen = new FaultyStore(opened.kv);
  const [slow, fresh] = [new PuppetModel(), new PuppetModel()];
  const one = new Instance(frozen, { model: slow });
  await using two = new Instance(opened.kv, { model: fresh, instanceId: "two" });
  const { thread } = await one.say("a");
  const call = await slow.nextCall();
  call.begin().words("half");
  await pass(
    time,
    async () => (await two.chunks.read({ thread, ...(await active()) }, 0)).length > 0,
  );
  frozen.plan = () => "hangs";
  const startedMs = Date.now();
  two.fanOut.subscribe(thread, LISTENER);
  two.supervisor.watch(THREAD);
  let tookMs = 0;
  await pass(time, () => {
    if (two.told.takeovers > 0) tookMs ||= Date.now() - startedMs;
    return fresh.calls.length > 0;
  }, { stepMs: 20 });
  assert(tookMs > 0 && tookMs <= 15_000, `the takeover took ${tookMs} ms`);
  // The old instance goes on, and must not be heard.
  frozen.plan = () => {};
  frozen.resume();
  call.words("late").finish();
  await pass(time, () => one.told.active.at(-1) === 0);
  (await fresh.nextCall()).begin().words("whole").finish();
  await ended(time, two, 1);
  assertEquals(await two.story(), [
    "user a",
    "run 1 attempt 1 on a",
    "run 1 attempt 2 on a",
    "run 1 attempt 2 completed whole",
  ]);
  assertEquals([one.told.outcomes, two.told.takeovers], [[], 1]);
  await pass(time, one.supervisor.drain());

  async function active(): Promise<{ runId: string; attempt: number }> {
    return (await two.threads.get(THREAD)).activeRun!;
  }
});

Deno.test("AgentSupervisor leaves a run alone whose owner lives, however long nobody answers", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const model = new PuppetModel();
  await using one = new Instance(opened.kv, { model });
  await using two = new Instance(opened.kv, { model: null, instanceId: "two" });
  const { thread } = await one.say("a");
  const call = await model.nextCall();
  two.fanOut.subscribe(thread, LISTENER);
  two.supervisor.watch(THREAD);
  const untilMs = Date.now() + 45_000;
  while (Date.now() < untilMs) {
    await time.tickAsync(250);
    // Renewals are real writes: time must not outrun them.
    await pass(time, async () => {
      const { value } = await opened.kv.get(leaseKey(THREAD));
      return value!.expiresAtMs > Date.now() + 5_000;
    }, { stepMs: 0 });
  }
  call.begin().words("A").finish();
  await ended(time, one, 1);
  assertEquals([one.told.outcomes, two.told.takeovers], [["completed"], 0]);
});

Deno.test("AgentSupervisor takes a drained instance's run over at once", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const [slow, fresh] = [new PuppetModel(), new PuppetModel(saying("whole"))];
  const one = new Instance(opened.kv, { model: slow });
  await using two = new Instance(opened.kv, { model: fresh, instanceId: "two" });
  one.supervisor.listen();
  two.supervisor.listen();
  const { thread } = await one.say("a");
  (await slow.nextCall()).begin().words("half");
  two.fanOut.subscribe(thread, LISTENER);
  await two.bell.follow(thread);
  two.supervisor.watch(THREAD);
  const startedMs = Date.now();
  await one.supervisor.drain();
  await pass(time, () => two.told.outcomes.length === 1, { stepMs: 5 });
  assert(Date.now() - startedMs < 2_500, "it was not woken");
  assertEquals((await two.story()).slice(2), [
    "run 1 attempt 2 on a",
    "run 1 attempt 2 completed whole",
  ]);
  two.bell.unfollow(thread);
});

Deno.test("AgentSupervisor ends a run as interrupted that died three times, with its chunks' text", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const logs = new Logs(opened.kv, "dead");
  let claim = await logs.start("a");
  for (const attempt of [2, 3]) {
    await logs.chunks.release(claim);
    const takeover = await logs.ends.takeOver(THREAD, {
      partsOf: () => Promise.reject(new Error("no")),
    });
    assert(takeover.kind === "taken" && takeover.change.claim !== null);
    claim = takeover.change.claim;
    assertEquals(claim.attempt, attempt);
  }
  const chunks = [
    { type: "text-start", id: "t" },
    { type: "text-delta", id: "t", delta: "what is " },
    { type: "text-delta", id: "t", delta: "left" },
  ];
  await logs.chunks.save(claim, 0, chunks.map((chunk) => JSON.stringify(chunk)));
  await logs.chunks.release(claim);
  const { runId } = await logs.send("b");
  await using one = new Instance(opened.store, { model: new PuppetModel(saying("B")) });
  await one.supervisor.recover();
  await ended(time, one, 2);
  assertEquals(one.told.outcomes, ["interrupted", "completed"]);
  assertEquals((await one.story()).slice(-3), [
    "run 1 attempt 3 interrupted INTERNAL what is left",
    "run 2 attempt 1 on b",
    "run 2 attempt 1 completed B",
  ]);
  assertEquals((await one.threads.get(THREAD)).activeRun, null);
  assert(runId !== claim.runId);
});

Deno.test("AgentSupervisor recovers every orphan of the store, and sweeps deleted threads", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const dead = new Logs(opened.kv, "dead");
  const refs = ["alice", "bob"].map((subject) => ({ subject, threadId: "t" }));
  for (const ref of refs) await dead.start("a", ref);
  const gone = { subject: "alice", threadId: "gone" };
  await dead.start("a", gone);
  await dead.removal.delete(gone);
  time.tick(10_000);
  await using one = new Instance(opened.store, { model: new PuppetModel(saying("A")) });
  assertEquals(await one.supervisor.recover(), 2);
  const startedMs = Date.now();
  await pass(time, () => one.told.outcomes.length === 2, { stepMs: 10 });
  assert(Date.now() - startedMs < 15_000, "only a later look found them");
  const rows = async (...prefix: string[]) => (await opened.kv.list({ prefix, limit: 9 })).length;
  await pass(time, async () => await rows("trash") === 0);
  assertEquals(await rows("data", "alice", "gone"), 0);
  for (const ref of refs) {
    assertEquals((await one.story(ref)).at(-1), "run 1 attempt 2 completed A");
  }
});

Deno.test("AgentSupervisor finds orphans by itself after its recovery", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  await using one = new Instance(opened.store, { model: new PuppetModel(saying("A")) });
  assertEquals(await one.supervisor.recover(), 0);
  const dead = new Logs(opened.kv, "dead");
  await dead.chunks.release(await dead.start("a"));
  await pass(time, () => one.told.outcomes.length === 1, { stepMs: 500 });
  assertEquals((await one.story()).at(-1), "run 1 attempt 2 completed A");
});

Deno.test("AgentSupervisor answers a message after all whose commit stayed unknown and was applied", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const { store } = opened;
  await using one = new Instance(store, { model: new PuppetModel(saying("A")) });
  let applied = false;
  store.plan = (commit) => {
    if (!writesEntry(commit)) return undefined;
    // From here on the store cannot be read, until the budget is over.
    store.readsFail = applied = true;
    return "unknown-applied";
  };
  await pass(time, assertRejects(() => one.say("a"), UnknownCommitError), { stepMs: 200 });
  assertEquals([applied, one.told.stored], [true, 0]);
  store.readsFail = false;
  store.plan = () => {};
  await ended(time, one, 1);
  assertEquals((await one.story()).at(-1), "run 1 attempt 2 completed A");
  assertEquals((await one.say("a")).duplicate, true);
  assertEquals(one.told.faults, []);
});

Deno.test("AgentSupervisor stores each message once and ends each run once, whatever the commits do", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const { store } = opened;
  const model = new PuppetModel(saying("A"));
  await using one = new Instance(store, { model });
  let commits = 0;
  const faults = ["unknown-applied", "unknown-lost", "unknown-late", "conflicts"] as const;
  // Elsewhere a conflict says that the run is another's.
  store.plan = (commit) =>
    writesEntry(commit) && commits++ % 3 === 1 ? faults[commits % faults.length] : undefined;
  const ids = ["a", "b", "c", "d", "e", "f"];
  const sent = await pass(time, Promise.all(ids.map((id) => one.say(id))));
  await pass(time, () => one.told.outcomes.length >= ids.length);
  await store.applyLate();
  store.plan = () => {};
  const entries = await one.entries();
  assertEquals(entries.length, 3 * ids.length);
  for (const { runId } of sent) {
    const own = entries.filter((entry) => "runId" in entry && entry.runId === runId);
    assertEquals(own.map(({ kind }) => kind), ["run.started", "message"]);
  }
  assertEquals([one.told.outcomes.length, model.calls.length], [ids.length, ids.length]);
  assertEquals([sent.filter(({ duplicate }) => duplicate), one.told.faults], [[], []]);
});

Deno.test("AgentSupervisor starts no run and takes none over once it has drained", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const model = new PuppetModel();
  const one = new Instance(opened.store, { model });
  await one.supervisor.drain();
  const dead = new Logs(opened.kv, "dead");
  await dead.chunks.release(await dead.start("a"));
  one.supervisor.watch(THREAD);
  await time.tickAsync(60_000);
  await time.delay(5);
  assertEquals([model.calls.length, one.told.takeovers], [0, 0]);
});
