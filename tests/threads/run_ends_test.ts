import { assert, assertEquals, assertRejects } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { AppError } from "../../lib/errors.ts";
import { leaseKey } from "../../lib/threads/keys.ts";
import type { Takeover } from "../../lib/threads/run_ends.ts";
import type { RunClaim } from "../../lib/threads/thread_edit.ts";
import { put, UnknownCommitError } from "../../lib/threads/store.ts";
import { Logs, pass, THREAD } from "../support/instance.ts";
import { memoryStore, seededRandom } from "../support/kv.ts";

/** Leases last that long, milliseconds. */
const LEASE_MS = 10_000;

/** The parts that a dead attempt left. */
function left(): Promise<{ parts: { type: string; text: string }[]; chunkCount: number }> {
  return Promise.resolve({ parts: [{ type: "text", text: "what is left" }], chunkCount: 3 });
}

function nobody(): Promise<never> {
  return Promise.reject(new Error("nobody was to be asked"));
}

function claimOf(takeover: Takeover): RunClaim {
  assert(takeover.kind === "taken" && takeover.change.claim !== null, "no run was taken");
  return takeover.change.claim;
}

Deno.test("RunEnds ends a run with one assistant entry that holds all of its answer", async () => {
  using time = new FakeTime("2026-01-01T00:00:00Z");
  using opened = await memoryStore();
  const logs = new Logs(opened.store, "one");
  const claim = await logs.start("a");
  time.tick(1_000);
  const change = await logs.ends.finish(claim, {
    parts: [{ type: "text", text: "no" }],
    outcome: "failed",
    error: { code: "MODEL_TIMEOUT", message: "silent" },
    chunkCount: 4,
  });
  assertEquals([change?.claim, change?.cancel, change?.appended.length], [null, null, 1]);
  assertEquals((await logs.entries())[2], {
    kind: "message",
    role: "assistant",
    id: `a-${claim.runId}`,
    runId: claim.runId,
    attempt: 1,
    agent: "test",
    parts: [{ type: "text", text: "no" }],
    outcome: "failed",
    error: { code: "MODEL_TIMEOUT", message: "silent" },
    createdAt: "2026-01-01T00:00:01.000Z",
  });
  const { activeRun, headSeq, updatedAt } = await logs.threads.get(THREAD);
  assertEquals([activeRun, headSeq, updatedAt], [null, 3, "2026-01-01T00:00:01.000Z"]);
  assertEquals(await opened.kv.list({ prefix: ["lease"], limit: 9 }), []);
});

Deno.test("RunEnds starts the run that waits in the commit that ends the one before", async () => {
  using opened = await memoryStore();
  const logs = new Logs(opened.store, "one");
  const claim = await logs.start("a");
  const { runId } = await logs.send("b");
  const before = opened.store.commits.length;
  const change = await logs.finish(claim);
  assertEquals(opened.store.commits.length, before + 1);
  assertEquals(change?.claim?.runId, runId);
  assertEquals(change?.appended.map(({ seq, entry }) => `${seq} ${entry.kind}`), [
    "4 message",
    "5 run.started",
  ]);
  assert(await logs.finish(change!.claim!) !== null, "the next run's fence does not hold");
});

Deno.test("RunEnds appends nothing the second time", async () => {
  using opened = await memoryStore();
  const logs = new Logs(opened.store, "one");
  const claim = await logs.start("a");
  await logs.send("b");
  await logs.finish(claim);
  const again = await logs.finish(claim);
  assertEquals(again?.appended.map(({ seq }) => seq), [4, 5]);
  assertEquals((await logs.entries()).length, 5);
});

for (const fault of ["unknown-applied", "unknown-lost", "unknown-late"] as const) {
  Deno.test(`RunEnds ends a run once and claims the next where the commit is ${fault}`, async () => {
    using time = new FakeTime();
    using opened = await memoryStore();
    const { store } = opened;
    const logs = new Logs(store, "one");
    const claim = await logs.start("a");
    const { runId } = await logs.send("b");
    store.next(fault);
    const change = await pass(time, logs.finish(claim));
    await store.applyLate();
    assertEquals(change?.claim?.runId, runId);
    assertEquals(change?.appended.map(({ seq }) => seq), [4, 5]);
    assertEquals((await logs.entries()).length, 5);
    assert(await logs.finish(change!.claim!) !== null);
  });
}

Deno.test("RunEnds does not claim a run that was started after its own unknown commit", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const { store } = opened;
  const logs = new Logs(store, "one");
  const claim = await logs.start("a");
  store.next("unknown-applied");
  const ending = logs.finish(claim);
  const applied = async () => (await logs.threads.get(THREAD)).activeRun === null;
  await pass(time, applied, { stepMs: 0 });
  const streams = await new Logs(opened.kv, "one").send("b");
  assert(streams.claim !== null);
  const change = await pass(time, ending);
  assertEquals(change?.claim, null);
  assertEquals(change?.appended[0]?.seq, 3);
});

Deno.test("RunEnds says that it does not know where the commit of an end stays unknown", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const logs = new Logs(opened.store, "one");
  const claim = await logs.start("a");
  opened.store.plan = () => "unknown-lost";
  await pass(time, assertRejects(() => logs.finish(claim), UnknownCommitError));
  opened.store.plan = () => "fails";
  const { code } = await assertRejects(() => logs.finish(claim), AppError);
  assertEquals([code, (await logs.entries()).length], ["STORE_UNAVAILABLE", 2]);
});

Deno.test("RunEnds leaves a run alone whose lease holds", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const [one, two] = [new Logs(opened.kv, "one"), new Logs(opened.kv, "two")];
  await one.start("a");
  const expiresAtMs = Date.now() + LEASE_MS;
  time.tick(LEASE_MS - 1);
  const held = await two.ends.takeOver(THREAD, { partsOf: nobody });
  assertEquals(held, { kind: "held", owner: "one", expiresAtMs });
  assertEquals(await two.ends.orphans(), []);
});

Deno.test("RunEnds takes a run over as a new attempt when its lease has run out", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const [one, two] = [new Logs(opened.kv, "one"), new Logs(opened.kv, "two")];
  const dead = await one.start("a");
  time.tick(LEASE_MS);
  assertEquals(await two.ends.orphans(), [THREAD]);
  const takeover = await two.ends.takeOver(THREAD, { partsOf: nobody });
  const claim = claimOf(takeover);
  assertEquals(takeover.kind === "taken" && takeover.outcome, null);
  assertEquals([claim.runId, claim.attempt, claim.startedSeq], [dead.runId, 2, 3]);
  assertEquals([claim.replyTo, claim.replyToSeq, claim.agent], ["a", 1, "test"]);
  assertEquals((await two.threads.get(THREAD)).activeRun, { runId: dead.runId, attempt: 2 });
  assertEquals(await two.ends.orphans(), []);
});

Deno.test("RunEnds fences every write of an attempt that was taken over", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const [one, two] = [new Logs(opened.kv, "one"), new Logs(opened.kv, "two")];
  const dead = await one.start("a");
  time.tick(LEASE_MS);
  const claim = claimOf(await two.ends.takeOver(THREAD, { partsOf: nobody }));
  assertEquals(await one.chunks.save(dead, 0, ["{}"]), false);
  assertEquals(await one.chunks.renew(dead, "one"), false);
  assertEquals(await one.chunks.release(dead), false);
  assertEquals(await one.finish(dead), null);
  assert(await two.chunks.save(claim, 0, ["{}"]));
  await two.finish(claim, "by two");
  assertEquals(await one.finish(dead), null);
  assertEquals(await one.story(), [
    "user a",
    "run 1 attempt 1 on a",
    "run 1 attempt 2 on a",
    "run 1 attempt 2 completed by two",
  ]);
});

Deno.test("RunEnds takes a run over at once that was released", async () => {
  using opened = await memoryStore();
  const [one, two] = [new Logs(opened.kv, "one"), new Logs(opened.kv, "two")];
  const claim = await one.start("a");
  assert(await one.chunks.release(claim));
  assertEquals(await two.ends.orphans(), [THREAD]);
  assertEquals(claimOf(await two.ends.takeOver(THREAD, { partsOf: nobody })).attempt, 2);
});

Deno.test("RunEnds leaves a run to its owner as long as the lease is renewed", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const [one, two] = [new Logs(opened.kv, "one"), new Logs(opened.kv, "two")];
  const claim = await one.start("a");
  for (let round = 0; round < 4; round++) {
    time.tick(LEASE_MS - 1);
    assertEquals((await two.ends.takeOver(THREAD, { partsOf: nobody })).kind, "held");
    assert(await one.chunks.renew(claim, "one"));
  }
  assert(await one.finish(claim) !== null, "a renewal must not move the fence");
});

Deno.test("RunEnds leaves a run to its owner that renews its lease at the last moment", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const { kv, store } = opened;
  const [one, two] = [new Logs(kv, "one"), new Logs(store, "two")];
  const claim = await one.start("a");
  time.tick(LEASE_MS);
  store.before = async () => {
    store.before = () => Promise.resolve();
    assert(await one.chunks.renew(claim, "one"));
  };
  assertEquals((await pass(time, two.ends.takeOver(THREAD, { partsOf: nobody }))).kind, "held");
  assert(await one.finish(claim) !== null);
});

Deno.test("RunEnds lets nobody wait longer for a lease than leases last", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const [one, two] = [new Logs(opened.kv, "one"), new Logs(opened.kv, "two")];
  const { thread, runId, attempt } = await one.start("a");
  // As of an owner whose clock is a day ahead.
  const expiresAtMs = time.now + 24 * 60 * 60 * 1_000;
  const lease = put(leaseKey(thread), { ...thread, runId, attempt, owner: "one", expiresAtMs });
  await opened.kv.commit({ checks: [], writes: [lease] });
  const held = await two.ends.takeOver(THREAD, { partsOf: nobody });
  assertEquals(held, { kind: "held", owner: "one", expiresAtMs: time.now + LEASE_MS });
});

Deno.test("RunEnds ends a run as interrupted after three attempts, with what the last one left", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const [one, two] = [new Logs(opened.kv, "one"), new Logs(opened.kv, "two")];
  const first = await one.start("a");
  const waiting = await one.send("b");
  for (const attempt of [2, 3]) {
    time.tick(LEASE_MS);
    assertEquals(claimOf(await two.ends.takeOver(THREAD, { partsOf: nobody })).attempt, attempt);
  }
  time.tick(LEASE_MS);
  const asked: unknown[] = [];
  const takeover = await one.ends.takeOver(THREAD, {
    partsOf: (run) => {
      asked.push(run.runId, run.attempt);
      return left();
    },
  });
  assertEquals(asked, [first.runId, 3]);
  assertEquals(takeover.kind === "taken" && takeover.outcome, "interrupted");
  assertEquals(claimOf(takeover).runId, waiting.runId);
  assertEquals(await one.story(), [
    "user a",
    "run 1 attempt 1 on a",
    "user b",
    "run 1 attempt 2 on a",
    "run 1 attempt 3 on a",
    "run 1 attempt 3 interrupted INTERNAL what is left",
    "run 2 attempt 1 on b",
  ]);
});

Deno.test("RunEnds ends a run as cancelled whose owner died before it could", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const [one, two] = [new Logs(opened.kv, "one"), new Logs(opened.kv, "two")];
  const { runId } = await one.start("a");
  await two.runs.cancel(THREAD, runId);
  time.tick(LEASE_MS);
  const takeover = await two.ends.takeOver(THREAD, { partsOf: left });
  assert(takeover.kind === "taken");
  assertEquals([takeover.outcome, takeover.change.claim], ["cancelled", null]);
  assertEquals((await two.story())[2], "run 1 attempt 1 cancelled what is left");
  assertEquals((await two.threads.head(THREAD))?.cancelRequested, false);
});

Deno.test("RunEnds starts an interrupting message's run when the interrupted one's owner is dead", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const [one, two] = [new Logs(opened.kv, "one"), new Logs(opened.kv, "two")];
  await one.start("a");
  const { runId } = await two.send("now", { onBusy: "interrupt" });
  time.tick(LEASE_MS);
  assertEquals(claimOf(await two.ends.takeOver(THREAD, { partsOf: left })).runId, runId);
});

Deno.test("RunEnds takes nothing over where nothing runs", async () => {
  using opened = await memoryStore();
  const logs = new Logs(opened.store, "one");
  assertEquals(await logs.ends.takeOver(THREAD, { partsOf: nobody }), { kind: "idle" });
  await logs.finish(await logs.start("a"));
  assertEquals(await logs.ends.takeOver(THREAD, { partsOf: nobody }), { kind: "idle" });
});

Deno.test("RunEnds lets exactly one of two instances take a run over", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const [one, two] = [new Logs(opened.kv, "one"), new Logs(opened.kv, "two")];
  const threads = Array.from({ length: 8 }, (_, at) => ({ subject: "alice", threadId: `t${at}` }));
  for (const ref of threads) await one.start("a", ref);
  time.tick(LEASE_MS);
  for (const ref of threads) {
    const racing = Promise.all(
      [one, two].map((logs) => logs.ends.takeOver(ref, { partsOf: nobody })),
    );
    const both = await pass(time, racing, { stepMs: 1 });
    assertEquals(both.map(({ kind }) => kind).sort(), ["held", "taken"]);
    assertEquals((await one.entries(ref)).length, 3);
  }
});

Deno.test("RunEnds lets either the owner end a run or another take it over, never both", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const [one, two] = [new Logs(opened.store, "one"), new Logs(opened.kv, "two")];
  const random = seededRandom(5);
  for (let at = 0; at < 10; at++) {
    const ref = { subject: "alice", threadId: `t${at}` };
    const claim = await one.start("a", ref);
    time.tick(LEASE_MS);
    const [ended, takeover] = await pass(
      time,
      Promise.all([
        one.finish(claim),
        new Promise((resolve) => setTimeout(resolve, Math.floor(random() * 3)))
          .then(() => two.ends.takeOver(ref, { partsOf: nobody })),
      ]),
      { stepMs: 1 },
    );
    const story = await one.story(ref);
    assertEquals(story.length, 3);
    if (ended === null) assertEquals(claimOf(takeover).attempt, 2);
    else assertEquals(takeover, { kind: "idle" });
  }
});

Deno.test("RunEnds finds the orphans of every subject, and only them", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const one = new Logs(opened.kv, "one");
  const refs = ["alice", "bob", "\ud800"].map((subject) => ({ subject, threadId: "t" }));
  for (const ref of refs) await one.start("a", ref);
  await one.finish(await one.start("a", { subject: "alice", threadId: "ended" }));
  time.tick(LEASE_MS);
  await one.start("a", { subject: "alice", threadId: "fresh" });
  const found = await one.ends.orphans();
  const byName = (a: { subject: string }, b: { subject: string }) => a.subject < b.subject ? -1 : 1;
  assertEquals(found.sort(byName), [...refs].sort(byName));
});
