import { assert, assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { z } from "zod";
import { runnableTools } from "../../lib/agents/tool_runner.ts";
import { AppError } from "../../lib/errors.ts";
import { StartupBarrier } from "../../lib/startup/barrier.ts";
import { phase, plan } from "../../lib/startup/phases.ts";
import { Startup } from "../../lib/startup/startup.ts";
import { testAgent } from "../support/answers.ts";
import { RecordedTraces } from "../support/recorded_traces.ts";
import { elapse, fakeNow, noJitter, stays } from "../startup/support.ts";

Deno.test("a start-up's phases are spans below it, failed tries events, and background retries spans of their own", async () => {
  using time = new FakeTime();
  const traces = new RecordedTraces();
  let storeTries = 0;
  let modelTries = 0;
  const store = phase({
    name: "store",
    critical: true,
    run: () =>
      ++storeTries < 3
        ? Promise.reject(new AppError("STORE_UNAVAILABLE", { cause: new Error("at s3cret") }))
        : Promise.resolve("store"),
  });
  const model = phase({
    name: "model",
    critical: false,
    run: () =>
      ++modelTries < 2 ? Promise.reject(new TypeError("s3cret")) : Promise.resolve("model"),
  });
  const startup = new Startup({
    plan: plan({ store, model }, () => ({})),
    barrier: new StartupBarrier({ random: noJitter }),
    timeoutMs: 60_000,
    tracer: traces.tracing,
    random: noJitter,
    now: fakeNow,
  });
  startup.start();
  await elapse(time, 5_000);
  assertEquals(traces.tree(), [
    "startup",
    "  startup store",
    "  startup model",
    "  startup model",
  ]);
  const failed = { name: "try failed", attributes: { "error.type": "STORE_UNAVAILABLE" } };
  const { events, error } = traces.named("startup store");
  assertEquals([events, error], [[failed, failed], null]);
  const [first, second] = traces.spans.filter(({ name }) => name === "startup model");
  assertEquals([first?.error, second?.error], ["TypeError", null]);
  assert(traces.spans.every(({ ended }) => ended === 1));
  await startup.stop();
});

Deno.test("a start-up that fails says with what, and its next attempt is a trace of its own", async () => {
  using time = new FakeTime();
  const traces = new RecordedTraces();
  const store = phase({
    name: "store",
    critical: true,
    run: () => Promise.reject(new TypeError("s3cret")),
  });
  const startup = new Startup({
    plan: plan({ store }, () => ({})),
    barrier: new StartupBarrier({ random: noJitter }),
    timeoutMs: 60_000,
    tracer: traces.tracing,
    random: noJitter,
    now: fakeNow,
  });
  startup.start();
  await elapse(time, 5_000);
  const attempts = traces.spans.filter(({ name }) => name === "startup");
  assertEquals(attempts.map(({ parent }) => parent), [null, null]);
  assertEquals(attempts[0]?.error, "PhaseFailure");
  assertEquals(attempts.map(({ attributes }) => attributes["drawbridge.startup.attempt"]), [1, 2]);
  await startup.stop();
});

Deno.test("a tool's call is a span below what runs it, and says of a fault only its class", async () => {
  const traces = new RecordedTraces();
  const { tools } = testAgent({
    tools: {
      works: {
        description: "",
        inputSchema: z.unknown(),
        execute: () => traces.tracing.span("inside", {}, () => Promise.resolve("s3cret")),
      },
      fails: {
        description: "",
        inputSchema: z.unknown(),
        execute: () => Promise.reject(new Error("s3cret")),
      },
    },
  });
  const context = { subject: "alice", threadId: "t1", replyToSeq: 1, signal: stays() };
  const runnable = runnableTools(tools, {
    context,
    toSchema: ({ inputSchema }) => inputSchema,
    tracer: traces.tracing,
  });
  await traces.tracing.span("run", {}, async () => {
    await runnable["works"]!.execute("s3cret");
    await runnable["fails"]!.execute("s3cret").catch(() => {});
  });
  assertEquals(traces.tree(), [
    "run",
    "  execute_tool works",
    "    inside",
    "  execute_tool fails",
  ]);
  assertEquals(traces.named("execute_tool fails").error, "ToolError");
  assertEquals(traces.named("execute_tool works").attributes, {
    "gen_ai.operation.name": "execute_tool",
    "gen_ai.tool.name": "works",
  });
});
