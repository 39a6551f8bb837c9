import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { phase } from "../../lib/startup/phases.ts";
import { microtasks, Scripted, stays, watch } from "./support.ts";

const noFault = (): never => {
  throw new Error("no dispose may fail here");
};

Deno.test("Phase keeps what a run builds", async () => {
  const store = phase({ name: "store", critical: true, run: () => Promise.resolve({ rows: 3 }) });
  assertThrows(() => store.result, Error, "Cannot use phase store: it is not done");
  assertEquals([store.done, store.current], [false, undefined]);
  assertEquals(await store.tryOnce(stays(), noFault), { kind: "ok" });
  assertEquals(store.result.rows, 3);
  assertStrictEquals(await store.arrived, store.result);
  assertEquals(store.done, true);
});

Deno.test("Phase reports the error of a run, and one that it throws before its first await", async () => {
  const cause = new Error("refused");
  const rejects = phase({ name: "a", critical: true, run: () => Promise.reject(cause) });
  const throws = phase({
    name: "b",
    critical: true,
    run: () => {
      throw cause;
    },
  });
  assertEquals(await rejects.tryOnce(stays(), noFault), { kind: "error", cause });
  assertEquals(await throws.tryOnce(stays(), noFault), { kind: "error", cause });
});

Deno.test("Phase times a run out, aborts it, and disposes of what it yields too late", async () => {
  using time = new FakeTime();
  const script = new Scripted<string>();
  const disposed: string[] = [];
  const store = phase({
    name: "store",
    critical: true,
    run: script.run,
    dispose: (value) => void disposed.push(value),
  });
  const seen = watch(store.tryOnce(stays(), noFault));
  await time.tickAsync(9_999);
  await time.runMicrotasks();
  assertEquals([seen.value, script.runs[0]?.signal.aborted], [undefined, false]);
  await time.tickAsync(1);
  await time.runMicrotasks();
  assertEquals([seen.value, script.runs[0]?.signal.aborted], [{ kind: "timed-out" }, true]);
  script.runs[0]?.resolve("late");
  await time.runMicrotasks();
  assertEquals([disposed, store.done], [["late"], false]);
});

Deno.test("Phase bears the late error of a run that timed out", async () => {
  using time = new FakeTime();
  const script = new Scripted<string>();
  const store = phase({ name: "store", critical: true, run: script.run });
  const trying = store.tryOnce(stays(), noFault);
  time.tick(10_000);
  assertEquals(await trying, { kind: "timed-out" });
  script.runs[0]?.reject(new Error("cut"));
  await time.runMicrotasks();
  assertEquals(store.done, false);
});

Deno.test("Phase keeps a result or gives it back, however close it comes to the abort", async () => {
  const kinds = new Set<string>();
  for (let between = 0; between < 12; between++) {
    const script = new Scripted<string>();
    const disposed: string[] = [];
    const attempt = new AbortController();
    const store = phase({
      name: "store",
      critical: true,
      run: script.run,
      dispose: (value) => void disposed.push(value),
    });
    const trying = store.tryOnce(attempt.signal, noFault);
    script.runs[0]?.resolve("late");
    await microtasks(between);
    attempt.abort();
    const { kind } = await trying;
    await microtasks(12);
    kinds.add(kind);
    assertEquals([disposed, store.done], kind === "ok" ? [[], true] : [["late"], false]);
  }
  assertEquals([...kinds], ["aborted", "ok"]);
});

Deno.test("Phase does not run for an attempt that is over", async () => {
  const script = new Scripted<string>();
  const store = phase({ name: "store", critical: true, run: script.run });
  assertEquals(await store.tryOnce(AbortSignal.abort(), noFault), { kind: "aborted" });
  assertEquals(script.runs.length, 0);
});

Deno.test("Phase tells when a result cannot be given back", async () => {
  const cause = new Error("busy");
  const store = phase({
    name: "store",
    critical: true,
    run: () => Promise.resolve(1),
    dispose: () => Promise.reject(cause),
  });
  await store.tryOnce(stays(), noFault);
  const faults: [string, unknown][] = [];
  await store.dispose(({ name }, fault) => faults.push([name, fault]));
  assertEquals(faults, [["store", cause]]);
});
