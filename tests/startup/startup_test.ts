import { assert, assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { PhaseFailure } from "../../lib/startup/attempt.ts";
import { StartupBarrier } from "../../lib/startup/barrier.ts";
import type { StartupEvent } from "../../lib/startup/events.ts";
import { phase, type Plan, plan } from "../../lib/startup/phases.ts";
import { Startup } from "../../lib/startup/startup.ts";
import { elapse, fakeNow, microtasks, noJitter, Scripted, stays, watch } from "./support.ts";

/** A start-up and its barrier, with one minute an attempt. */
function newStartup<S>(planned: Plan<S>) {
  const barrier = new StartupBarrier<S>({ random: noJitter });
  const startup = new Startup<S>({
    plan: planned,
    barrier,
    timeoutMs: 60_000,
    random: noJitter,
    now: fakeNow,
  });
  const events: StartupEvent[] = [];
  startup.onEvent((event) => events.push(event));
  const verdict = (deadlineMs = 30_000) => barrier.verdict({ deadlineMs, signal: stays() });
  return { barrier, startup, events, verdict };
}

/** A store that is refused until it is told to come back. */
function refusedStore() {
  const state = { up: false, tries: 0 };
  const store = phase({
    name: "store",
    critical: true,
    run: () => {
      state.tries++;
      return state.up ? Promise.resolve("kv") : Promise.reject(new Error("refused"));
    },
  });
  return { state, store };
}

Deno.test("Startup opens its barrier with the services of its plan", async () => {
  using time = new FakeTime();
  const store = phase({ name: "store", critical: true, run: () => Promise.resolve("kv") });
  const { startup, verdict } = newStartup(plan({ store }, ({ store }) => ({ name: store })));
  const waiting = watch(verdict());
  startup.start();
  await time.runMicrotasks();
  assert(waiting.value?.kind === "ready");
  assertEquals(waiting.value.ready.services, { name: "kv" });
});

Deno.test("Startup refuses its waiters within 6 s when the store is refused, long before their deadline", async () => {
  using time = new FakeTime();
  const { store } = refusedStore();
  const { startup, verdict } = newStartup(plan({ store }, () => ({})));
  startup.start();
  const waiting = watch(verdict(30_000));
  await elapse(time, 6_000);
  assertEquals(waiting.value, { kind: "failed", retryAfterMs: 1_000 });
  assertEquals(waiting.atMs, time.start + 3_500);
  startup.drain();
});

Deno.test("Startup lets waiters reach their own deadline while the store hangs", async () => {
  using time = new FakeTime();
  const store = phase({ name: "store", critical: true, run: new Scripted<string>().run });
  const { startup, verdict } = newStartup(plan({ store }, () => ({})));
  startup.start();
  const waiting = watch(verdict(30_000));
  await elapse(time, 31_000);
  assertEquals(waiting.value?.kind, "timed-out");
  assertEquals(waiting.atMs, time.start + 30_000);
  startup.drain();
});

Deno.test("Startup refuses waiters at the attempt's end when their deadline is later", async () => {
  using time = new FakeTime();
  const store = phase({ name: "store", critical: true, run: new Scripted<string>().run });
  const { startup, verdict } = newStartup(plan({ store }, () => ({})));
  startup.start();
  const waiting = watch(verdict(90_000));
  await elapse(time, 60_000);
  assertEquals(waiting.value, { kind: "failed", retryAfterMs: 1_000 });
  assertEquals(waiting.atMs, time.start + 60_000);
  startup.drain();
});

Deno.test("Startup heals itself: it tries again after a backoff that doubles, and opens", async () => {
  using time = new FakeTime();
  const { state, store } = refusedStore();
  const { startup, barrier, events, verdict } = newStartup(plan({ store }, () => ({})));
  startup.start();
  // Attempts of 3.5 s, with waits of 1 s, 2 s and 4 s between them.
  await elapse(time, 3_500 + 1_000 + 3_500 + 2_000 + 3_500);
  assertEquals([barrier.state, state.tries], ["failed", 12]);
  const newcomer = watch(verdict(10_000));
  state.up = true;
  await elapse(time, 3_750);
  assertEquals([barrier.state, newcomer.value], ["failed", undefined]);
  await elapse(time, 250);
  assertEquals([barrier.state, newcomer.value?.kind], ["ready", "ready"]);
  const states = events.filter((event) => event.kind === "state");
  assertEquals(states.map(({ state, attempt }) => [state, attempt]), [
    ["starting", 1],
    ["failed", 1],
    ["starting", 2],
    ["failed", 2],
    ["starting", 3],
    ["failed", 3],
    ["starting", 4],
    ["ready", 4],
  ]);
  const failures = states.flatMap(({ failure }) => failure ?? []);
  assertEquals(failures.map(({ retryAfterMs }) => retryAfterMs), [1_000, 2_000, 4_000]);
  for (const { cause } of failures) assertInstanceOf(cause, PhaseFailure);
  await elapse(time, 60_000, 5_000);
  assertEquals(state.tries, 13);
});

Deno.test("Startup tells its waiters the backoff that it is about to wait, jitter included", async () => {
  using time = new FakeTime();
  const { store } = refusedStore();
  const barrier = new StartupBarrier<object>();
  const random = () => 0.5;
  const startup = new Startup<object>({
    plan: plan({ store }, () => ({})),
    barrier,
    timeoutMs: 60_000,
    random,
    now: fakeNow,
  });
  startup.start();
  const waiting = watch(barrier.verdict({ deadlineMs: 30_000, signal: stays() }));
  await elapse(time, 3_500);
  assertEquals(waiting.value, { kind: "failed", retryAfterMs: 875 });
  await time.tickAsync(874);
  await time.runMicrotasks();
  assertEquals(barrier.state, "failed");
  await time.tickAsync(1);
  await time.runMicrotasks();
  assertEquals(barrier.state, "starting");
  startup.drain();
});

Deno.test("Startup fails an attempt whose services cannot be put together", async () => {
  using time = new FakeTime();
  const cause = new Error("wrong");
  const { startup, barrier, events } = newStartup(plan({}, () => {
    throw cause;
  }));
  startup.start();
  await time.runMicrotasks();
  assertEquals(barrier.state, "failed");
  const failed = events.find((event) => event.kind === "state" && event.state === "failed");
  assert(failed?.kind === "state");
  assertEquals(failed.failure, { retryAfterMs: 1_000, cause });
  startup.drain();
});

Deno.test("Startup drains in each state: waiters are told, and nothing runs on", async () => {
  using time = new FakeTime();
  const hanging = new Scripted<string>();
  const { store: refused } = refusedStore();
  const stores = {
    starting: phase({ name: "store", critical: true, run: hanging.run }),
    failed: refused,
    ready: phase({ name: "store", critical: true, run: () => Promise.resolve("kv") }),
  };
  for (const [state, store] of Object.entries(stores)) {
    const { startup, barrier, verdict } = newStartup(plan({ store }, () => ({})));
    startup.start();
    await elapse(time, 4_000);
    assertEquals(barrier.state, state);
    const waiting = watch(verdict());
    await time.runMicrotasks();
    startup.drain();
    await time.runMicrotasks();
    assertEquals(waiting.value?.kind, state === "ready" ? "ready" : "draining");
    assertEquals(barrier.state, "draining");
    assertEquals(time.next(), false, "no timer is left");
  }
  assertEquals(hanging.runs.map(({ signal }) => signal.aborted), [true]);
});

Deno.test("Startup does not run on when it drains in the moment of its success", async () => {
  using time = new FakeTime();
  const script = new Scripted<string>();
  const disposed: string[] = [];
  const store = phase({
    name: "store",
    critical: true,
    run: script.run,
    dispose: (value) => void disposed.push(value),
  });
  const { startup, barrier } = newStartup(plan({ store }, () => ({})));
  startup.start();
  await time.runMicrotasks();
  script.runs[0]?.resolve("kv");
  await startup.stop();
  await time.runMicrotasks();
  assertEquals([barrier.state, disposed], ["draining", ["kv"]]);
});

Deno.test("Startup stopped before its start never runs", async () => {
  using time = new FakeTime();
  const { state, store } = refusedStore();
  const { startup, barrier } = newStartup(plan({ store }, () => ({})));
  await startup.stop();
  startup.start();
  await time.runMicrotasks();
  assertEquals([barrier.state, state.tries], ["draining", 0]);
});

Deno.test("Startup gives results back in reverse order, once, one after another", async () => {
  using time = new FakeTime();
  const disposed: string[] = [];
  const dispose = async (value: string): Promise<void> => {
    disposed.push(`${value} begins`);
    await Promise.resolve();
    disposed.push(`${value} ends`);
  };
  const run = (value: string) => () => Promise.resolve(value);
  const store = phase({ name: "store", critical: true, run: run("store"), dispose });
  const threads = phase({
    name: "threads",
    critical: true,
    after: { store },
    run: run("threads"),
    dispose,
  });
  const model = phase({
    name: "model",
    critical: false,
    run: () => Promise.reject(new Error("refused")),
    dispose,
  });
  const { startup } = newStartup(plan({ store, threads, model }, () => ({})));
  startup.start();
  await time.runMicrotasks();
  startup.drain();
  assertEquals(disposed, [], "those who drain still need the results");
  await Promise.all([startup.stop(), startup.stop()]);
  assertEquals(disposed, ["threads begins", "threads ends", "store begins", "store ends"]);
});

Deno.test("Startup goes on giving results back when one cannot be", async () => {
  using time = new FakeTime();
  const disposed: string[] = [];
  const cause = new Error("busy");
  const store = phase({
    name: "store",
    critical: true,
    run: () => Promise.resolve("store"),
    dispose: (value) => void disposed.push(value),
  });
  const threads = phase({
    name: "threads",
    critical: true,
    run: () => Promise.resolve("threads"),
    dispose: () => Promise.reject(cause),
  });
  const { startup, events } = newStartup(plan({ store, threads }, () => ({})));
  startup.start();
  await time.runMicrotasks();
  await startup.stop();
  assertEquals(disposed, ["store"]);
  const faults = events.filter(({ kind }) => kind === "dispose-failed");
  assertEquals(faults, [{ kind: "dispose-failed", phase: "threads", cause }]);
});

Deno.test("Startup disposes of what an aborted run yields after the stop", async () => {
  using time = new FakeTime();
  const script = new Scripted<string>();
  const disposed: string[] = [];
  const store = phase({
    name: "store",
    critical: true,
    run: script.run,
    dispose: (value) => void disposed.push(value),
  });
  const { startup } = newStartup(plan({ store }, () => ({})));
  startup.start();
  await time.runMicrotasks();
  await startup.stop();
  script.runs[0]?.resolve("late");
  await time.runMicrotasks();
  assertEquals(disposed, ["late"]);
});

Deno.test("Startup reports its state, its attempt, its phases, and its time from the start of the process on", async () => {
  // What the process did before: the clock counts from its start.
  using time = new FakeTime(1_500);
  const script = new Scripted<string>();
  const store = phase({ name: "store", critical: true, run: script.run });
  const threads = phase({
    name: "threads",
    critical: true,
    after: { store },
    run: () => Promise.resolve(0),
  });
  const { startup } = newStartup(plan({ store, threads }, () => ({})));
  const pending = { critical: true, status: "pending", attempts: 0, durationMs: null } as const;
  assertEquals(startup.report(), {
    state: "starting",
    attempt: 0,
    durationMs: 1_500,
    phases: [{ name: "store", ...pending }, { name: "threads", ...pending }],
  });
  startup.start();
  await elapse(time, 2_000);
  const running = { critical: true, status: "running", attempts: 1, durationMs: 2_000 } as const;
  assertEquals(startup.report(), {
    state: "starting",
    attempt: 1,
    durationMs: 3_500,
    phases: [{ name: "store", ...running }, { name: "threads", ...pending }],
  });
  script.runs[0]?.resolve("kv");
  await elapse(time, 5_000);
  const { state, durationMs, phases } = startup.report();
  assertEquals([state, durationMs], ["ready", 3_500]);
  assertEquals(phases.map(({ status, durationMs }) => [status, durationMs]), [
    ["ok", 2_000],
    ["ok", 0],
  ]);
});

Deno.test("Startup cannot be started twice", () => {
  using _time = new FakeTime();
  const { startup } = newStartup(plan({}, () => ({})));
  startup.start();
  assertThrows(() => startup.start(), Error, "Cannot start: the start-up runs already");
  startup.drain();
});

/** Keys that open early beside a store that is refused. */
function withKeys() {
  const { state, store } = refusedStore();
  const script = new Scripted<string>();
  const keys = phase({ name: "keys", critical: true, run: script.run });
  const early = new StartupBarrier<string>({ random: noJitter });
  const made = newStartup(plan({ keys, store }, () => ({})));
  made.startup.openEarly(keys, early);
  return { ...made, state, script, early };
}

Deno.test("Startup opens an early barrier as soon as its phase is done, and leaves it open", async () => {
  using time = new FakeTime();
  const { startup, barrier, script, early } = withKeys();
  startup.start();
  await time.runMicrotasks();
  script.runs[0]?.resolve("jwks");
  await time.runMicrotasks();
  assertEquals([early.state, barrier.state], ["ready", "starting"]);
  await elapse(time, 4_000);
  assertEquals([early.state, barrier.state], ["ready", "failed"]);
  startup.drain();
  assertEquals(early.state, "draining");
});

Deno.test("Startup lets an early barrier share its fate until its phase is done", async () => {
  using time = new FakeTime();
  const { startup, barrier, script, early } = withKeys();
  startup.start();
  const waiting = watch(early.verdict({ deadlineMs: 30_000, signal: stays() }));
  await elapse(time, 3_500);
  assertEquals(waiting.value, { kind: "failed", retryAfterMs: 1_000 });
  assertEquals([early.state, barrier.state], ["failed", "failed"]);
  await elapse(time, 1_000);
  assertEquals([early.state, barrier.state], ["starting", "starting"]);
  script.runs[1]?.resolve("jwks");
  await time.runMicrotasks();
  assertEquals(early.state, "ready");
  startup.drain();
});

Deno.test("Startup drains an early barrier, however close to its opening", async () => {
  using time = new FakeTime();
  for (let between = 0; between < 12; between++) {
    const { startup, script, early } = withKeys();
    startup.start();
    await time.runMicrotasks();
    script.runs[0]?.resolve("jwks");
    await microtasks(between);
    startup.drain();
    await time.runMicrotasks();
    assertEquals(early.state, "draining");
  }
});
