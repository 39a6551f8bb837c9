import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import type { CallOptions, StreamPart } from "../../lib/agents/language_model.ts";
import type { CallOpener, OpenCall } from "../../lib/agents/open_call.ts";
import { TracedModel } from "../../lib/agents/traced_model.ts";
import { AppError } from "../../lib/errors.ts";
import { NO_TRACER } from "../../lib/observe/tracing.ts";
import { openCall, partsOf } from "../support/answers.ts";
import { RecordedTraces } from "../support/recorded_traces.ts";

const OPTIONS: CallOptions = { prompt: [] };

const PARTS: readonly StreamPart[] = [
  { type: "stream-start", warnings: [] },
  { type: "text-start", id: "t" },
  { type: "text-delta", id: "t", delta: "s3cret" },
  {
    type: "finish",
    finishReason: { unified: "stop", raw: "stop" },
    usage: {
      inputTokens: { total: 7, noCache: 7, cacheRead: undefined, cacheWrite: undefined },
      outputTokens: { total: 3, text: 3, reasoning: undefined },
    },
  },
];

/** A model whose call is opened by `open`. */
function modelOf(open: () => ReadableStream<StreamPart> | Error): CallOpener {
  return {
    provider: "test",
    modelId: "tiny",
    open: () => {
      const stream = open();
      return stream instanceof Error ? Promise.reject(stream) : Promise.resolve(openCall(stream));
    },
  };
}

async function readAll(call: OpenCall): Promise<StreamPart[]> {
  return await Array.fromAsync(partsOf(call));
}

Deno.test("TracedModel passes every part on, and its span tells tokens and the first part, and no text", async () => {
  const traces = new RecordedTraces();
  const model = new TracedModel(modelOf(() => ReadableStream.from(PARTS)), traces.tracing);
  const call = await model.open(OPTIONS);
  assertEquals(traces.named("chat tiny").ended, 0);
  assertEquals(await readAll(call), PARTS);
  const { attributes, events, error, ended } = traces.named("chat tiny");
  assertEquals(attributes, {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "test",
    "gen_ai.request.model": "tiny",
    "gen_ai.response.finish_reasons": "stop",
    "gen_ai.usage.input_tokens": 7,
    "gen_ai.usage.output_tokens": 3,
  });
  assertEquals([events.map(({ name }) => name), error, ended], [["first part"], null, 1]);
});

Deno.test("TracedModel opens the call within its span", async () => {
  const traces = new RecordedTraces();
  const open = (): ReadableStream<StreamPart> => {
    traces.tracing.begin("request").end();
    return ReadableStream.from(PARTS);
  };
  await readAll(await new TracedModel(modelOf(open), traces.tracing).open(OPTIONS));
  assertEquals(traces.tree(), ["chat tiny", "  request"]);
});

Deno.test("TracedModel marks a call that is refused, or breaks, with the code that clients see", async () => {
  const broken = (): ReadableStream<StreamPart> =>
    new ReadableStream({ pull: (controller) => controller.error(new AppError("MODEL_TIMEOUT")) });
  const refused = new TypeError("at https://s3cret");
  const traces = new RecordedTraces();
  const one = new TracedModel(modelOf(() => refused), traces.tracing);
  assertStrictEquals(await assertRejects(() => one.open(OPTIONS)), refused);
  const other = new TracedModel(modelOf(broken), traces.tracing);
  const call = await other.open(OPTIONS);
  await assertRejects(() => readAll(call), AppError);
  assertEquals(traces.spans.map(({ error, ended }) => [error, ended]), [
    ["MODEL_UNAVAILABLE", 1],
    ["MODEL_TIMEOUT", 1],
  ]);
});

Deno.test("TracedModel counts a call that its caller left as no failure", async () => {
  const traces = new RecordedTraces();
  const left = new AbortController();
  const failing = new ReadableStream<StreamPart>({
    pull(controller) {
      left.abort();
      controller.error(left.signal.reason);
    },
  });
  const aborted = new TracedModel(modelOf(() => failing), traces.tracing);
  const call = await aborted.open({ ...OPTIONS, abortSignal: left.signal });
  await assertRejects(() => readAll(call));
  const cancelled = new TracedModel(modelOf(() => ReadableStream.from(PARTS)), traces.tracing);
  await (await cancelled.open(OPTIONS)).leave();
  for (const { events, error, ended } of traces.spans) {
    assertEquals([events.map(({ name }) => name), error, ended], [["left"], null, 1]);
  }
  assertEquals(traces.spans.length, 2);
});

Deno.test("TracedModel leaves the call as it is where nothing is traced", async () => {
  const own = openCall(ReadableStream.from(PARTS));
  const model = { provider: "test", modelId: "tiny", open: () => Promise.resolve(own) };
  assertStrictEquals(await new TracedModel(model, NO_TRACER).open(OPTIONS), own);
  await own.leave();
});
