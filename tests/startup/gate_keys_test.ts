import { assert, assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { newGate, outcome, type Person, services, verifier } from "./gate_support.ts";
import { elapse } from "./support.ts";

Deno.test("Gate lets the unverified wait for the keys, then verifies them, then for the verdict", async () => {
  using time = new FakeTime();
  const { keys, barrier, room, come } = newGate();
  const ann = come("ann");
  await elapse(time, 1_000);
  keys.open(verifier);
  await elapse(time, 1_000);
  assertEquals([outcome(ann), room.size], [undefined, 1]);
  barrier.open(services);
  await time.runMicrotasks();
  assert(ann.seen.value?.kind === "admitted");
  assertEquals(ann.seen.value.principal, { subject: "ann" });
  assertEquals([outcome(ann), ann.seen.value.waitedMs, room.size], ["ready", 2_000, 0]);
});

Deno.test("Gate counts the unverified in the total only, and names them when the keys come", async () => {
  using time = new FakeTime();
  const { keys, room, come } = newGate({ total: 4, perSubject: 2 });
  const visitors = ["ann", "ann", "ann", "ann", "bob"].map((token) => come(token));
  await time.runMicrotasks();
  assertEquals(visitors.map(outcome), [
    undefined,
    undefined,
    undefined,
    undefined,
    "ADMISSION_FULL",
  ]);
  keys.open(verifier);
  await time.runMicrotasks();
  assertEquals(visitors.slice(0, 4).map(outcome), [
    undefined,
    undefined,
    "TOO_MANY_CONNECTIONS",
    "TOO_MANY_CONNECTIONS",
  ]);
  assertEquals(room.size, 2);
});

Deno.test("Gate refuses a bad token as soon as the keys are there, not at the verdict", async () => {
  using time = new FakeTime();
  const { keys, room, come } = newGate();
  const bad = come("bad");
  await elapse(time, 1_000);
  assertEquals(outcome(bad), undefined);
  keys.open(verifier);
  await time.runMicrotasks();
  assertEquals([outcome(bad), room.size], ["UNAUTHENTICATED", 0]);
});

Deno.test("Gate never admits the unverified: without keys they are refused over HTTP", async () => {
  using time = new FakeTime();
  const timedOut = newGate();
  const late = timedOut.come("ann", { deadlineMs: 2_000 });
  await elapse(time, 1_750);
  assertEquals(outcome(late), undefined);
  await elapse(time, 250);
  assertEquals([outcome(late), timedOut.room.size], ["STARTUP_INCOMPLETE", 0]);

  const failed = newGate();
  const refused = failed.come("ann");
  await time.runMicrotasks();
  failed.barrier.fail({ retryAfterMs: 4_000 });
  failed.keys.fail({ retryAfterMs: 4_000 });
  await time.runMicrotasks();
  assert(refused.seen.value?.kind === "refused");
  assertEquals([outcome(refused), failed.room.size], ["SERVICE_UNAVAILABLE", 0]);
  assertEquals(refused.seen.value.error.retryAfterMs, 4_000);

  const drained = newGate();
  const waiting = drained.come("ann");
  await time.runMicrotasks();
  drained.barrier.drain();
  drained.keys.drain();
  await time.runMicrotasks();
  assertEquals([outcome(waiting), drained.room.size], ["DRAINING", 0]);
});

Deno.test("Gate holds the unverified to one deadline for keys and verdict together", async () => {
  using time = new FakeTime();
  const { keys, come } = newGate();
  const ann = come("ann", { deadlineMs: 3_000 });
  await elapse(time, 2_000);
  keys.open(verifier);
  await elapse(time, 750);
  assertEquals(outcome(ann), undefined);
  await elapse(time, 250);
  assertEquals([outcome(ann), ann.seen.atMs], ["timed-out", time.start + 3_000]);
});

Deno.test("Gate verifies those who waited for the keys a batch at a time", async () => {
  using time = new FakeTime();
  const turns: (() => void)[] = [];
  const yieldToLoop = (): Promise<void> => new Promise((resolve) => turns.push(resolve));
  const { keys, come } = newGate({ yieldToLoop });
  const verified: string[] = [];
  for (let index = 0; index < 100; index++) come(`caller-${index}`);
  keys.open((token) => {
    verified.push(token);
    return verifier(token);
  });
  const counts: number[] = [];
  for (let turn = 0; turn < 7; turn++) {
    await time.runMicrotasks();
    counts.push(verified.length);
    turns.shift()?.();
  }
  assertEquals(counts, [0, 4, 12, 28, 60, 92, 100]);
});

/** A caller whose verification is under way. */
async function verifying(time: FakeTime, deadlineMs = 30_000) {
  const parts = newGate();
  const verified = Promise.withResolvers<Person>();
  const ann = parts.come("ann", { deadlineMs, verify: () => verified.promise });
  await elapse(time, 250);
  parts.keys.open(verifier);
  await time.runMicrotasks();
  return { ...parts, ann, finish: () => verified.resolve({ subject: "ann" }) };
}

Deno.test("Gate refuses whoever is being verified when the drain begins", async () => {
  using time = new FakeTime();
  const { ann, barrier, room } = await verifying(time);
  barrier.drain();
  await time.runMicrotasks();
  assertEquals([outcome(ann), room.size], ["DRAINING", 0]);
});

Deno.test("Gate refuses whoever is still being verified at its deadline", async () => {
  using time = new FakeTime();
  const starting = await verifying(time, 1_000);
  await elapse(time, 750);
  assertEquals([outcome(starting.ann), starting.room.size], ["STARTUP_INCOMPLETE", 0]);
  const ready = await verifying(time, 1_000);
  ready.barrier.open(services);
  await elapse(time, 750);
  assertEquals([outcome(ready.ann), ready.room.size], ["AUTH_UNAVAILABLE", 0]);
});

Deno.test("Gate frees the place of whoever leaves while being verified", async () => {
  using time = new FakeTime();
  const { ann, room } = await verifying(time);
  ann.leave();
  await elapse(time, 250);
  assertEquals([outcome(ann), room.size], ["gone", 0]);
});

Deno.test("Gate tells whoever was being verified when the attempt failed that it failed", async () => {
  using time = new FakeTime();
  const { ann, barrier, finish } = await verifying(time);
  barrier.fail({ retryAfterMs: 1_000 });
  await time.runMicrotasks();
  assertEquals(outcome(ann), undefined);
  finish();
  await time.runMicrotasks();
  assertEquals(outcome(ann), "failed");
});

Deno.test("Gate frees the place of whoever leaves while waiting for the keys", async () => {
  using time = new FakeTime();
  const { room, come } = newGate();
  const ann = come("ann");
  await time.runMicrotasks();
  assertEquals(room.size, 1);
  ann.leave();
  await elapse(time, 250);
  assertEquals([outcome(ann), room.size], ["gone", 0]);
});

Deno.test("Gate needs no named place for a caller that is verified when the start-up is ready", async () => {
  using time = new FakeTime();
  const { keys, barrier, come } = newGate({ perSubject: 1 });
  const visitors = [come("ann"), come("ann")];
  await time.runMicrotasks();
  keys.open(verifier);
  barrier.open(services);
  await time.runMicrotasks();
  assertEquals(visitors.map(outcome), ["ready", "ready"]);
});

Deno.test("Gate leaves no timer behind when it refuses the unverified early", async () => {
  using time = new FakeTime();
  const { keys, come } = newGate();
  const bad = come("bad");
  await time.runMicrotasks();
  keys.open(verifier);
  await time.runMicrotasks();
  assertEquals(outcome(bad), "UNAUTHENTICATED");
  assertEquals(time.next(), false);
});
