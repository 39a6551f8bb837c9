import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { FakeTime, TimeError } from "@std/testing/time";

Deno.test("FakeTime stands still at its start until it is told to move", () => {
  using time = new FakeTime("2026-01-01T00:00:00Z");
  assertEquals(new Date().toISOString(), "2026-01-01T00:00:00.000Z");
  time.tick(1_500);
  assertEquals(Date.now() - time.start, 1_500);
  assert(new Date() instanceof Date);
});

Deno.test("FakeTime runs timers and intervals at their time, in order", () => {
  using time = new FakeTime(0);
  const log: string[] = [];
  setTimeout(() => log.push(`b ${Date.now()}`), 100);
  setTimeout((word: string) => log.push(`${word} ${Date.now()}`), 50, "a");
  const interval = setInterval(() => log.push(`i ${Date.now()}`), 40);
  time.tick(100);
  clearInterval(interval);
  time.tick(1_000);
  assertEquals(log, ["i 40", "a 50", "i 80", "b 100"]);
});

Deno.test("FakeTime runs within one tick what a timer adds with no delay", () => {
  using time = new FakeTime(0);
  const log: number[] = [];
  setTimeout(() => setTimeout(() => log.push(Date.now()), 0), 10);
  time.tick(10);
  assertEquals(log, [10]);
});

Deno.test("FakeTime.next moves to the next instant and runs all that is due then", () => {
  using time = new FakeTime(0);
  const log: string[] = [];
  setTimeout(() => log.push("a"), 10);
  setTimeout(() => log.push("b"), 10);
  setTimeout(() => log.push("c"), 20);
  assertEquals([time.next(), log.join(""), time.now], [true, "ab", 10]);
  assertEquals([time.next(), time.next(), log.join("")], [true, false, "abc"]);
});

Deno.test("FakeTime.runAll runs timers that timers add", () => {
  using time = new FakeTime(0);
  const log: number[] = [];
  setTimeout(() => setTimeout(() => log.push(Date.now()), 90), 10);
  time.runAll();
  assertEquals(log, [100]);
});

Deno.test("FakeTime.runAllAsync runs timers that promises add", async () => {
  using time = new FakeTime(0);
  const log: number[] = [];
  const later = async (): Promise<void> => {
    await new Promise((resolve) => setTimeout(resolve, 10));
    await new Promise((resolve) => setTimeout(resolve, 20));
    log.push(Date.now());
  };
  const running = later();
  await time.runAllAsync();
  await running;
  assertEquals(log, [30]);
});

Deno.test("FakeTime.tickAsync runs pending microtasks before it moves", async () => {
  using time = new FakeTime(0);
  const log: number[] = [];
  Promise.resolve().then(() => setTimeout(() => log.push(Date.now()), 5));
  await time.tickAsync(5);
  assertEquals(log, [5]);
});

Deno.test("FakeTime aborts AbortSignal.timeout at its time", () => {
  using time = new FakeTime(0);
  const signal = AbortSignal.timeout(10);
  time.tick(9);
  assertEquals(signal.aborted, false);
  time.tick(1);
  assertEquals(signal.aborted && signal.reason.name, "TimeoutError");
});

Deno.test("FakeTime does not go backwards", () => {
  using time = new FakeTime(1_000);
  assertThrows(() => time.now = 999, RangeError, "past");
});

Deno.test("FakeTime refuses a second one, and a start that is no date", () => {
  {
    using _time = new FakeTime();
    assertThrows(() => new FakeTime(), TimeError, "already faked");
  }
  assertThrows(() => new FakeTime("someday"), TimeError, "invalid start");
  new FakeTime().restore();
});

Deno.test("FakeTime.restore puts everything back", () => {
  const before = [Date, setTimeout, clearTimeout, setInterval, clearInterval, AbortSignal.timeout];
  new FakeTime();
  assert(setTimeout !== before[1]);
  FakeTime.restore();
  const after = [Date, setTimeout, clearTimeout, setInterval, clearInterval, AbortSignal.timeout];
  after.forEach((value, index) => assertStrictEquals(value, before[index]));
  assertThrows(() => FakeTime.restore(), TimeError);
});

Deno.test("FakeTime.restoreFor gives real time to one callback only", async () => {
  using _time = new FakeTime(0);
  const real = await FakeTime.restoreFor((add: number) => Date.now() + add, 1);
  assert(real > 1e12);
  assertEquals(Date.now(), 0);
});

Deno.test("FakeTime.delay waits in real time and rejects with the signal's reason", async () => {
  using time = new FakeTime(0);
  await time.delay(1);
  assertEquals(time.now, 0);
  const reason = new Error("gone");
  const signal = AbortSignal.abort(reason);
  assertStrictEquals(await assertRejects(() => time.delay(1, { signal })), reason);
});

Deno.test("FakeTime follows real time at its rate", async () => {
  using time = new FakeTime(0, { advanceRate: 1_000, advanceFrequency: 1 });
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  assert(time.now >= 2_000);
});
