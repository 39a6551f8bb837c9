import { assertEquals, assertRejects } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { GuardedModel } from "../../lib/agents/guarded_model.ts";
import { Watchdog } from "../../lib/agents/watchdog.ts";
import { AppError } from "../../lib/errors.ts";
import { inOrder, partsOf, ScriptedModel, thenSilence, wordParts } from "../support/answers.ts";

const prompt = [{ role: "user" as const, content: [{ type: "text" as const, text: "hi" }] }];

Deno.test("GuardedModel passes a whole answer on as it is", async () => {
  const model = new GuardedModel(new ScriptedModel(() => inOrder(wordParts("hello"))), {
    silenceMs: 1_000,
    now: Date.now,
  });
  const call = await model.open({ prompt });
  assertEquals(await Array.fromAsync(partsOf(call)), wordParts("hello"));
});

Deno.test("GuardedModel ends the wrapped call when its stream is left", async () => {
  const scripted = new ScriptedModel(({ abortSignal }) => thenSilence([], abortSignal));
  const model = new GuardedModel(scripted, { silenceMs: 1_000, now: Date.now });
  const call = await model.open({ prompt });
  await call.leave("left");
  assertEquals(scripted.calls[0]?.abortSignal?.reason, "left");
});

Deno.test("GuardedModel takes no time for silence that its reader lets pass", async () => {
  using time = new FakeTime();
  const model = new GuardedModel(new ScriptedModel(() => inOrder(wordParts("hello"))), {
    silenceMs: 1_000,
    now: Date.now,
  });
  const call = await model.open({ prompt });
  await call.next();
  await time.tickAsync(60_000);
  assertEquals(await call.next(), wordParts("hello")[1]);
  await call.leave();
});

Deno.test("GuardedModel lets go of a stream that opens after the silence has ended it", async () => {
  using time = new FakeTime();
  const scripted = new ScriptedModel(() => inOrder([]));
  const late = Promise.withResolvers<{ stream: ReadableStream }>();
  scripted.doStream = () => late.promise;
  const model = new GuardedModel(scripted, { silenceMs: 1_000, now: Date.now });
  const opening = model.open({ prompt });
  const refused = assertRejects(() => opening, AppError);
  await time.tickAsync(1_000);
  const error = await refused;
  assertEquals(error.code, "MODEL_TIMEOUT");
  let cancelled = false;
  late.resolve({ stream: new ReadableStream({ cancel: () => void (cancelled = true) }) });
  await time.runMicrotasks();
  // It is deaf to its signal, and gets some time to hear it.
  await time.tickAsync(5_000);
  await time.runMicrotasks();
  assertEquals(cancelled, true);
});

Deno.test("Watchdog leaves no listener behind, however many waits it bounds", async () => {
  const watchdog = new Watchdog({ limitMs: 1_000, onSilence: () => new Error("silent") });
  let listeners = 0;
  const { signal } = watchdog;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (type: string, listener: EventListener) => {
    listeners++;
    add(type, listener);
  };
  signal.removeEventListener = (type: string, listener: EventListener) => {
    listeners--;
    remove(type, listener);
  };
  for (let wait = 0; wait < 3; wait++) await watchdog.wait(Promise.resolve());
  await assertRejects(() => watchdog.wait(Promise.reject(new Error("failed"))), Error, "failed");
  assertEquals(listeners, 0);
  watchdog.done();
});

Deno.test("Watchdog gives each wait its whole limit, on one timer, and holds none once it is done", async () => {
  using time = new FakeTime();
  const onSilence = (): Error => new Error("silent");
  const watchdog = new Watchdog({ limitMs: 1_000, onSilence, now: Date.now });
  const first = Promise.withResolvers<string>();
  const waited = watchdog.wait(first.promise);
  await time.tickAsync(900);
  first.resolve("in time");
  assertEquals(await waited, "in time");
  const second = watchdog.wait(new Promise(() => {}));
  const silent = assertRejects(() => second, Error, "silent");
  await time.tickAsync(999);
  assertEquals(watchdog.signal.aborted, false);
  await time.tickAsync(1);
  await silent;
  assertEquals([watchdog.signal.aborted, time.next()], [true, false]);

  const calm = new Watchdog({ limitMs: 1_000, onSilence, now: Date.now });
  await calm.wait(Promise.resolve());
  calm.done();
  assertEquals(time.next(), false);
});
