import { assert, assertEquals, assertInstanceOf, assertStringIncludes } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { createAiSdkModel, loadModel } from "../../lib/agents/ai_sdk_model.ts";
import type { AgentTool } from "../../lib/agents/model.ts";
import { currentTime } from "../../lib/agents/tools/current_time.ts";
import { AppError } from "../../lib/errors.ts";
import {
  answerRequest,
  collect,
  finishPart,
  inOrder,
  ScriptedModel,
  testAgent,
  thenSilence,
  WITHOUT_SDK,
  wordParts,
} from "../support/answers.ts";

const silenceMs = 30_000;
const ignore = WITHOUT_SDK;

// Loaded before any test runs: a module load is a resource that the sanitizer would count.
if (!ignore) await loadModel({ silenceMs });

function scripted(languageModel: ScriptedModel) {
  return createAiSdkModel({ languageModel, name: "scripted", silenceMs, now: Date.now });
}

Deno.test({
  name: "AiSdkModel streams a plain answer from start to finish, with message and run id",
  ignore,
  async fn() {
    const model = await scripted(new ScriptedModel(() => inOrder(wordParts("Hello ", "there"))));
    const { chunks, error } = await collect(model.stream(answerRequest("hi")));
    assertEquals(error, undefined);
    assertEquals(chunks, [
      { type: "start", messageId: "message-1", messageMetadata: { runId: "run-1" } },
      { type: "start-step" },
      { type: "text-start", id: "t" },
      { type: "text-delta", id: "t", delta: "Hello " },
      { type: "text-delta", id: "t", delta: "there" },
      { type: "text-end", id: "t" },
      { type: "finish-step" },
      { type: "finish", finishReason: "stop" },
    ]);
  },
});

Deno.test({
  name: "AiSdkModel gives the model the instructions and all turns with words in order",
  ignore,
  async fn() {
    const languageModel = new ScriptedModel(() => inOrder(wordParts("ok")));
    const model = await scripted(languageModel);
    await collect(model.stream(answerRequest("three", {
      earlier: [{ role: "user", text: "one" }, { role: "assistant", text: "" }, {
        role: "assistant",
        text: "two",
      }],
    })));
    const prompt = languageModel.calls[0]?.prompt.map(({ role, content }) => [
      role,
      typeof content === "string" ? content : content.map((part) => "text" in part && part.text),
    ]);
    assertEquals(prompt, [
      ["system", "Be brief."],
      ["user", ["one"]],
      ["assistant", ["two"]],
      ["user", ["three"]],
    ]);
  },
});

/** Calls `toolName` in every step until it may not, then speaks. */
function toolCaller(toolName: string, input: unknown): ScriptedModel {
  return new ScriptedModel(({ prompt, toolChoice }) => {
    if (toolChoice?.type === "none") return inOrder(wordParts("enough"));
    const step = prompt.filter(({ role }) => role === "tool").length;
    return inOrder([{
      type: "tool-call",
      toolCallId: `call-${step}`,
      toolName,
      input: JSON.stringify(input),
    }, finishPart("tool-calls")]);
  });
}

Deno.test({
  name: "AiSdkModel runs tools until the agent's last step, which must answer in words",
  ignore,
  async fn() {
    const languageModel = toolCaller("currentTime", { zone: "UTC" });
    const model = await scripted(languageModel);
    const agent = testAgent({ tools: { currentTime }, maxSteps: 3 });
    const { chunks, text } = await collect(model.stream(answerRequest("time?", { agent })));
    assertEquals(languageModel.calls.length, 3);
    assertEquals(chunks.filter(({ type }) => type === "tool-output-available").length, 2);
    assertEquals(text, "enough");
  },
});

Deno.test({
  name: "AiSdkModel tells the model in words why a tool failed, and the client only that it did",
  ignore,
  async fn() {
    const languageModel = toolCaller("currentTime", { zone: "Mars/Olympus" });
    const model = await scripted(languageModel);
    const agent = testAgent({ tools: { currentTime }, maxSteps: 2 });
    const { chunks } = await collect(model.stream(answerRequest("time?", { agent })));
    assertStringIncludes(JSON.stringify(languageModel.calls[1]?.prompt), "There is no time zone");
    const failed = chunks.find((chunk) => chunk.type === "tool-output-error");
    assertEquals(failed?.errorText, "The tool failed.");
  },
});

Deno.test({
  name: "AiSdkModel hides from model and client what an unexpected tool error says",
  ignore,
  async fn() {
    const broken: AgentTool = {
      ...currentTime,
      execute: () => Promise.reject(new Error("secret path /var/db")),
    };
    const languageModel = toolCaller("broken", {});
    const model = await scripted(languageModel);
    const agent = testAgent({ tools: { broken }, maxSteps: 2 });
    const { chunks } = await collect(model.stream(answerRequest("go", { agent })));
    const seen = JSON.stringify([chunks, languageModel.calls.map(({ prompt }) => prompt)]);
    assert(!seen.includes("secret"));
    assertStringIncludes(seen, "The tool failed.");
  },
});

Deno.test({
  name: "AiSdkModel reports a call of an unknown tool, or with a wrong input, as not valid",
  ignore,
  async fn() {
    for (const [name, input] of [["nothing", {}], ["currentTime", { zone: 5 }]] as const) {
      const model = await scripted(toolCaller(name, input));
      const agent = testAgent({ tools: { currentTime }, maxSteps: 2 });
      const { chunks, text } = await collect(model.stream(answerRequest("go", { agent })));
      const failed = chunks.find((chunk) => chunk.type === "tool-input-error");
      assertEquals(failed?.errorText, "The tool call is not valid.");
      assertEquals(text, "enough");
    }
  },
});

Deno.test({
  name: "AiSdkModel throws MODEL_TIMEOUT where no first part comes in time",
  ignore,
  async fn() {
    using time = new FakeTime();
    const languageModel = new ScriptedModel(({ abortSignal }) => thenSilence([], abortSignal));
    const model = await scripted(languageModel);
    const answer = collect(model.stream(answerRequest("hi")));
    await time.tickAsync(silenceMs);
    const { error } = await answer;
    assertInstanceOf(error, AppError);
    assertEquals(error.code, "MODEL_TIMEOUT");
    assertEquals(languageModel.calls[0]?.abortSignal?.aborted, true);
    assertEquals(model.degraded, true);
  },
});

Deno.test({
  name: "AiSdkModel counts the model's silence anew from each part",
  ignore,
  async fn() {
    using time = new FakeTime();
    const words = wordParts("slow ", "but ", "there");
    const languageModel = new ScriptedModel(async function* () {
      for (const part of words) {
        await new Promise((resolve) => setTimeout(resolve, silenceMs - 1));
        yield part;
      }
    });
    const model = await scripted(languageModel);
    const answer = collect(model.stream(answerRequest("hi")));
    for (let part = 0; part < words.length; part++) await time.tickAsync(silenceMs - 1);
    assertEquals((await answer).error, undefined);
  },
});

Deno.test({
  name: "AiSdkModel throws MODEL_TIMEOUT where the model falls silent, its text so far streamed",
  ignore,
  async fn() {
    using time = new FakeTime();
    const languageModel = new ScriptedModel(({ abortSignal }) =>
      thenSilence(wordParts("half ").slice(0, 3), abortSignal)
    );
    const model = await scripted(languageModel);
    const answer = collect(model.stream(answerRequest("hi")));
    await time.tickAsync(silenceMs);
    const { error, text } = await answer;
    assertInstanceOf(error, AppError);
    assertEquals(error.code, "MODEL_TIMEOUT");
    assertEquals(text, "half ");
  },
});

Deno.test({
  name: "AiSdkModel does not take a tool's time for silence, and gives it ten seconds",
  ignore,
  async fn() {
    using time = new FakeTime();
    const aborted = Promise.withResolvers<void>();
    const endless: AgentTool = {
      ...currentTime,
      execute: (_, { signal }) => {
        signal.addEventListener("abort", () => aborted.resolve(), { once: true });
        return new Promise(() => {});
      },
    };
    const languageModel = toolCaller("endless", {});
    const model = await createAiSdkModel({ languageModel, name: "scripted", silenceMs: 1_000 });
    const agent = testAgent({ tools: { endless }, maxSteps: 2 });
    const answer = collect(model.stream(answerRequest("go", { agent })));
    await time.tickAsync(9_999);
    assertEquals(languageModel.calls.length, 1);
    await time.tickAsync(1);
    const { error, text } = await answer;
    await aborted.promise;
    assertEquals([error, text], [undefined, "enough"]);
    assertStringIncludes(JSON.stringify(languageModel.calls[1]?.prompt), "did not answer in time");
  },
});

Deno.test({
  name: "AiSdkModel throws MODEL_UNAVAILABLE for an end without, or with a failed, finish reason",
  ignore,
  async fn() {
    const ends = [[], [finishPart("error")], [{
      type: "finish" as const,
      finishReason: { unified: "other" as const, raw: undefined },
      usage: { inputTokens: NO_TOKENS, outputTokens: NO_TOKENS },
    }]];
    for (const end of ends) {
      const parts = [...wordParts("half").slice(0, 3), ...end];
      const model = await scripted(new ScriptedModel(() => inOrder(parts)));
      const { error, text } = await collect(model.stream(answerRequest("hi")));
      assertInstanceOf(error, AppError);
      assertEquals(error.code, "MODEL_UNAVAILABLE");
      assertInstanceOf(error.cause, Error);
      assertEquals(text, "half");
    }
  },
});

// One shape that has the fields of both kinds of tokens.
const NO_TOKENS = {
  total: undefined,
  noCache: undefined,
  cacheRead: undefined,
  cacheWrite: undefined,
  text: undefined,
  reasoning: undefined,
};

Deno.test({
  name: "AiSdkModel takes a finish reason that only its endpoint knows for an end",
  ignore,
  async fn() {
    const parts = [...wordParts("whole").slice(0, 4), finishPart("other", "eos")];
    const model = await scripted(new ScriptedModel(() => inOrder(parts)));
    const { chunks, error } = await collect(model.stream(answerRequest("hi")));
    assertEquals(error, undefined);
    assertEquals(chunks.at(-1), { type: "finish", finishReason: "other" });
  },
});

Deno.test({
  name: "AiSdkModel throws the signal's reason and ends the call when the run is cancelled",
  ignore,
  async fn() {
    const languageModel = new ScriptedModel(({ abortSignal }) =>
      thenSilence(wordParts("half").slice(0, 3), abortSignal)
    );
    const model = await scripted(languageModel);
    for (const reason of [new DOMException("stop", "AbortError"), new Error("drain")]) {
      const run = new AbortController();
      const texts: string[] = [];
      let thrown: unknown;
      try {
        for await (const chunk of model.stream(answerRequest("hi", { signal: run.signal }))) {
          if (chunk.type === "text-delta") {
            texts.push(chunk.delta);
            run.abort(reason);
          }
        }
      } catch (error) {
        thrown = error;
      }
      assertEquals(thrown, reason);
      assertEquals(texts, ["half"]);
      assertEquals(languageModel.calls.at(-1)?.abortSignal?.aborted, true);
    }
    assertEquals(model.degraded, false);
  },
});

Deno.test({
  name: "AiSdkModel does not call the model for a run that is cancelled already",
  ignore,
  async fn() {
    const languageModel = new ScriptedModel(() => inOrder(wordParts("late")));
    const model = await scripted(languageModel);
    const { chunks, error } = await collect(
      model.stream(answerRequest("hi", { signal: AbortSignal.abort("gone") })),
    );
    assertEquals([chunks, error, languageModel.calls.length], [[], "gone", 0]);
  },
});

Deno.test({
  name: "AiSdkModel ends the model's call when its reader leaves",
  ignore,
  async fn() {
    const languageModel = new ScriptedModel(({ abortSignal }) =>
      thenSilence(wordParts("half").slice(0, 3), abortSignal)
    );
    const model = await scripted(languageModel);
    for await (const chunk of model.stream(answerRequest("hi"))) {
      if (chunk.type === "text-delta") break;
    }
    assertEquals(languageModel.calls[0]?.abortSignal?.aborted, true);
    assertEquals(model.degraded, false);
  },
});

Deno.test({
  name: "loadModel makes the offline model where no endpoint is configured",
  ignore,
  async fn() {
    const model = await loadModel({ silenceMs });
    assertEquals([model.name, model.degraded], ["offline", false]);
  },
});
