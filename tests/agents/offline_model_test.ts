import type { LanguageModelV4Prompt, LanguageModelV4StreamPart } from "@ai-sdk/provider";
import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { createAiSdkModel } from "../../lib/agents/ai_sdk_model.ts";
import { OfflineModel } from "../../lib/agents/offline_model.ts";
import { wordToolResult } from "../../lib/agents/offline_tool_results.ts";
import { defaultAgents } from "../../lib/agents/registry.ts";
import type { SearchHit } from "../../lib/agents/tools/search_threads.ts";
import { answerRequest, collect, WITHOUT_SDK } from "../support/answers.ts";

const model = new OfflineModel({ paceMs: 0 });

function user(text: string): LanguageModelV4Prompt[number] {
  return { role: "user", content: [{ type: "text", text }] };
}

const earlier: LanguageModelV4Prompt = [
  user("hello"),
  { role: "assistant", content: [{ type: "text", text: "hello" }] },
];

async function parts(prompt: LanguageModelV4Prompt): Promise<LanguageModelV4StreamPart[]> {
  return await Array.fromAsync((await model.doStream({ prompt })).stream);
}

function deltas(all: readonly LanguageModelV4StreamPart[]): string[] {
  return all.flatMap((part) => part.type === "text-delta" ? [part.delta] : []);
}

Deno.test("OfflineModel repeats a text word by word, byte for byte", async () => {
  for (const text of ["one  two\nthree ", "  grüße\t🏰 ", "/unknown command", "word"]) {
    const spoken = deltas(await parts([...earlier, user(text)]));
    assertEquals(spoken.join(""), text);
    assertEquals(spoken.length, text.trim().split(/\s+/).length);
  }
});

Deno.test("OfflineModel says what it is before it repeats the first message", async () => {
  const spoken = deltas(await parts([user("hello there")])).join("");
  assertEquals(spoken.endsWith("\n\nhello there"), true);
  assertStringIncludes(spoken, "offline model");
});

Deno.test("OfflineModel repeats long texts in no more than 200 pieces", async () => {
  const text = "word ".repeat(6_000);
  const spoken = deltas(await parts([...earlier, user(text)]));
  assertEquals([spoken.join(""), spoken.length], [text, 200]);
});

Deno.test("OfflineModel tells how to configure a model when asked for help", async () => {
  assertStringIncludes(deltas(await parts([user("/help")])).join(""), "OPENAI_BASE_URL");
});

Deno.test("OfflineModel counts to the number it is given, a number a delta", async () => {
  const spoken = deltas(await parts([user("/count 12 0")]));
  assertEquals(spoken.join(""), "1 2 3 4 5 6 7 8 9 10 11 12");
  assertEquals(spoken.length, 12);
});

Deno.test("OfflineModel counts to 10000 at most, and explains itself for anything else", async () => {
  const spoken = deltas(await parts([user("/count 99999999999999999999 0")]));
  assertEquals([spoken.length, spoken.at(-1)], [10_000, " 10000"]);
  for (const text of ["/count", "/count 0", "/count -3", "/count many", "/count 3 fast"]) {
    assertStringIncludes(deltas(await parts([user(text)])).join(""), "/count N [delayMs]");
  }
});

for (
  const [text, paceMs] of [["/count 3", 100], ["/count 3 250", 250], ["/count 3 60000", 5_000]]
) {
  Deno.test(`OfflineModel says a number of ${text} each ${paceMs} ms`, async () => {
    using time = new FakeTime();
    const spoken: string[] = [];
    const { stream } = await model.doStream({ prompt: [user(String(text))] });
    const running = (async () => {
      for await (const part of stream) if (part.type === "text-delta") spoken.push(part.delta);
    })();
    for (const [index, number] of ["1", " 2", " 3"].entries()) {
      await time.tickAsync(Number(paceMs) - 1);
      assertEquals(spoken.length, index);
      await time.tickAsync(1);
      await time.runMicrotasks();
      assertEquals(spoken.at(-1), number);
    }
    await running;
  });
}

Deno.test("OfflineModel stops between two numbers when its signal aborts", async () => {
  using time = new FakeTime();
  const caller = new AbortController();
  const { stream } = await model.doStream({
    prompt: [user("/count 100 5000")],
    abortSignal: caller.signal,
  });
  const running = assertRejects(() => Array.fromAsync(stream), Error, "left");
  await time.tickAsync(7_000);
  await time.runMicrotasks();
  caller.abort(new Error("left"));
  await running;
});

Deno.test("OfflineModel answers the same prompt with the same parts", async () => {
  for (const text of ["/help", "/count 3 0", "/time", "hello"]) {
    assertEquals(await parts([user(text)]), await parts([user(text)]));
  }
});

Deno.test("OfflineModel says so where the agent lacks the tool", async () => {
  assertEquals(
    deltas(await parts([user("/time")])).join(""),
    "This agent has no tool `currentTime`.",
  );
});

Deno.test("OfflineModel asks its tools for no more than they take", async () => {
  const tools = ["currentTime", "searchThreads"].map((name) => (
    { type: "function" as const, name, inputSchema: {} }
  ));
  for (const [command, input] of [["/time", "zone"], ["/search", "words"]] as const) {
    const { stream } = await model.doStream({
      prompt: [user(`${command} ${"x".repeat(900)}`)],
      tools,
    });
    const call = (await Array.fromAsync(stream)).find((part) => part.type === "tool-call");
    const length = JSON.parse(call?.input ?? "{}")[input].length;
    assertEquals(length, command === "/time" ? 64 : 200);
  }
});

Deno.test("OfflineModel generates what it would stream", async () => {
  const { content } = await model.doGenerate({ prompt: [...earlier, user("hello there")] });
  assertEquals(content, [{ type: "text", text: "hello there" }]);
});

const hits: readonly SearchHit[] = [{
  threadId: "t1",
  title: null,
  seq: 1,
  excerpt: "the drawbridge is up",
  createdAt: "2026-01-01T00:00:00.000Z",
}];

/** What the whole path from the port to the model and its tools answers. */
async function ask(text: string): Promise<{ types: string[]; text: string; error: unknown }> {
  const answers = await createAiSdkModel({ languageModel: model, name: "offline", silenceMs: 500 });
  const [agent] = defaultAgents({
    search: {
      search: ({ subject, words }) =>
        words === "fail"
          ? Promise.reject(new Error("database at 10.0.0.1"))
          : Promise.resolve(subject === "alice" && words === "bridge" ? hits : []),
    },
  });
  const { chunks, text: answer, error } = await collect(answers.stream(answerRequest(text, {
    ...(agent && { agent }),
  })));
  return { types: chunks.map(({ type }) => type), text: answer, error };
}

// Loaded before any test runs: a module load is a resource that the sanitizer would count.
if (!WITHOUT_SDK) await ask("hello");

Deno.test({
  name: "OfflineModel asks the time tool for the time and words its answer",
  ignore: WITHOUT_SDK,
  async fn() {
    const { types, text } = await ask("/time Europe/Berlin");
    assertMatch(text, /^It is \w+day, [\d-]+T[\d:]+\+0[12]:00 \(Europe\/Berlin\)\.$/);
    assertEquals(types.slice(0, 6), [
      "start",
      "start-step",
      "tool-input-start",
      "tool-input-delta",
      "tool-input-available",
      "tool-output-available",
    ]);
  },
});

Deno.test({
  name: "OfflineModel tells what the time tool says of an unknown zone",
  ignore: WITHOUT_SDK,
  async fn() {
    const { types, text, error } = await ask("/time Mars");
    assertEquals(error, undefined);
    assertStringIncludes(text, 'There is no time zone "Mars"');
    assertEquals(types.includes("tool-output-error"), true);
  },
});

Deno.test("a hit stays on its line of the list, whatever Markdown it was", () => {
  const value = {
    hits: [{ title: null, excerpt: "a\n```js\n# b", createdAt: "2026-01-01T00:00:00.000Z" }],
  };
  const output = { type: "json", value } as const;
  const part = { type: "tool-result", toolCallId: "c", toolName: "searchThreads", output } as const;
  assertEquals(wordToolResult(part).split("\n"), [
    "I found one message:",
    "- 2026-01-01T00:00:00.000Z Untitled: a \\`\\`\\`js \\# b",
  ]);
});

Deno.test({
  name: "OfflineModel searches through the search tool and lists what it found",
  ignore: WITHOUT_SDK,
  async fn() {
    const found = "I found one message:\n- 2026-01-01T00:00:00.000Z Untitled: the drawbridge is up";
    assertEquals((await ask("/search bridge")).text, found);
    assertEquals((await ask("/search dragon")).text, "I found nothing with these words.");
    assertEquals((await ask("/search fail")).text, "That did not work. The tool failed.");
    assertStringIncludes((await ask("/search")).text, "Say what to look for");
  },
});
