import { deadline } from "@std/async/deadline";
import { delay } from "@std/async/delay";
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";

/** Listeners that a signal has at the moment. */
function countListeners(signal: AbortSignal): () => number {
  const listeners = new Set<unknown>();
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (type: string, listener: EventListener, options?: object): void => {
    listeners.add(listener);
    add(type, listener, options);
  };
  signal.removeEventListener = (type: string, listener: EventListener): void => {
    listeners.delete(listener);
    remove(type, listener);
  };
  return () => listeners.size;
}

Deno.test("delay resolves after its time and not before", async () => {
  using time = new FakeTime();
  let done = false;
  const waiting = delay(1_000).then(() => done = true);
  await time.tickAsync(999);
  await time.runMicrotasks();
  assertEquals(done, false);
  await time.tickAsync(1);
  await waiting;
});

Deno.test("delay rejects with the signal's reason and clears its timer", async () => {
  using time = new FakeTime();
  const controller = new AbortController();
  const reason = new Error("gone");
  const waiting = delay(1_000, { signal: controller.signal });
  controller.abort(reason);
  assertStrictEquals(await assertRejects(() => waiting), reason);
  assertEquals(time.next(), false);
});

Deno.test("delay rejects at once where the signal has aborted", async () => {
  const reason = new Error("gone");
  const signal = AbortSignal.abort(reason);
  assertStrictEquals(await assertRejects(() => delay(1_000, { signal })), reason);
});

Deno.test("delay takes its listener off the signal once it resolves", async () => {
  using time = new FakeTime();
  const { signal } = new AbortController();
  const listeners = countListeners(signal);
  const waiting = delay(10, { signal });
  assertEquals(listeners(), 1);
  time.tick(10);
  await waiting;
  assertEquals(listeners(), 0);
});

Deno.test("delay waits longer than the platform's longest timer", async () => {
  using time = new FakeTime();
  let done = false;
  const waiting = delay(2 ** 31 + 10).then(() => done = true);
  await time.tickAsync(2 ** 31);
  await time.runMicrotasks();
  assertEquals(done, false);
  await time.tickAsync(10);
  await waiting;
});

Deno.test("delay that is not persistent resolves all the same", async () => {
  await Promise.all([delay(2, { persistent: false }), delay(5)]);
});

Deno.test("deadline resolves as its promise does and clears its timer", async () => {
  using time = new FakeTime();
  assertEquals(await deadline(Promise.resolve(7), 1_000), 7);
  assertEquals(time.next(), false);
});

Deno.test("deadline rejects as its promise does", async () => {
  const reason = new Error("refused");
  assertStrictEquals(await assertRejects(() => deadline(Promise.reject(reason), 1_000)), reason);
});

Deno.test("deadline rejects with a TimeoutError once the time has passed", async () => {
  using time = new FakeTime();
  const late = Promise.withResolvers<void>();
  const waiting = assertRejects(() => deadline(late.promise, 1_000), DOMException);
  await time.tickAsync(1_000);
  assertEquals((await waiting).name, "TimeoutError");
  late.reject(new Error("too late to be anybody's unhandled rejection"));
  await time.runMicrotasks();
});

Deno.test("deadline rejects with the signal's reason, clears its timer and leaves no listener", async () => {
  using time = new FakeTime();
  const controller = new AbortController();
  const listeners = countListeners(controller.signal);
  const reason = new Error("gone");
  const waiting = assertRejects(() =>
    deadline(new Promise(() => {}), 1_000, { signal: controller.signal })
  );
  controller.abort(reason);
  assertStrictEquals(await waiting, reason);
  assertEquals([listeners(), time.next()], [0, false]);
});

Deno.test("deadline rejects where the signal had aborted before", async () => {
  const signal = AbortSignal.abort();
  const error = await assertRejects(() => deadline(Promise.resolve(1), 1_000, { signal }));
  assert(error instanceof DOMException && error.name === "AbortError");
});
