import { APICallError, type LanguageModelV4StreamPart } from "@ai-sdk/provider";
import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { EndpointRefusal } from "../../lib/agents/model_faults.ts";
import { BREAKER_OPEN_MS, ResilientModel } from "../../lib/agents/resilience.ts";
import { AppError } from "../../lib/errors.ts";
import { inOrder, partsOf, ScriptedModel, wordParts } from "../support/answers.ts";

const prompt = [{ role: "user" as const, content: [{ type: "text" as const, text: "hi" }] }];

/** Longest that two retries take, milliseconds: 200 and 400, each doubled at worst. */
const RETRIES_MS = 1_200;

function status(statusCode: number, responseHeaders: Record<string, string> = {}): APICallError {
  return new APICallError({
    message: `status ${statusCode}`,
    url: "http://model.test/",
    requestBodyValues: {},
    statusCode,
    responseHeaders,
  });
}

function failing(error: unknown): () => Promise<never> {
  return () => Promise.reject(error);
}

/** Runs one call to the end of its stream: its parts, or its error. */
async function run(
  model: ResilientModel,
  abortSignal?: AbortSignal,
): Promise<{ parts: LanguageModelV4StreamPart[]; error: unknown }> {
  const parts: LanguageModelV4StreamPart[] = [];
  try {
    const call = await model.open({ prompt, ...(abortSignal && { abortSignal }) });
    for await (const part of partsOf(call)) parts.push(part);
    return { parts, error: undefined };
  } catch (error) {
    return { parts, error };
  }
}

/** Runs calls that fail without a retry until the breaker has opened. */
async function open(model: ResilientModel, scripted: ScriptedModel): Promise<void> {
  scripted.script = failing(status(401));
  for (let call = 0; call < 5; call++) await run(model);
}

for (
  const [name, error] of [
    ["a refused connection", new EndpointRefusal("refused")],
    ["429", status(429)],
    ["500", status(500)],
    ["503", status(503)],
  ] as const
) {
  Deno.test(`ResilientModel retries ${name} twice and then gives up`, async () => {
    using time = new FakeTime();
    const scripted = new ScriptedModel(failing(error));
    const model = new ResilientModel(scripted);
    const running = run(model);
    await time.tickAsync(RETRIES_MS);
    await time.tickAsync(RETRIES_MS);
    assertEquals((await running).error, error);
    assertEquals(scripted.calls.length, 3);
    assertEquals(model.degraded, true);
  });
}

for (
  const [name, error] of [
    ["401", status(401)],
    ["400", status(400)],
    ["silence", new AppError("MODEL_TIMEOUT")],
  ] as const
) {
  Deno.test(`ResilientModel does not retry ${name}, but counts it`, async () => {
    const scripted = new ScriptedModel(failing(error));
    const model = new ResilientModel(scripted);
    assertEquals((await run(model)).error, error);
    assertEquals(scripted.calls.length, 1);
    assertEquals(model.degraded, true);
  });
}

Deno.test("ResilientModel gives the answer of a retry, and is not degraded then", async () => {
  using time = new FakeTime();
  const scripted: ScriptedModel = new ScriptedModel(() =>
    scripted.calls.length < 3 ? Promise.reject(status(503)) : inOrder(wordParts("hello"))
  );
  const model = new ResilientModel(scripted);
  const running = run(model);
  await time.tickAsync(RETRIES_MS);
  await time.tickAsync(RETRIES_MS);
  assertEquals((await running).parts, wordParts("hello"));
  assertEquals(model.degraded, false);
});

Deno.test("ResilientModel waits as long as Retry-After asks, up to five seconds", async () => {
  using time = new FakeTime();
  const scripted = new ScriptedModel(failing(status(429, { "retry-after": "5" })));
  const running = run(new ResilientModel(scripted));
  await time.tickAsync(4_999);
  assertEquals(scripted.calls.length, 1);
  await time.tickAsync(1);
  await time.tickAsync(5_000);
  await running;
  assertEquals(scripted.calls.length, 3);
});

Deno.test("ResilientModel does not retry before a longer Retry-After", async () => {
  const scripted = new ScriptedModel(failing(status(429, { "retry-after": "6" })));
  await run(new ResilientModel(scripted));
  assertEquals(scripted.calls.length, 1);
});

Deno.test("ResilientModel does not retry once the first part has come", async () => {
  const cut = status(503);
  const scripted = new ScriptedModel(async function* () {
    yield* wordParts("half").slice(0, 3);
    await Promise.reject(cut);
  });
  const model = new ResilientModel(scripted);
  const { parts, error } = await run(model);
  assertEquals([parts, error, scripted.calls.length], [wordParts("half").slice(0, 3), cut, 1]);
  assertEquals(model.degraded, true);
});

Deno.test("ResilientModel fails fast after five failed calls in a row", async () => {
  const scripted = new ScriptedModel(failing(status(401)));
  const model = new ResilientModel(scripted);
  await open(model, scripted);
  scripted.script = () => inOrder(wordParts("hello"));
  const error = await assertRejects(() => model.open({ prompt }), AppError);
  assertEquals(error.code, "MODEL_UNAVAILABLE");
  assertEquals(scripted.calls.length, 5);
  assertEquals(model.degraded, true);
});

Deno.test("ResilientModel says how long its breaker stays open", async () => {
  using time = new FakeTime();
  const scripted = new ScriptedModel(failing(status(401)));
  const model = new ResilientModel(scripted);
  await open(model, scripted);
  time.tick(4_000);
  const { error } = await run(model);
  assertInstanceOf(error, AppError);
  assertEquals(error.retryAfterMs, 6_000);
});

Deno.test("ResilientModel counts answers that were cut among the failed calls", async () => {
  const scripted = new ScriptedModel(async function* () {
    yield* wordParts("half").slice(0, 3);
    await Promise.reject(new Error("cut"));
  });
  const model = new ResilientModel(scripted);
  for (let call = 0; call < 6; call++) await run(model);
  assertEquals(scripted.calls.length, 5);
});

Deno.test("ResilientModel forgets failures with a success in between", async () => {
  const scripted = new ScriptedModel(failing(status(401)));
  const model = new ResilientModel(scripted);
  for (let call = 0; call < 4; call++) await run(model);
  scripted.script = () => inOrder(wordParts("hello"));
  await run(model);
  assertEquals(model.degraded, false);
  scripted.script = failing(status(401));
  for (let call = 0; call < 4; call++) await run(model);
  scripted.script = () => inOrder(wordParts("hello"));
  assertEquals((await run(model)).error, undefined);
});

Deno.test("ResilientModel tries again after ten seconds and closes its breaker", async () => {
  using time = new FakeTime();
  const scripted = new ScriptedModel(failing(status(401)));
  const model = new ResilientModel(scripted);
  await open(model, scripted);
  scripted.script = () => inOrder(wordParts("hello"));
  time.tick(BREAKER_OPEN_MS - 1);
  assertInstanceOf((await run(model)).error, AppError);
  time.tick(1);
  assertEquals((await run(model)).parts, wordParts("hello"));
  assertEquals(model.degraded, false);
});

Deno.test("ResilientModel opens its breaker anew when the trial fails", async () => {
  using time = new FakeTime();
  const scripted = new ScriptedModel(failing(status(401)));
  const model = new ResilientModel(scripted);
  await open(model, scripted);
  time.tick(BREAKER_OPEN_MS);
  await run(model);
  await run(model);
  assertEquals(scripted.calls.length, 6);
});

/** A model whose answer comes when it is told to. */
function pausing(): { script: ScriptedModel["script"]; resume: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return {
    resume: resolve,
    script: async function* ({ abortSignal }) {
      const parts = wordParts("hello");
      yield* parts.slice(0, 1);
      const left = new Promise((_, reject) => {
        abortSignal?.addEventListener("abort", () => reject(abortSignal.reason), { once: true });
      });
      await Promise.race([promise, left]);
      yield* parts.slice(1);
    },
  };
}

Deno.test("ResilientModel lets one trial through and refuses the others meanwhile", async () => {
  using time = new FakeTime();
  const scripted = new ScriptedModel(failing(status(401)));
  const model = new ResilientModel(scripted);
  await open(model, scripted);
  time.tick(BREAKER_OPEN_MS);
  const trial = pausing();
  scripted.script = trial.script;
  const running = run(model);
  await time.runMicrotasks();
  assertInstanceOf((await run(model)).error, AppError);
  trial.resume();
  assertEquals((await running).error, undefined);
  assertEquals(scripted.calls.length, 6);
});

Deno.test("ResilientModel closes its breaker with a trial's first part", async () => {
  using time = new FakeTime();
  const scripted = new ScriptedModel(failing(status(401)));
  const model = new ResilientModel(scripted);
  await open(model, scripted);
  time.tick(BREAKER_OPEN_MS);
  scripted.script = () => inOrder(wordParts("hello"));
  const call = await model.open({ prompt });
  await call.next();
  await call.next();
  await time.runMicrotasks();
  assertEquals((await run(model)).error, undefined);
  await call.leave();
});

Deno.test("ResilientModel keeps its breaker open when the trial is left unproven", async () => {
  using time = new FakeTime();
  const scripted = new ScriptedModel(failing(status(401)));
  const model = new ResilientModel(scripted);
  await open(model, scripted);
  time.tick(BREAKER_OPEN_MS);
  const caller = new AbortController();
  scripted.script = pausing().script;
  const running = run(model, caller.signal);
  await time.runMicrotasks();
  caller.abort("left");
  assertEquals((await running).error, "left");
  assertInstanceOf((await run(model)).error, AppError);
  assertEquals(scripted.calls.length, 6);
});

Deno.test("ResilientModel takes no cancelled call for a failure", async () => {
  const scripted = new ScriptedModel(pausing().script);
  const model = new ResilientModel(scripted);
  for (let call = 0; call < 6; call++) {
    const caller = new AbortController();
    const opened = await model.open({ prompt, abortSignal: caller.signal });
    await opened.next();
    if (call % 2 === 0) caller.abort("left");
    await opened.leave();
    caller.abort("left");
  }
  assertEquals(model.degraded, false);
  scripted.script = () => inOrder(wordParts("hello"));
  assertEquals((await run(model)).error, undefined);
});

Deno.test("ResilientModel ends its wait for a retry when the caller leaves", async () => {
  using time = new FakeTime();
  const scripted = new ScriptedModel(failing(status(503)));
  const model = new ResilientModel(scripted);
  const caller = new AbortController();
  const running = run(model, caller.signal);
  await time.runMicrotasks();
  caller.abort("left");
  assertEquals((await running).error, "left");
  assertEquals([scripted.calls.length, model.degraded], [1, false]);
});

/** A model that gives the first parts of an answer, then `rest`. */
function partsThen(rest: () => Promise<never>): ScriptedModel["script"] {
  return async function* () {
    yield* wordParts("half").slice(0, 3);
    await rest();
  };
}

Deno.test("ResilientModel counts a trial that was cut after its first part as a failure", async () => {
  using time = new FakeTime();
  const scripted = new ScriptedModel(failing(status(401)));
  const model = new ResilientModel(scripted);
  await open(model, scripted);
  time.tick(BREAKER_OPEN_MS);
  const cut = new Error("cut");
  scripted.script = partsThen(failing(cut));
  assertEquals((await run(model)).error, cut);
  scripted.script = failing(status(401));
  for (let call = 0; call < 4; call++) await run(model);
  const calls = scripted.calls.length;
  assertInstanceOf((await run(model)).error, AppError);
  assertEquals(scripted.calls.length, calls);
});

Deno.test("ResilientModel takes no trial for a failure that was left after its first part", async () => {
  using time = new FakeTime();
  const scripted = new ScriptedModel(failing(status(401)));
  const model = new ResilientModel(scripted);
  await open(model, scripted);
  time.tick(BREAKER_OPEN_MS);
  const caller = new AbortController();
  scripted.script = partsThen(() =>
    new Promise((_, reject) => caller.signal.addEventListener("abort", () => reject("left")))
  );
  const running = run(model, caller.signal);
  await time.runMicrotasks();
  caller.abort("left");
  assertEquals((await running).error, "left");
  scripted.script = failing(status(401));
  for (let call = 0; call < 4; call++) await run(model);
  scripted.script = () => inOrder(wordParts("hello"));
  assertEquals((await run(model)).error, undefined);
});

Deno.test("ResilientModel tries again after a trial whose stream was left without a word", async () => {
  using time = new FakeTime();
  const scripted = new ScriptedModel(failing(status(401)));
  const model = new ResilientModel(scripted);
  await open(model, scripted);
  time.tick(BREAKER_OPEN_MS);
  scripted.script = () => inOrder(wordParts("hello"));
  await (await model.open({ prompt })).leave();
  await time.runMicrotasks();
  assertInstanceOf((await run(model)).error, AppError);
  time.tick(BREAKER_OPEN_MS);
  assertEquals((await run(model)).error, undefined);
});
