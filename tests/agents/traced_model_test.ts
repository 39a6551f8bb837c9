import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import type { CallOptions, LanguageModel, StreamPart } from "../../lib/agents/language_model.ts";
import { TracedModel } from "../../lib/agents/traced_model.ts";
import { AppError } from "../../lib/errors.ts";
import { NO_TRACER } from "../../lib/observe/tracing.ts";
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
function modelOf(open: () => ReadableStream<StreamPart> | Error): LanguageModel {
  return {
    specificationVersion: "v4",
    provider: "test",
    modelId: "tiny",
    supportedUrls: {},
    doGenerate: () => Promise.reject(new Error("not used")),
    doStream: () => {
      const stream = open();
      return stream instanceof Error ? Promise.reject(stream) : Promise.resolve({ stream });
    },
  };
}

async function readAll(stream: ReadableStream<StreamPart>): Promise<StreamPart[]> {
  return await Array.fromAsync(stream);
}

Deno.test("TracedModel passes every part on, and its span tells tokens and the first part, and no text", async () => {
  const traces = new RecordedTraces();
  const model = new TracedModel(modelOf(() => ReadableStream.from(PARTS)), traces.tracing);
  const { stream } = await model.doStream(OPTIONS);
  assertEquals(traces.named("chat tiny").ended, 0);
  assertEquals(await readAll(stream), PARTS);
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
  await readAll((await new TracedModel(modelOf(open), traces.tracing).doStream(OPTIONS)).stream);
  assertEquals(traces.tree(), ["chat tiny", "  request"]);
});

Deno.test("TracedModel marks a call that is refused, or breaks, with the code that clients see", async () => {
  const broken = (): ReadableStream<StreamPart> =>
    new ReadableStream({ pull: (controller) => controller.error(new AppError("MODEL_TIMEOUT")) });
  const refused = new TypeError("at https://s3cret");
  const traces = new RecordedTraces();
  const one = new TracedModel(modelOf(() => refused), traces.tracing);
  assertStrictEquals(await assertRejects(() => one.doStream(OPTIONS)), refused);
  const other = new TracedModel(modelOf(broken), traces.tracing);
  const { stream } = await other.doStream(OPTIONS);
  await assertRejects(() => readAll(stream), AppError);
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
  const { stream } = await aborted.doStream({ ...OPTIONS, abortSignal: left.signal });
  await assertRejects(() => readAll(stream));
  const cancelled = new TracedModel(modelOf(() => ReadableStream.from(PARTS)), traces.tracing);
  await (await cancelled.doStream(OPTIONS)).stream.cancel();
  for (const { events, error, ended } of traces.spans) {
    assertEquals([events.map(({ name }) => name), error, ended], [["left"], null, 1]);
  }
  assertEquals(traces.spans.length, 2);
});

Deno.test("TracedModel leaves the stream as it is where nothing is traced", async () => {
  const own = ReadableStream.from(PARTS);
  const { stream } = await new TracedModel(modelOf(() => own), NO_TRACER).doStream(OPTIONS);
  assertStrictEquals(stream, own);
  await stream.cancel();
});
