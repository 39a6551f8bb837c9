/** The model side against a real endpoint on loopback that answers badly. */
import { assert, assertEquals, assertInstanceOf, assertStringIncludes } from "@std/assert";
import { loadModel } from "../../lib/agents/ai_sdk_model.ts";
import type { AnswerModel, Chunk } from "../../lib/agents/model.ts";
import { currentTime } from "../../lib/agents/tools/current_time.ts";
import { AppError } from "../../lib/errors.ts";
import { answerRequest, collect, testAgent, WITHOUT_SDK_AND_LOOPBACK } from "../support/answers.ts";
import {
  answerCut,
  answerEndless,
  answerHtml,
  answerHugeLine,
  answerNever,
  answerRaw,
  answerReset,
  answerSilent,
  answerStatus,
  answerText,
  answerToolCall,
  endEvents,
  ModelServer,
  sse,
} from "../support/model_server.ts";

const ignore = WITHOUT_SDK_AND_LOOPBACK;
const apiKey = "sk-secret-0123456789";

function connect(server: ModelServer, silenceMs = 30_000): Promise<AnswerModel> {
  return loadModel({ baseUrl: server.baseUrl, apiKey, model: "gpt-test", silenceMs });
}

// Loaded before any test runs: a module load is a resource that the sanitizer would count.
if (!ignore) await loadModel({ baseUrl: "http://127.0.0.1:9/v1", model: "warm", silenceMs: 1 });

/** Everything that an error and its causes say. */
function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return [Deno.inspect(error), wordsOf(error.cause ?? "")].join("\n");
}

Deno.test({
  name: "loadModel asks the configured endpoint with its model and key",
  ignore,
  async fn() {
    await using server = new ModelServer(answerText("Hello big world"));
    const model = await connect(server);
    const { text, error } = await collect(model.stream(answerRequest("hi")));
    assertEquals([text, error, model.name, model.degraded], [
      "Hello big world",
      undefined,
      "gpt-test",
      false,
    ]);
    const [request] = server.requests;
    assertEquals(request?.path, "/v1/chat/completions");
    assertEquals(request?.headers.get("authorization"), `Bearer ${apiKey}`);
    assertEquals([request?.body["model"], request?.body["stream"]], ["gpt-test", true]);
  },
});

Deno.test({
  name: "A tool call over the wire runs its tool and streams the answer of the next step",
  ignore,
  async fn() {
    await using server = new ModelServer(
      answerToolCall("currentTime", { zone: "UTC" }),
      answerText("Now."),
    );
    const model = await connect(server);
    const agent = testAgent({ tools: { currentTime } });
    const { chunks } = await collect(model.stream(answerRequest("time?", { agent })));
    assertEquals(chunks.map(({ type }) => type), [
      "start",
      "start-step",
      "tool-input-start",
      "tool-input-delta",
      "tool-input-delta",
      "tool-input-available",
      "tool-output-available",
      "finish-step",
      "start-step",
      "text-start",
      "text-delta",
      "text-end",
      "finish-step",
      "finish",
    ]);
  },
});

const BROKEN = {
  "ends in good order without a finish reason": answerCut("Hello there"),
  "cuts the connection in the middle of an event": answerReset("Hello there"),
  "sends an HTML page": answerHtml(),
  "sends lines that are no JSON": answerRaw(["data: {nope\n\n", ...endEvents()]),
  "sends JSON that is no chunk": answerRaw(["data: 5\n\n", ...endEvents()]),
  "sends nothing but an end mark": answerRaw(["data: [DONE]\n\n"]),
  "sends an empty body": answerRaw([]),
  "reports an error in its stream": answerRaw([sse({ error: { message: "overloaded" } })]),
  "sends bytes that are no text": answerRaw([new Uint8Array(4_096).fill(0xff)]),
  "refuses the key": answerStatus(401, { message: `Incorrect API key: ${apiKey}` }),
};

for (const [fault, answer] of Object.entries(BROKEN)) {
  Deno.test({
    name: `An endpoint that ${fault} is MODEL_UNAVAILABLE, after one request`,
    ignore,
    async fn() {
      await using server = new ModelServer(answer);
      const model = await connect(server);
      const { chunks, error } = await collect(model.stream(answerRequest("my question")));
      assertInstanceOf(error, AppError);
      assertEquals(error.code, "MODEL_UNAVAILABLE");
      assertEquals(server.requests.length, 1);
      assertEquals(model.degraded, true);
      assert(!chunks.some(({ type }) => type === "error" || type === "abort" || type === "finish"));
      const words = wordsOf(error);
      for (const private_ of [apiKey, "my question", "127.0.0.1"]) {
        assert(!words.includes(private_), `${words}\nholds ${private_}`);
      }
    },
  });
}

Deno.test({
  name: "A cut answer keeps the text that came before the cut",
  ignore,
  async fn() {
    for (const answer of [answerCut("Hello there"), answerReset("Hello there")]) {
      await using server = new ModelServer(answer);
      const model = await connect(server);
      const { text } = await collect(model.stream(answerRequest("hi")));
      assertEquals(text, "Hello there");
    }
  },
});

Deno.test({
  name: "Bytes that are no UTF-8 within a well-formed chunk become replacement characters",
  ignore,
  async fn() {
    const [head = "", tail = ""] = sse({ choices: [{ delta: { content: "a|b" } }] }).split("|");
    await using server = new ModelServer(
      answerRaw([head, new Uint8Array([0xff, 0xfe]), tail, ...endEvents()]),
    );
    const { text, error } = await collect((await connect(server)).stream(answerRequest("hi")));
    assertEquals([text, error], ["a\ufffd\ufffdb", undefined]);
  },
});

Deno.test({
  name: "An endpoint that refuses the connection is MODEL_UNAVAILABLE after three tries",
  ignore,
  async fn() {
    let tries = 0;
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const baseUrl = `http://127.0.0.1:${listener.addr.port}/v1`;
    listener.close();
    const model = await loadModel({
      baseUrl,
      model: "gone",
      silenceMs: 30_000,
      fetch: (input, init) => {
        tries++;
        return fetch(input, init);
      },
    });
    const { error } = await collect(model.stream(answerRequest("hi")));
    assertInstanceOf(error, AppError);
    assertEquals([error.code, tries], ["MODEL_UNAVAILABLE", 3]);
    assert(!wordsOf(error).includes("127.0.0.1"));
  },
});

Deno.test({
  name: "An endpoint that recovers within two retries gives its answer",
  ignore,
  async fn() {
    await using server = new ModelServer(
      answerStatus(429, { headers: { "retry-after": "0" } }),
      answerStatus(503),
      answerText("Back again"),
    );
    const model = await connect(server);
    const { text, error } = await collect(model.stream(answerRequest("hi")));
    assertEquals([text, error, server.requests.length], ["Back again", undefined, 3]);
    assertEquals(model.degraded, false);
  },
});

Deno.test({
  name: "A silent endpoint is MODEL_TIMEOUT and its request is cancelled",
  ignore,
  async fn() {
    for (const answer of [answerNever(), answerSilent(), answerSilent("Hello ")]) {
      await using server = new ModelServer(answer);
      // Long enough for the request to arrive on a busy machine.
      const model = await connect(server, 1_000);
      const { error } = await collect(model.stream(answerRequest("hi")));
      assertInstanceOf(error, AppError);
      assertEquals(error.code, "MODEL_TIMEOUT");
      assertEquals(server.requests.length, 1);
      await server.whenCancelled();
    }
  },
});

Deno.test({
  name: "A line of 10 MB ends the answer long before it has been read",
  ignore,
  async fn() {
    await using server = new ModelServer(answerHugeLine(10_000_000));
    const { error } = await collect((await connect(server)).stream(answerRequest("hi")));
    assertInstanceOf(error, AppError);
    assertEquals(error.code, "MODEL_UNAVAILABLE");
    assertStringIncludes(wordsOf(error), "longer than 1048576 bytes");
    await server.whenCancelled();
  },
});

Deno.test({
  name: "An endless answer is cancelled upstream when its reader leaves, or the run is cancelled",
  ignore,
  async fn() {
    await using server = new ModelServer(answerEndless());
    const model = await connect(server);
    const isText = (chunk: Chunk) => chunk.type === "text-delta";
    for await (const chunk of model.stream(answerRequest("hi"))) if (isText(chunk)) break;
    await server.whenCancelled(1);

    const run = new AbortController();
    const { error } = await collect((async function* () {
      for await (const chunk of model.stream(answerRequest("hi", { signal: run.signal }))) {
        if (isText(chunk)) run.abort("cancelled");
        yield chunk;
      }
    })());
    assertEquals(error, "cancelled");
    await server.whenCancelled(2);
    assertEquals(model.degraded, false);
  },
});
