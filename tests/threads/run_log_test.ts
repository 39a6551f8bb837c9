import { assert, assertEquals, assertRejects } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { AppError } from "../../lib/errors.ts";
import { leaseKey } from "../../lib/threads/keys.ts";
import type { Change } from "../../lib/threads/run_steps.ts";
import { remove, UnknownCommitError } from "../../lib/threads/store.ts";
import { Logs, pass, THREAD } from "../support/instance.ts";
import { memoryStore, seededRandom } from "../support/kv.ts";

async function codeOf(work: () => Promise<unknown>): Promise<string> {
  return (await assertRejects(work, AppError)).code;
}

Deno.test("RunLog stores a message and the start of its run in one commit", async () => {
  using opened = await memoryStore();
  const logs = new Logs(opened.store, "one");
  const sent = await logs.send("a", { text: "hello" });
  assertEquals([sent.seq, sent.duplicate, sent.cancel], [1, false, null]);
  assertEquals(opened.store.commits.length, 1);
  const { thread, claim, runId } = sent;
  assert(claim !== null);
  const { fence: _, ...rest } = claim;
  assertEquals(rest, {
    thread,
    runId,
    agent: "test",
    replyTo: "a",
    replyToSeq: 1,
    attempt: 1,
    startedSeq: 2,
    cancelRequested: false,
  });
  assertEquals(sent.appended.map(({ seq }) => seq), [1, 2]);
  assertEquals(await logs.entries(), sent.appended.map(({ entry }) => entry));
  assertEquals(await logs.story(), ["user hello", "run 1 attempt 1 on a"]);
  const { activeRun, headSeq } = await logs.threads.get(THREAD);
  assertEquals([activeRun, headSeq], [{ runId, attempt: 1 }, 2]);
});

Deno.test("RunLog titles a thread after the first line of its first message", async () => {
  using opened = await memoryStore();
  const logs = new Logs(opened.store, "one");
  const titles = {
    a: ["  \n Hello there \nsecond line", "Hello there"],
    b: ["é".repeat(60), "é".repeat(60)],
    c: ["😀".repeat(61), "😀".repeat(59) + "…"],
  };
  for (const [threadId, [text, title]] of Object.entries(titles)) {
    const ref = { subject: "alice", threadId };
    await logs.send("m1", { ref, text: text! });
    await logs.send("m2", { ref, text: "Another" });
    assertEquals((await logs.threads.get(ref)).title, title);
  }
});

Deno.test("RunLog numbers the messages of two instances that write at once without a gap", async () => {
  using opened = await memoryStore();
  const [one, two] = [new Logs(opened.kv, "one"), new Logs(opened.kv, "two")];
  const random = seededRandom(11);
  const ids = Array.from({ length: 50 }, (_, at) => `m${at}`);
  // A client tries again what was not stored; the queue is longer than ten only over time.
  const sendUntilStored = async (id: string) => {
    const logs = random() < 0.5 ? one : two;
    while (true) {
      try {
        const sent = await logs.send(id);
        let { claim } = sent;
        while (claim !== null) {
          const ended: Awaited<ReturnType<Logs["finish"]>> = await logs.finish(claim, `to ${id}`);
          assert(ended !== null);
          claim = ended.claim;
        }
        return sent;
      } catch (error) {
        const isFull = error instanceof AppError &&
          ["TOO_MANY_RUNS", "STORE_UNAVAILABLE"].includes(error.code);
        if (!isFull) throw error;
      }
    }
  };
  const sent = await Promise.all(ids.map(sendUntilStored));
  assertEquals(sent.filter(({ duplicate }) => duplicate), []);
  const entries = await one.entries();
  const users = entries.filter((entry) => entry.kind === "message" && entry.role === "user");
  assertEquals(users.map((entry) => "id" in entry && entry.id).sort(), [...ids].sort());
  for (const [at, { seq }] of sent.entries()) {
    const entry = entries[seq - 1];
    assertEquals(entry?.kind === "message" && entry.id, ids[at]);
  }
  // Each run started once and ended once.
  const runIds = sent.map(({ runId }) => runId).sort();
  const started = entries.flatMap((entry) => entry.kind === "run.started" ? [entry.runId] : []);
  const ended = entries.flatMap((entry) =>
    entry.kind === "message" && entry.role === "assistant" ? [entry.runId] : []
  );
  assertEquals([started.sort(), ended.sort()], [runIds, runIds]);
  assertEquals((await one.threads.get(THREAD)).activeRun, null);
});

Deno.test("RunLog gives a message that is sent again its first answer, and starts nothing", async () => {
  using opened = await memoryStore();
  const [one, two] = [new Logs(opened.kv, "one"), new Logs(opened.kv, "two")];
  const first = await one.send("a");
  for (const logs of [one, two]) {
    for (const onBusy of ["queue", "reject", "interrupt"] as const) {
      const again = await logs.send("a", { onBusy, mayStart: false });
      assertEquals([again.seq, again.runId, again.duplicate], [1, first.runId, true]);
      assertEquals([again.claim, again.cancel, again.appended], [null, null, []]);
    }
  }
  await one.finish(first.claim!);
  assertEquals((await two.send("a")).runId, first.runId);
  assertEquals((await one.entries()).length, 3);
});

Deno.test("RunLog stores a message once that is sent many times at once", async () => {
  using opened = await memoryStore();
  const both = [new Logs(opened.kv, "one"), new Logs(opened.kv, "two")];
  const sent = await Promise.all(Array.from({ length: 12 }, (_, at) => both[at % 2]!.send("a")));
  assertEquals(sent.filter(({ duplicate }) => !duplicate).length, 1);
  assertEquals(sent.filter(({ claim }) => claim !== null).length, 1);
  assertEquals(new Set(sent.map(({ runId }) => runId)).size, 1);
  assertEquals((await both[0]!.entries()).length, 2);
});

Deno.test("RunLog refuses another text under a known message id", async () => {
  using opened = await memoryStore();
  const logs = new Logs(opened.store, "one");
  await logs.send("a", { text: "one" });
  for (const text of ["two", "one ", "One"]) {
    assertEquals(await codeOf(() => logs.send("a", { text })), "IDEMPOTENCY_CONFLICT");
  }
  assertEquals((await logs.entries()).length, 2);
  const elsewhere = { subject: "alice", threadId: "thread-2" };
  assertEquals((await logs.send("a", { text: "two", ref: elsewhere })).duplicate, false);
});

Deno.test("RunLog lets ten runs wait in a thread, and stores nothing of the next", async () => {
  using opened = await memoryStore();
  const logs = new Logs(opened.store, "one");
  await logs.send("active");
  for (let at = 1; at <= 10; at++) {
    const { claim, appended } = await logs.send(`q${at}`);
    assertEquals([claim, appended.length], [null, 1]);
  }
  assertEquals(await codeOf(() => logs.send("q11")), "TOO_MANY_RUNS");
  assertEquals(
    await codeOf(() => logs.runs.regenerate(THREAD, { onBusy: "queue", mayStart: true })),
    "TOO_MANY_RUNS",
  );
  assertEquals((await logs.entries()).length, 12);
  assertEquals((await logs.send("q10")).duplicate, true);
});

Deno.test("RunLog runs what waits in the order in which it came", async () => {
  using opened = await memoryStore();
  const logs = new Logs(opened.store, "one");
  let claim = (await logs.send("a")).claim;
  await logs.send("b");
  await logs.send("c");
  while (claim !== null) claim = (await logs.finish(claim, `to ${claim.replyTo}`))!.claim;
  assertEquals(await logs.story(), [
    "user a",
    "run 1 attempt 1 on a",
    "user b",
    "user c",
    "run 1 attempt 1 completed to a",
    "run 2 attempt 1 on b",
    "run 2 attempt 1 completed to b",
    "run 3 attempt 1 on c",
    "run 3 attempt 1 completed to c",
  ]);
});

Deno.test("RunLog refuses a message beside an active run where it is told to, and stores nothing", async () => {
  using opened = await memoryStore();
  const logs = new Logs(opened.store, "one");
  const claim = await logs.start("a");
  assertEquals(await codeOf(() => logs.send("b", { onBusy: "reject" })), "RUN_ACTIVE");
  assertEquals((await logs.entries()).length, 2);
  await logs.finish(claim);
  assertEquals((await logs.send("b", { onBusy: "reject" })).seq, 4);
});

Deno.test("RunLog stores nothing where the instance has no room for a run", async () => {
  using opened = await memoryStore();
  const logs = new Logs(opened.store, "one");
  assertEquals(await codeOf(() => logs.send("a", { mayStart: false })), "TOO_MANY_RUNS");
  assertEquals(await logs.threads.head(THREAD), null);
  await logs.start("a");
  assertEquals((await logs.send("b", { mayStart: false })).seq, 3);
});

Deno.test("RunLog stores an interrupting message first, then ends all that is before it", async () => {
  using opened = await memoryStore();
  const logs = new Logs(opened.store, "one");
  const active = await logs.start("a");
  for (const id of ["b", "c"]) await logs.send(id);
  const sent = await logs.send("now", { onBusy: "interrupt" });
  assertEquals([sent.cancel, sent.claim, sent.seq], [active.runId, null, 5]);
  const head = await logs.threads.head(THREAD);
  assertEquals([head?.cancelRequested, head?.queue.map(({ runId }) => runId)], [true, [
    sent.runId,
  ]]);
  const ended = await logs.finish(active, "half an ans", "cancelled");
  assertEquals(ended?.claim?.runId, sent.runId);
  assertEquals((await logs.threads.head(THREAD))?.cancelRequested, false);
  assertEquals(await logs.story(), [
    "user a",
    "run 1 attempt 1 on a",
    "user b",
    "user c",
    "user now",
    "run 2 attempt 0 cancelled",
    "run 3 attempt 0 cancelled",
    "run 1 attempt 1 cancelled half an ans",
    "run 4 attempt 1 on now",
  ]);
  const waited = (await logs.entries())[5]!;
  assert(waited.kind === "message" && waited.role === "assistant");
  assertEquals([waited.parts, waited.error], [[], undefined]);
});

Deno.test("RunLog takes an interrupt where the queue is full, and leaves it alone in the queue", async () => {
  using opened = await memoryStore();
  const logs = new Logs(opened.store, "one");
  await logs.start("a");
  for (let at = 0; at < 10; at++) await logs.send(`q${at}`);
  const sent = await logs.send("now", { onBusy: "interrupt", mayStart: false });
  const second = await logs.send("later", { onBusy: "interrupt" });
  const head = await logs.threads.head(THREAD);
  assertEquals(head?.queue.map(({ runId }) => runId), [second.runId]);
  const entries = await logs.entries();
  const cancelled = entries.filter((entry) =>
    entry.kind === "message" && entry.role === "assistant" && entry.outcome === "cancelled"
  );
  assertEquals(cancelled.length, 11);
  const last = entries.at(-1)!;
  assertEquals("runId" in last && last.runId, sent.runId);
});

Deno.test("RunLog lets an interrupt start at once where no run is active", async () => {
  using opened = await memoryStore();
  const logs = new Logs(opened.store, "one");
  const sent = await logs.send("a", { onBusy: "interrupt" });
  assertEquals([sent.claim?.runId, sent.cancel], [sent.runId, null]);
});

Deno.test("RunLog starts another run for the last user message", async () => {
  using opened = await memoryStore();
  const logs = new Logs(opened.store, "one");
  await logs.finish(await logs.start("a"));
  await logs.finish((await logs.send("b", { agent: "other" })).claim!);
  const again = await logs.runs.regenerate(THREAD, { onBusy: "queue", mayStart: true });
  const { claim } = again;
  assertEquals([claim?.runId, claim?.replyTo, claim?.replyToSeq], [again.runId, "b", 4]);
  assertEquals([claim?.agent, claim?.startedSeq, claim?.attempt], ["other", 7, 1]);
  assertEquals(again.appended.map(({ entry }) => entry.kind), ["run.started"]);
});

Deno.test("RunLog regenerates beside an active run as a message would", async () => {
  using opened = await memoryStore();
  const logs = new Logs(opened.store, "one");
  const active = await logs.start("a");
  const regenerate = (onBusy: "queue" | "reject" | "interrupt") =>
    logs.runs.regenerate(THREAD, { onBusy, mayStart: true });
  assertEquals(await codeOf(() => regenerate("reject")), "RUN_ACTIVE");
  const queued = await regenerate("queue");
  assertEquals([queued.claim, queued.cancel, queued.appended], [null, null, []]);
  const interrupting = await regenerate("interrupt");
  assertEquals([interrupting.claim, interrupting.cancel], [null, active.runId]);
  assertEquals((await logs.finish(active))?.claim?.runId, interrupting.runId);
});

Deno.test("RunLog regenerates the answer to a message whose run still waits", async () => {
  using opened = await memoryStore();
  const logs = new Logs(opened.store, "one");
  const active = await logs.start("a");
  const waiting = await logs.send("b", { agent: "other" });
  const again = await logs.runs.regenerate(THREAD, { onBusy: "queue", mayStart: true });
  const first = (await logs.finish(active))!.claim!;
  assertEquals([first.runId, first.replyTo, first.agent], [waiting.runId, "b", "other"]);
  const second = (await logs.finish(first))!.claim!;
  assertEquals([second.runId, second.replyTo, second.agent], [again.runId, "b", "other"]);
  assertEquals([second.replyToSeq, second.attempt], [waiting.seq, 1]);
});

Deno.test("RunLog regenerates nothing where there is no thread, no message or no room", async () => {
  using opened = await memoryStore();
  const logs = new Logs(opened.store, "one");
  const regenerate = (mayStart = true) =>
    logs.runs.regenerate(THREAD, { onBusy: "queue", mayStart });
  assertEquals(await codeOf(() => regenerate()), "NOT_FOUND");
  await logs.threads.create(THREAD, { title: null });
  assertEquals(await codeOf(() => regenerate()), "INVALID_REQUEST");
  await logs.finish(await logs.start("a"));
  assertEquals(await codeOf(() => regenerate(false)), "TOO_MANY_RUNS");
  assertEquals((await logs.entries()).length, 3);
});

Deno.test("RunLog ends a run that waits when it is cancelled, and keeps the others' order", async () => {
  using opened = await memoryStore();
  const logs = new Logs(opened.store, "one");
  const active = await logs.start("a");
  const [b, c] = [await logs.send("b"), await logs.send("c")];
  const cancelled = await logs.runs.cancel(THREAD, b.runId);
  assertEquals([cancelled.cancel, cancelled.claim], [null, null]);
  assertEquals(cancelled.appended.length, 1);
  assertEquals((await logs.runs.cancel(THREAD, b.runId)).appended, []);
  assertEquals((await logs.finish(active))?.claim?.runId, c.runId);
  assertEquals((await logs.story()).slice(4), [
    "run 2 attempt 0 cancelled",
    "run 1 attempt 1 completed done",
    "run 3 attempt 1 on c",
  ]);
});

Deno.test("RunLog asks the active run to end, as often as it is told, and appends nothing", async () => {
  using opened = await memoryStore();
  const logs = new Logs(opened.store, "one");
  const { runId } = await logs.start("a");
  for (let time = 0; time < 2; time++) {
    const { cancel, appended } = await logs.runs.cancel(THREAD, runId);
    assertEquals([cancel, appended], [runId, []]);
  }
  assertEquals((await logs.threads.head(THREAD))?.cancelRequested, true);
});

Deno.test("RunLog leaves a run that has ended as it is, and does not know one that never was", async () => {
  using opened = await memoryStore();
  const logs = new Logs(opened.store, "one");
  assertEquals(await codeOf(() => logs.runs.cancel(THREAD, "r")), "NOT_FOUND");
  const claim = await logs.start("a");
  await logs.finish(claim);
  assertEquals((await logs.runs.cancel(THREAD, claim.runId)).cancel, null);
  assertEquals(await codeOf(() => logs.runs.cancel(THREAD, "r")), "NOT_FOUND");
  assertEquals((await logs.entries()).length, 3);
});

for (const fault of ["unknown-applied", "unknown-lost", "unknown-late"] as const) {
  Deno.test(`RunLog stores a message once and claims its run where the commit is ${fault}`, async () => {
    using time = new FakeTime();
    using opened = await memoryStore();
    const { store } = opened;
    const logs = new Logs(store, "one");
    store.next(fault);
    const sent = await pass(time, logs.send("a"));
    await store.applyLate();
    assertEquals([sent.duplicate, sent.claim?.runId, sent.claim?.attempt], [false, sent.runId, 1]);
    assertEquals(sent.appended.map(({ seq }) => seq), [1, 2]);
    assertEquals(await logs.story(), ["user a", "run 1 attempt 1 on a"]);
    assert(await logs.chunks.save(sent.claim!, 0, ["{}"]), "the claim's fence does not hold");
    assert(await logs.finish(sent.claim!) !== null);
  });

  Deno.test(`RunLog regenerates once and claims the run where the commit is ${fault}`, async () => {
    using time = new FakeTime();
    using opened = await memoryStore();
    const { store } = opened;
    const logs = new Logs(store, "one");
    await logs.finish(await logs.start("a"));
    store.next(fault);
    const again = await pass(
      time,
      logs.runs.regenerate(THREAD, { onBusy: "queue", mayStart: true }),
    );
    await store.applyLate();
    assertEquals(again.claim?.runId, again.runId);
    assertEquals(again.appended.map(({ seq }) => seq), [4]);
    assertEquals((await logs.entries()).length, 4);
    assert(await logs.finish(again.claim!) !== null);
  });

  Deno.test(`RunLog does not claim the active run for a message that waits where the commit is ${fault}`, async () => {
    using time = new FakeTime();
    using opened = await memoryStore();
    const { store } = opened;
    const logs = new Logs(store, "one");
    await logs.start("a");
    store.next(fault);
    const sent = await pass(time, logs.send("b"));
    assertEquals([sent.claim, sent.duplicate, sent.seq], [null, false, 3]);
    assertEquals(sent.appended.map(({ seq }) => seq), [3]);
    store.next(fault);
    const again = await pass(
      time,
      logs.runs.regenerate(THREAD, { onBusy: "queue", mayStart: true }),
    );
    assertEquals(again.claim, null);
  });

  Deno.test(`RunLog tells the active run to end for an interrupt whose commit is ${fault}`, async () => {
    using time = new FakeTime();
    using opened = await memoryStore();
    const { store } = opened;
    const logs = new Logs(store, "one");
    const { runId } = await logs.start("a");
    await logs.send("b");
    store.next(fault);
    const sent = await pass(time, logs.send("now", { onBusy: "interrupt" }));
    assertEquals([sent.claim, sent.cancel], [null, runId]);
    assertEquals(sent.appended.map(({ seq }) => seq), [4, 5]);
    store.next(fault);
    const again = await pass(
      time,
      logs.runs.regenerate(THREAD, { onBusy: "interrupt", mayStart: true }),
    );
    assertEquals([again.claim, again.cancel], [null, runId]);
  });
}

for (const what of ["message", "regeneration"] as const) {
  Deno.test(`RunLog does not claim the run of a ${what} that waited, and that another commit started`, async () => {
    using time = new FakeTime();
    using opened = await memoryStore();
    const { kv, store } = opened;
    const [logs, same] = [new Logs(store, "one"), new Logs(kv, "one")];
    const active = await logs.start("a");
    store.next("unknown-applied");
    const waiting: Promise<Change & { runId: string }> = what === "message"
      ? logs.send("b")
      : logs.runs.regenerate(THREAD, { onBusy: "queue", mayStart: true });
    const queued = async () => (await same.threads.head(THREAD))?.queue.length === 1;
    await pass(time, queued, { stepMs: 0 });
    const next = (await same.finish(active))?.claim;
    const { claim, runId } = await pass(time, waiting);
    assertEquals([next?.runId, claim], [runId, null]);
  });
}

Deno.test("RunLog does not claim its run where a later attempt streams already", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const { kv, store } = opened;
  const same = new Logs(kv, "one");
  store.next("unknown-applied");
  const sending = new Logs(store, "one").send("a");
  await pass(time, async () => await same.threads.head(THREAD) !== null, { stepMs: 0 });
  const thread = await same.incarnation();
  await kv.commit({ checks: [], writes: [remove(leaseKey(thread))] });
  const takeover = await same.ends.takeOver(THREAD, {
    partsOf: () => Promise.reject(new Error("not asked")),
  });
  assertEquals(takeover.kind, "taken");
  const sent = await pass(time, sending);
  assertEquals([sent.claim, sent.duplicate, sent.seq], [null, false, 1]);
});

Deno.test("RunLog says that it does not know where a message's commit stays unknown", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const { store } = opened;
  const logs = new Logs(store, "one");
  store.plan = () => "unknown-lost";
  await pass(time, assertRejects(() => logs.send("a"), UnknownCommitError));
});

Deno.test("RunLog stores nothing of a message that the store certainly refused", async () => {
  using opened = await memoryStore();
  const logs = new Logs(opened.store, "one");
  opened.store.next("fails");
  assertEquals(await codeOf(() => logs.send("a")), "STORE_UNAVAILABLE");
  assertEquals(await logs.threads.head(THREAD), null);
  assertEquals((await logs.send("a")).duplicate, false);
});
