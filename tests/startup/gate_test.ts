import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { macrotask } from "../../lib/startup/waiting_room.ts";
import { newGate, outcome, services, verifier } from "./gate_support.ts";
import { countListeners, elapse, stays, watch } from "./support.ts";

Deno.test("Gate admits at once and takes no place when all is ready", async () => {
  using time = new FakeTime();
  const { keys, barrier, room, samples, come } = newGate({ total: 1 });
  keys.open(verifier);
  barrier.open(services);
  const ann = come("ann");
  assertEquals(room.size, 0);
  await time.runMicrotasks();
  const passage = ann.seen.value;
  assert(passage?.kind === "admitted" && passage.verdict.kind === "ready");
  assertStrictEquals(passage.verdict.ready.services, services);
  assertEquals([passage.principal, passage.waitedMs], [{ subject: "ann" }, 0]);
  assertEquals(samples, [
    { name: "gate_wait_seconds", labels: { verdict: "ready" }, value: 0 },
  ]);
  assertEquals(time.next(), false, "no timer was set");
});

Deno.test("Gate takes a caller that was verified before", async () => {
  using time = new FakeTime();
  const { gate, barrier, room } = newGate();
  const principal = { subject: "ann" };
  const request = { deadlineMs: 1_000, signal: stays(), principal };
  const seen = watch(gate.pass(request));
  await time.runMicrotasks();
  assertEquals(room.size, 1);
  barrier.open(services);
  await time.runMicrotasks();
  assert(seen.value?.kind === "admitted");
  assertStrictEquals(seen.value.principal, principal);
});

Deno.test("Gate makes a verified caller wait for the verdict, and counts the wait from its arrival", async () => {
  using time = new FakeTime();
  const { keys, barrier, room, samples, come } = newGate();
  keys.open(verifier);
  const ann = come("ann");
  await elapse(time, 11_000);
  assertEquals([outcome(ann), room.size], [undefined, 1]);
  barrier.open(services);
  await time.runMicrotasks();
  assert(ann.seen.value?.kind === "admitted");
  assertEquals([outcome(ann), ann.seen.value.waitedMs, room.size], ["ready", 11_000, 0]);
  assertEquals(samples.map(({ name, value }) => [name, value]), [
    ["gate_waiting", 1],
    ["gate_waiting", 0],
    ["gate_wait_seconds", 11],
  ]);
});

Deno.test("Gate counts the wait and the deadline of a caller that came earlier from then on", async () => {
  using time = new FakeTime();
  const { gate, barrier } = newGate();
  await elapse(time, 5_000);
  const come = (deadlineMs: number) => {
    const principal = { subject: "ann" };
    return watch(
      gate.pass({ arrivedMs: Date.now() - 2_000, deadlineMs, signal: stays(), principal }),
    );
  };
  const [late, ready] = [come(2_500), come(10_000)];
  await elapse(time, 1_000);
  assert(late.value?.kind === "admitted");
  assertEquals(late.value.verdict.kind, "timed-out");
  barrier.open(services);
  await time.runMicrotasks();
  assert(ready.value?.kind === "admitted");
  assertEquals([ready.value.verdict.kind, ready.value.waitedMs], ["ready", 3_000]);
});

Deno.test("Gate admits 200 waiters in order of arrival, named and unnamed, in batches", async () => {
  const turns: (() => void)[] = [];
  const yieldToLoop = (): Promise<void> => new Promise((resolve) => turns.push(resolve));
  const { keys, barrier, room, come } = newGate({ yieldToLoop });
  const order: string[] = [];
  const arrive = (from: number) =>
    Array.from({ length: 100 }, (_, index) => {
      const name = `caller-${from + index}`;
      const visitor = come(name);
      return { name, visitor };
    });
  const loopTurns = async (): Promise<void> => {
    while (turns.length > 0) {
      turns.shift()?.();
      await macrotask();
    }
  };
  const early = arrive(0);
  keys.open(verifier);
  await macrotask();
  await loopTurns();
  const all = [...early, ...arrive(100)];
  await macrotask();
  assertEquals(room.size, 200);
  barrier.open(services);
  await macrotask();
  const sizes: number[] = [];
  while (turns.length > 0) {
    turns.shift()?.();
    await macrotask();
    for (const { name, visitor } of all) {
      if (outcome(visitor) === "ready" && !order.includes(name)) order.push(name);
    }
    sizes.push(order.length);
  }
  assertEquals(sizes, [4, 12, 28, 60, 92, 124, 156, 188, 200]);
  assertEquals(order, all.map(({ name }) => name));
  assertEquals(room.size, 0);
});

Deno.test("Gate frees the place of a caller that leaves within a second, and gives it to another", async () => {
  using time = new FakeTime();
  const { keys, barrier, room, come } = newGate({ total: 1 });
  keys.open(verifier);
  const ann = come("ann");
  await time.runMicrotasks();
  const refused = come("bob");
  await time.runMicrotasks();
  assertEquals(outcome(refused), "ADMISSION_FULL");
  ann.leave();
  await elapse(time, 1_000);
  assertEquals(room.size, 0);
  const bob = come("bob");
  await time.runMicrotasks();
  assertEquals([outcome(ann), room.size], ["gone", 1]);
  barrier.open(services);
  await time.runMicrotasks();
  assertEquals([outcome(ann), outcome(bob)], ["gone", "ready"]);
});

Deno.test("Gate calls a caller gone who leaves during verification, or while its turn comes", async () => {
  using time = new FakeTime();
  const turns: (() => void)[] = [];
  const yieldToLoop = (): Promise<void> => new Promise((resolve) => turns.push(resolve));
  const { keys, barrier, room, come } = newGate({ yieldToLoop });
  keys.open(verifier);
  const verified = Promise.withResolvers<{ subject: string }>();
  const during = come("bob", { verify: () => verified.promise });
  during.leave();
  verified.resolve({ subject: "bob" });
  const last = come("cid");
  await time.runMicrotasks();
  barrier.open(services);
  await time.runMicrotasks();
  last.leave();
  turns.shift()?.();
  await time.runMicrotasks();
  assertEquals([during, last].map(outcome), ["gone", "gone"]);
  assertEquals(room.size, 0);
});

Deno.test("Gate verifies nobody who has left before", async () => {
  const { gate, keys } = newGate();
  keys.open(verifier);
  let verified = 0;
  const authenticate = (): Promise<{ subject: string }> => {
    verified++;
    return Promise.resolve({ subject: "ann" });
  };
  const request = { deadlineMs: 1_000, signal: AbortSignal.abort(), authenticate };
  assertEquals(await gate.pass(request), { kind: "gone" });
  assertEquals(verified, 0);
});

Deno.test("Gate tells whoever waits for its turn when the drain begins that it drains", async () => {
  using time = new FakeTime();
  const turns: (() => void)[] = [];
  const yieldToLoop = (): Promise<void> => new Promise((resolve) => turns.push(resolve));
  const { keys, barrier, come } = newGate({ yieldToLoop });
  keys.open(verifier);
  const ann = come("ann");
  await time.runMicrotasks();
  barrier.open(services);
  await time.runMicrotasks();
  barrier.drain();
  turns.shift()?.();
  await time.runMicrotasks();
  assertEquals(outcome(ann), "draining");
});

Deno.test("Gate leaves no timer behind, however it went, and puts no listener on a caller's signal", async () => {
  using time = new FakeTime();
  const ends: ((parts: ReturnType<typeof newGate>) => unknown)[] = [
    ({ barrier }) => barrier.open(services),
    ({ barrier }) => barrier.fail({ retryAfterMs: 1 }),
    ({ barrier }) => barrier.drain(),
    () => time.tick(30_000),
  ];
  for (const end of ends) {
    const parts = newGate();
    parts.keys.open(verifier);
    const caller = new AbortController();
    const listeners = countListeners(caller.signal);
    const request = { deadlineMs: 30_000, signal: caller.signal, principal: { subject: "ann" } };
    const seen = watch(parts.gate.pass(request));
    await time.runMicrotasks();
    assertEquals(listeners(), 0);
    end(parts);
    await time.runMicrotasks();
    assertEquals([seen.value?.kind, listeners()], ["admitted", 0]);
    assertEquals(time.next(), false);
  }
});

Deno.test("Gate admits the verified with the verdict that refuses them", async () => {
  using time = new FakeTime();
  const { keys, barrier, room, come } = newGate();
  keys.open(verifier);
  const failed = come("ann");
  await time.runMicrotasks();
  barrier.fail({ retryAfterMs: 4_000 });
  const late = come("ann", { deadlineMs: 1_000 });
  await elapse(time, 1_000);
  barrier.restart();
  const drained = come("ann");
  await time.runMicrotasks();
  barrier.drain();
  await time.runMicrotasks();
  const verdicts = [failed, late, drained].map(({ seen }) =>
    seen.value?.kind === "admitted" ? seen.value.verdict : seen.value
  );
  assertEquals(verdicts, [
    { kind: "failed", retryAfterMs: 4_000 },
    { kind: "timed-out", retryAfterMs: 1_000 },
    { kind: "draining" },
  ]);
  assertEquals(room.size, 0);
});

Deno.test("Gate lets whoever comes after a failure wait for the next attempt", async () => {
  using time = new FakeTime();
  const { keys, barrier, come } = newGate();
  keys.open(verifier);
  barrier.fail({ retryAfterMs: 1_000 });
  const ann = come("ann");
  await elapse(time, 1_000);
  barrier.restart();
  await elapse(time, 1_000);
  assertEquals(outcome(ann), undefined);
  barrier.open(services);
  await time.runMicrotasks();
  assertEquals(outcome(ann), "ready");
});

Deno.test("Gate refuses a token at once where the keys are there, and gives it no place", async () => {
  using time = new FakeTime();
  const { keys, room, samples, come } = newGate();
  keys.open(verifier);
  const bad = come("bad");
  await time.runMicrotasks();
  assertEquals([outcome(bad), room.size], ["UNAUTHENTICATED", 0]);
  assertEquals(samples.map(({ name, labels }) => [name, labels]), [
    ["gate_wait_seconds", { verdict: "refused" }],
  ]);
});

Deno.test("Gate shows nobody what a broken verifier threw", async () => {
  using time = new FakeTime();
  const { keys, come } = newGate();
  keys.open(() => Promise.reject(new Error("bug at 10.0.0.1")));
  const ann = come("ann");
  await time.runMicrotasks();
  assert(ann.seen.value?.kind === "refused");
  const { error } = ann.seen.value;
  assertEquals([error.code, error.detail], ["INTERNAL", "Internal error"]);
});

Deno.test("Gate refuses over the subject's limit with 429 and over the total with 503, and when to return", async () => {
  using time = new FakeTime();
  const { keys, come } = newGate({ total: 3, perSubject: 2 });
  keys.open(verifier);
  const tokens = ["ann", "ann", "ann", "bob", "cid"];
  const visitors = tokens.map((token) => come(token));
  await time.runMicrotasks();
  assertEquals(visitors.map(outcome), [
    undefined,
    undefined,
    "TOO_MANY_CONNECTIONS",
    undefined,
    "ADMISSION_FULL",
  ]);
  const statuses = visitors.flatMap(({ seen }) =>
    seen.value?.kind === "refused"
      ? [[seen.value.error.shape.status, seen.value.error.retryAfterMs]]
      : []
  );
  assertEquals(statuses, [[429, 1_000], [503, 1_000]]);
});

Deno.test("Gate refuses newcomers with DRAINING once the drain has begun", async () => {
  using time = new FakeTime();
  const { keys, barrier, room, come } = newGate();
  keys.open(verifier);
  barrier.open(services);
  barrier.drain();
  const ann = come("ann");
  await time.runMicrotasks();
  assertEquals([outcome(ann), room.size], ["DRAINING", 0]);
});
