import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { AppError } from "../../lib/errors.ts";
import { Instance, Logs, pass } from "../support/instance.ts";
import { memoryStore } from "../support/kv.ts";
import { type PuppetCall, PuppetModel } from "../support/puppet_model.ts";
import { RecordedTraces } from "../support/recorded_traces.ts";

const speak = (call: PuppetCall): void => call.begin().words("well").finish();

Deno.test("a run's span is part of what asked for it, also where it waited for another", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const traces = new RecordedTraces();
  const { tracing: tracer } = traces;
  const model = new PuppetModel();
  await using one = new Instance(opened.store, { model, tracer });
  await tracer.span("asks first", {}, () => one.say("a"));
  const first = await model.nextCall();
  const { runId } = await tracer.span("asks second", {}, () => one.say("b"));
  speak(first);
  speak(await model.nextCall());
  await pass(time, () => one.told.outcomes.length === 2);

  assertEquals(traces.tree(), ["asks first", "  run", "asks second", "  run"]);
  const second = traces.spans.at(-1)!;
  assertEquals(second.attributes, {
    "drawbridge.run.id": runId,
    "drawbridge.run.attempt": 1,
    "drawbridge.run.outcome": "completed",
    "gen_ai.agent.name": "test",
  });
  assertEquals([second.error, second.ended], [null, 1]);
});

Deno.test("a run that was taken over is a trace of its own, linked to what came upon it", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const logs = new Logs(opened.kv, "dead");
  await logs.chunks.release(await logs.start("a"));
  const traces = new RecordedTraces();
  const { tracing: tracer } = traces;
  await using one = new Instance(opened.store, { model: new PuppetModel(speak), tracer });
  await tracer.span("looks", {}, () => one.supervisor.recover());
  await pass(time, () => one.told.outcomes.length === 1);

  const run = traces.named("run");
  assertEquals([run.parent, run.attributes["drawbridge.run.attempt"]], [null, 2]);
  assertStrictEquals(run.link, traces.named("looks"));
});

Deno.test("a run that fails says with which code", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const traces = new RecordedTraces();
  const model = new PuppetModel((call) =>
    call.fail(new AppError("MODEL_UNAVAILABLE", { cause: new Error("s3cret") }))
  );
  await using one = new Instance(opened.store, { model, tracer: traces.tracing });
  await one.say("a");
  await pass(time, () => one.told.outcomes.length === 1);
  const { attributes, error } = traces.named("run");
  assertEquals([attributes["drawbridge.run.outcome"], error], ["failed", "MODEL_UNAVAILABLE"]);
  assert(!JSON.stringify(attributes).includes("s3cret"));
});
