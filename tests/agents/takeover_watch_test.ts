import { assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { TakeoverWatch } from "../../lib/agents/takeover_watch.ts";
import { AppError } from "../../lib/errors.ts";
import type { ThreadRef } from "../../lib/threads/records.ts";
import { UnknownCommitError } from "../../lib/threads/store.ts";

const REF: ThreadRef = { subject: "alice", threadId: "t" };

/** A watch whose every look is `look`. */
function watching(look: (at: number, ref: ThreadRef) => Promise<number | null>): {
  watch: TakeoverWatch;
  /** When each look was, fake milliseconds from the start. */
  looks: number[];
  faults: unknown[];
} & Disposable {
  const startMs = Date.now();
  const looks: number[] = [];
  const faults: unknown[] = [];
  const watch = new TakeoverWatch({
    tryOnce: (ref) => {
      looks.push(Date.now() - startMs);
      return look(looks.length, ref);
    },
    onFault: (error) => faults.push(error),
  });
  return { watch, looks, faults, [Symbol.dispose]: () => void watch.stop() };
}

/** Lets fake time pass in small steps. */
async function elapse(time: FakeTime, ms: number, stepMs = 50): Promise<void> {
  for (let at = 0; at < ms; at += stepMs) await time.tickAsync(stepMs);
  await time.runMicrotasks();
}

Deno.test("TakeoverWatch looks once where nothing is to be taken over", async () => {
  using time = new FakeTime();
  using watched = watching(() => Promise.resolve(null));
  watched.watch.watch(REF);
  await elapse(time, 60_000, 1_000);
  assertEquals(watched.looks, [0]);
});

Deno.test("TakeoverWatch looks again shortly after a lease runs out, and not before", async () => {
  using time = new FakeTime();
  const dueMs = Date.now() + 2_000;
  using watched = watching((at) => Promise.resolve(at === 1 ? dueMs : null));
  watched.watch.watch(REF);
  await elapse(time, 2_000);
  assertEquals(watched.looks.length, 1);
  await elapse(time, 600);
  assertEquals(watched.looks.length, 2);
});

Deno.test("TakeoverWatch looks every few seconds at a lease that its owner keeps renewing", async () => {
  using time = new FakeTime();
  using watched = watching(() => Promise.resolve(Date.now() + 10_000));
  watched.watch.watch(REF);
  await elapse(time, 35_000, 100);
  const waits = watched.looks.slice(1).map((at, index) => at - watched.looks[index]!);
  assertEquals(waits.length >= 9, true);
  assertEquals(waits.filter((ms) => ms < 3_000 || ms > 3_600), []);
});

Deno.test("TakeoverWatch goes on while the store is lost, and tells nobody", async () => {
  using time = new FakeTime();
  const failures = [new AppError("STORE_UNAVAILABLE"), new UnknownCommitError("unknown")];
  using watched = watching((at) =>
    at <= 2 ? Promise.reject(failures[at - 1]) : Promise.resolve(null)
  );
  watched.watch.watch(REF);
  await elapse(time, 5_000);
  assertEquals([watched.looks, watched.faults], [[0, 1_000, 2_000], []]);
});

Deno.test("TakeoverWatch tells of any other fault, and may be asked to watch again", async () => {
  using time = new FakeTime();
  const fault = new TypeError("broken");
  using watched = watching((at) => at === 1 ? Promise.reject(fault) : Promise.resolve(null));
  watched.watch.watch(REF);
  await elapse(time, 5_000);
  assertEquals([watched.looks.length, watched.faults], [1, [fault]]);
  watched.watch.watch(REF);
  await elapse(time, 100);
  assertEquals(watched.looks.length, 2);
});

Deno.test("TakeoverWatch watches a thread once at a time, and each thread for itself", async () => {
  using time = new FakeTime();
  const seen: string[] = [];
  using watched = watching((_, { subject, threadId }) => {
    seen.push(`${subject}/${threadId}`);
    return Promise.resolve(Date.now() + 1_000_000);
  });
  for (let round = 0; round < 3; round++) {
    watched.watch.watch(REF);
    watched.watch.watch({ subject: "bob", threadId: "t" });
    watched.watch.watch({ subject: "alice", threadId: "u" });
  }
  await elapse(time, 100);
  assertEquals(seen, ["alice/t", "bob/t", "alice/u"]);
});

Deno.test("TakeoverWatch looks at once at a thread that it is woken for", async () => {
  using time = new FakeTime();
  using watched = watching((at) => Promise.resolve(at === 1 ? Date.now() + 10_000 : null));
  watched.watch.watch(REF);
  await elapse(time, 1_000);
  watched.watch.wake(REF);
  await elapse(time, 50);
  assertEquals(watched.looks.length, 2);
  watched.watch.wake(REF);
  await elapse(time, 50);
  assertEquals([watched.looks.length, watched.faults], [3, []]);
});

Deno.test("TakeoverWatch looks around for more every 15 to 30 seconds, also after the store failed", async () => {
  using time = new FakeTime();
  using watched = watching(() => Promise.resolve(null));
  const startMs = Date.now();
  const asked: number[] = [];
  watched.watch.keepLooking(() => {
    asked.push(Date.now() - startMs);
    if (asked.length === 1) return Promise.reject(new AppError("STORE_UNAVAILABLE"));
    return Promise.resolve(asked.length === 2 ? [REF] : []);
  });
  await elapse(time, 100_000, 250);
  const waits = asked.map((at, index) => at - (asked[index - 1] ?? 0));
  assertEquals(waits.filter((ms) => ms < 15_000 || ms > 30_250), []);
  assertEquals([asked.length >= 3, watched.looks.length, watched.faults], [true, 1, []]);
});

Deno.test("TakeoverWatch does nothing more once it is stopped", async () => {
  using time = new FakeTime();
  using watched = watching(() => Promise.resolve(Date.now() + 1_000));
  watched.watch.watch(REF);
  let asked = 0;
  watched.watch.keepLooking(() => Promise.resolve((asked++, [])));
  await elapse(time, 500);
  watched.watch.stop();
  watched.watch.watch({ subject: "bob", threadId: "t" });
  watched.watch.wake(REF);
  await elapse(time, 60_000, 1_000);
  assertEquals([watched.looks.length, asked, watched.faults], [1, 0, []]);
});

Deno.test("TakeoverWatch has stopped when the looks that are under way are over, and waits for none to come", async () => {
  using time = new FakeTime();
  const look = Promise.withResolvers<number | null>();
  using watched = watching((at) => at === 1 ? look.promise : Promise.resolve(Date.now() + 60_000));
  watched.watch.watch(REF);
  watched.watch.watch({ ...REF, threadId: "waits" });
  await time.runMicrotasks();
  let hasStopped = false;
  const stopping = watched.watch.stop().then(() => hasStopped = true);
  await time.runMicrotasks();
  assertEquals(hasStopped, false);
  look.resolve(Date.now() + 60_000);
  await stopping;
  assertEquals([watched.looks.length, watched.faults], [2, []]);
});
