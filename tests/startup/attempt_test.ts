import { assert, assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { PhaseFailure, runAttempt, StartupTimeout } from "../../lib/startup/attempt.ts";
import type { StartupEvent } from "../../lib/startup/events.ts";
import type { Phase } from "../../lib/startup/phase.ts";
import { PhaseLog } from "../../lib/startup/phase_log.ts";
import { phase } from "../../lib/startup/phases.ts";
import { elapse, fakeNow, noJitter, Scripted, watch } from "./support.ts";

const hang = (): Promise<never> => new Promise(() => {});

/** Runs an attempt over `phases`, and shows how it goes. */
function attempt(phases: readonly Phase[], budgetMs = 60_000) {
  const events: StartupEvent[] = [];
  const log = new PhaseLog(phases, { now: fakeNow, tell: (event) => events.push(event) });
  const drain = new AbortController();
  const begunMs = Date.now();
  const ended = watch(
    runAttempt(phases, { budgetMs, signal: drain.signal, log, random: noJitter, now: fakeNow })
      .then(() => "opens" as const, (cause: unknown) => cause),
  );
  const endedMs = (): number | null => ended.atMs === undefined ? null : ended.atMs - begunMs;
  return { events, log, drain, ended, endedMs };
}

Deno.test("runAttempt runs independent phases side by side, and others after what they need", async () => {
  using time = new FakeTime();
  const keysRun = new Scripted<string>();
  const storeRun = new Scripted<string>();
  const keys = phase({ name: "keys", critical: true, run: keysRun.run });
  const store = phase({ name: "store", critical: true, run: storeRun.run });
  const seen: string[] = [];
  const threads = phase({
    name: "threads",
    critical: true,
    after: { store },
    run: ({ store }) => Promise.resolve(seen.push(store)),
  });
  const { ended } = attempt([keys, store, threads]);
  await time.runMicrotasks();
  assertEquals([keysRun.runs.length, storeRun.runs.length, seen], [1, 1, []]);
  storeRun.runs[0]?.resolve("kv");
  await time.runMicrotasks();
  assertEquals([seen, ended.value], [["kv"], undefined]);
  keysRun.runs[0]?.resolve("jwks");
  await time.runMicrotasks();
  assertEquals(ended.value, "opens");
});

Deno.test("runAttempt runs a phase once that two others need", async () => {
  using time = new FakeTime();
  let runs = 0;
  const store = phase({ name: "store", critical: true, run: () => Promise.resolve(++runs) });
  const both = ["a", "b"].map((name) =>
    phase({ name, critical: true, after: { store }, run: () => Promise.resolve(0) })
  );
  const { ended } = attempt([store, ...both]);
  await time.runMicrotasks();
  assertEquals([ended.value, runs], ["opens", 1]);
});

Deno.test("runAttempt fails within 6 s when a critical phase is refused: after three retries", async () => {
  using time = new FakeTime();
  const cause = new Error("connection refused");
  const triesMs: number[] = [];
  const store = phase({
    name: "store",
    critical: true,
    run: () => {
      triesMs.push(Date.now() - time.start);
      return Promise.reject(cause);
    },
  });
  const { ended, endedMs } = attempt([store]);
  await elapse(time, 6_000);
  assertInstanceOf(ended.value, PhaseFailure);
  assertEquals([ended.value.phase, ended.value.attempts], ["store", 4]);
  assertStrictEquals(ended.value.cause, cause);
  assertEquals([triesMs, endedMs()], [[0, 500, 1_500, 3_500], 3_500]);
});

Deno.test("runAttempt fails without more retries when a slow error ends their 5 s", async () => {
  using time = new FakeTime();
  let tries = 0;
  const store = phase({
    name: "store",
    critical: true,
    run: () => {
      tries++;
      return new Promise((_, reject) => setTimeout(() => reject(new Error("slow")), 3_000));
    },
  });
  const { ended, endedMs } = attempt([store]);
  await elapse(time, 20_000);
  assertInstanceOf(ended.value, PhaseFailure);
  // Errors at 3 s, 6.5 s and 10.5 s; the third retry would begin 9.5 s after the first of them.
  assertEquals([tries, endedMs()], [3, 10_500]);
});

Deno.test("runAttempt succeeds when a refused phase recovers within its retries", async () => {
  using time = new FakeTime();
  let tries = 0;
  const store = phase({
    name: "store",
    critical: true,
    run: () => ++tries < 4 ? Promise.reject(new Error("refused")) : Promise.resolve("kv"),
  });
  const { ended, endedMs, log } = attempt([store]);
  await elapse(time, 4_000);
  assertEquals([ended.value, endedMs()], ["opens", 3_500]);
  assertEquals(log.report(), [
    { name: "store", critical: true, status: "ok", attempts: 4, durationMs: 3_500 },
  ]);
});

Deno.test("runAttempt retries a hanging phase until the budget ends, each try for 10 s", async () => {
  using time = new FakeTime();
  const script = new Scripted<string>();
  const store = phase({ name: "store", critical: true, run: script.run });
  const threads = phase({
    name: "threads",
    critical: true,
    after: { store },
    run: () => Promise.resolve(0),
  });
  const { ended, endedMs, log } = attempt([store, threads]);
  await elapse(time, 59_750);
  assertEquals([ended.value, script.runs.length], [undefined, 6]);
  await elapse(time, 250);
  assertInstanceOf(ended.value, StartupTimeout);
  assertEquals([ended.value.phases, endedMs()], [["store", "threads"], 60_000]);
  assert(script.runs.every(({ signal }) => signal.aborted));
  assertEquals(log.report().map(({ status }) => status), ["failed", "pending"]);
  await elapse(time, 20_000, 5_000);
  assertEquals(script.runs.length, 6);
});

Deno.test("runAttempt counts errors anew after a hang", async () => {
  using time = new FakeTime();
  let tries = 0;
  const store = phase({
    name: "store",
    critical: true,
    run: () => ++tries === 3 ? hang() : Promise.reject(new Error("refused")),
  });
  const { ended, endedMs } = attempt([store]);
  await elapse(time, 20_000);
  assertInstanceOf(ended.value, PhaseFailure);
  // Errors at 0 and 0.5 s, a hang from 1.5 s to 11.5 s, then four errors more.
  assertEquals([ended.value.attempts, endedMs()], [7, 15_000]);
});

Deno.test("runAttempt aborts the other phases when a critical one fails for good", async () => {
  using time = new FakeTime();
  const other = new Scripted<string>();
  const optional = new Scripted<string>();
  const phases = [
    phase({ name: "keys", critical: true, run: other.run }),
    phase({ name: "store", critical: true, run: () => Promise.reject(new Error("refused")) }),
    phase({ name: "model", critical: false, run: optional.run }),
  ];
  const { ended, log } = attempt(phases);
  await elapse(time, 3_250);
  assertEquals([other, optional].map(({ runs }) => runs[0]?.signal.aborted), [false, false]);
  await elapse(time, 250);
  assertInstanceOf(ended.value, PhaseFailure);
  assertEquals([other, optional].map(({ runs }) => runs[0]?.signal.aborted), [true, true]);
  assertEquals(log.report().map(({ status }) => status), ["pending", "failed", "pending"]);
  await elapse(time, 60_000, 5_000);
  assertEquals([other.runs.length, optional.runs.length], [1, 1]);
});

Deno.test("runAttempt keeps what is done and builds it no second time", async () => {
  using time = new FakeTime();
  let storeRuns = 0;
  let modelRuns = 0;
  let keysUp = false;
  const store = phase({ name: "store", critical: true, run: () => Promise.resolve(++storeRuns) });
  const keys = phase({
    name: "keys",
    critical: true,
    run: () => keysUp ? Promise.resolve("jwks") : Promise.reject(new Error("refused")),
  });
  const model = phase({ name: "model", critical: false, run: () => Promise.resolve(++modelRuns) });
  const first = attempt([store, keys, model]);
  await elapse(time, 4_000);
  assertInstanceOf(first.ended.value, PhaseFailure);
  keysUp = true;
  const second = attempt([store, keys, model]);
  await time.runMicrotasks();
  assertEquals([second.ended.value, storeRuns, modelRuns], ["opens", 1, 1]);
});

Deno.test("runAttempt opens when an optional phase has failed once, and goes on trying it", async () => {
  using time = new FakeTime();
  let up = false;
  const triesMs: number[] = [];
  const model = phase({
    name: "model",
    critical: false,
    run: () => {
      triesMs.push(Date.now() - time.start);
      return up ? Promise.resolve("gpt") : Promise.reject(new Error("refused"));
    },
  });
  const store = phase({ name: "store", critical: true, run: () => Promise.resolve("kv") });
  const { ended, endedMs, log } = attempt([store, model]);
  await time.runMicrotasks();
  assertEquals([ended.value, endedMs()], ["opens", 0]);
  await elapse(time, 6_000);
  const status = () => log.report().find(({ name }) => name === "model")?.status;
  assertEquals([status(), triesMs], ["failed", [0, 1_000, 3_000]]);
  up = true;
  await elapse(time, 1_000);
  assertEquals([status(), triesMs, model.current], ["ok", [0, 1_000, 3_000, 7_000], "gpt"]);
  await elapse(time, 60_000, 5_000);
  assertEquals(triesMs.length, 4);
});

Deno.test("runAttempt gives an optional phase 1 s more than the critical ones, then opens", async () => {
  using time = new FakeTime();
  const storeRun = new Scripted<string>();
  const modelRun = new Scripted<string>();
  const store = phase({ name: "store", critical: true, run: storeRun.run });
  const model = phase({ name: "model", critical: false, run: modelRun.run });
  const { ended, endedMs, log } = attempt([store, model]);
  await elapse(time, 2_000);
  storeRun.runs[0]?.resolve("kv");
  await elapse(time, 750);
  assertEquals(ended.value, undefined);
  await elapse(time, 250);
  assertEquals([ended.value, endedMs()], ["opens", 3_000]);
  assertEquals(log.report()[1]?.status, "running");
  modelRun.runs[0]?.resolve("gpt");
  await time.runMicrotasks();
  assertEquals([log.report()[1]?.status, model.current], ["ok", "gpt"]);
});

Deno.test("runAttempt opens as soon as a late optional phase succeeds", async () => {
  using time = new FakeTime();
  const modelRun = new Scripted<string>();
  const store = phase({ name: "store", critical: true, run: () => Promise.resolve("kv") });
  const model = phase({ name: "model", critical: false, run: modelRun.run });
  const { ended, endedMs } = attempt([store, model]);
  await elapse(time, 500);
  modelRun.runs[0]?.resolve("gpt");
  await time.runMicrotasks();
  assertEquals([ended.value, endedMs()], ["opens", 500]);
});

Deno.test("runAttempt lets no phase wait for an optional one, and optional ones wait for critical ones", async () => {
  using time = new FakeTime();
  const storeRun = new Scripted<string>();
  const recoveryRun = new Scripted<string>();
  const store = phase({ name: "store", critical: true, run: storeRun.run });
  const model = phase({ name: "model", critical: false, run: hang });
  const recovery = phase({
    name: "recovery",
    critical: false,
    after: { store },
    run: (_, context) => recoveryRun.run(context),
  });
  const agents = phase({
    name: "agents",
    critical: true,
    after: { model },
    run: () => Promise.resolve("agents"),
  });
  attempt([store, model, recovery, agents]);
  await time.runMicrotasks();
  assertEquals([agents.done, recoveryRun.runs.length], [true, 0]);
  storeRun.runs[0]?.resolve("kv");
  await time.runMicrotasks();
  assertEquals(recoveryRun.runs.length, 1);
});

Deno.test("runAttempt ends when the process drains, and so do its retries in the background", async () => {
  using time = new FakeTime();
  const storeRun = new Scripted<string>();
  const waiting = attempt([phase({ name: "store", critical: true, run: storeRun.run })]);
  await elapse(time, 250);
  const reason = new Error("drain");
  waiting.drain.abort(reason);
  await time.runMicrotasks();
  assertStrictEquals(waiting.ended.value, reason);
  assertEquals(storeRun.runs[0]?.signal.aborted, true);

  let tries = 0;
  const run = () => Promise.reject(new Error(`refused ${++tries}`));
  const degraded = attempt([phase({ name: "model", critical: false, run })]);
  await elapse(time, 1_000);
  assertEquals([degraded.ended.value, tries], ["opens", 2]);
  degraded.drain.abort();
  assertEquals(time.next(), false, "no timer is left");
  await time.runMicrotasks();
  assertEquals(tries, 2);
});

Deno.test("runAttempt tells each failed try, and how each phase ended", async () => {
  using time = new FakeTime();
  const cause = new Error("refused");
  let tries = 0;
  const store = phase({
    name: "store",
    critical: true,
    run: () => ++tries === 1 ? Promise.reject(cause) : tries === 2 ? hang() : Promise.resolve(1),
  });
  const { events } = attempt([store]);
  await elapse(time, 11_000);
  const common = { phase: "store", critical: true } as const;
  assertEquals(events, [
    { kind: "try-failed", ...common, attempts: 1, timedOut: false, cause },
    { kind: "try-failed", ...common, attempts: 2, timedOut: true },
    { kind: "phase-ok", ...common, attempts: 3, durationMs: 10_500 },
  ]);
});
