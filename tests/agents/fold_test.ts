import { assertEquals } from "@std/assert";
import { AnswerFolder } from "../../lib/agents/fold.ts";
import type { Chunk } from "../../lib/agents/model.ts";
import { WITHOUT_SDK } from "../support/answers.ts";

/** Reasoning, a tool that works, one that fails, one that was called wrongly, and text, in two steps. */
const ANSWER: readonly Chunk[] = [
  { type: "start", messageId: "message-1", messageMetadata: { runId: "run-1" } },
  { type: "start-step" },
  { type: "reasoning-start", id: "0" },
  { type: "reasoning-delta", id: "0", delta: "hm" },
  { type: "reasoning-delta", id: "0", delta: "m" },
  { type: "reasoning-end", id: "0" },
  { type: "tool-input-start", toolCallId: "c1", toolName: "currentTime", dynamic: false },
  { type: "tool-input-delta", toolCallId: "c1", inputTextDelta: '{"zone":"UTC"}' },
  { type: "tool-input-start", toolCallId: "c2", toolName: "currentTime", dynamic: false },
  {
    type: "tool-input-available",
    toolCallId: "c1",
    toolName: "currentTime",
    input: { zone: "UTC" },
  },
  { type: "tool-input-available", toolCallId: "c2", toolName: "currentTime", input: {} },
  { type: "tool-output-available", toolCallId: "c1", output: { time: "now" }, dynamic: false },
  { type: "tool-output-error", toolCallId: "c2", errorText: "The tool failed.", dynamic: false },
  {
    type: "tool-input-error",
    toolCallId: "c3",
    toolName: "nothing",
    input: { a: 1 },
    dynamic: true,
    errorText: "The tool call is not valid.",
  },
  { type: "finish-step" },
  { type: "start-step" },
  { type: "tool-input-available", toolCallId: "c1", toolName: "currentTime", input: {} },
  { type: "tool-output-available", toolCallId: "c1", output: null },
  { type: "text-start", id: "0" },
  { type: "text-delta", id: "0", delta: "Grüße " },
  { type: "text-delta", id: "0", delta: "🏰" },
  { type: "text-end", id: "0" },
  { type: "finish-step" },
  { type: "finish", finishReason: "stop" },
];

function fold(chunks: readonly Chunk[]): AnswerFolder {
  const folder = new AnswerFolder();
  for (const chunk of chunks) folder.add(chunk);
  return folder;
}

Deno.test("AnswerFolder makes of an answer's chunks the parts of its message", () => {
  assertEquals(fold(ANSWER).parts(), [
    { type: "step-start" },
    { type: "reasoning", id: "0", text: "hmm", state: "done" },
    {
      type: "tool-currentTime",
      toolCallId: "c1",
      state: "output-available",
      input: { zone: "UTC" },
      output: { time: "now" },
    },
    {
      type: "tool-currentTime",
      toolCallId: "c2",
      state: "output-error",
      input: {},
      errorText: "The tool failed.",
    },
    {
      type: "dynamic-tool",
      toolName: "nothing",
      toolCallId: "c3",
      state: "output-error",
      input: { a: 1 },
      errorText: "The tool call is not valid.",
    },
    { type: "step-start" },
    {
      type: "tool-currentTime",
      toolCallId: "c1",
      state: "output-available",
      input: {},
      output: null,
    },
    { type: "text", text: "Grüße 🏰", state: "done" },
  ]);
});

Deno.test({
  name: "AnswerFolder makes the parts that the AI SDK's client makes, at every chunk",
  ignore: WITHOUT_SDK,
  async fn() {
    const { readUIMessageStream } = await import("ai");
    for (let length = 1; length <= ANSWER.length; length++) {
      const chunks = ANSWER.slice(0, length);
      let parts: unknown = [];
      for await (const message of readUIMessageStream({ stream: ReadableStream.from(chunks) })) {
        parts = message.parts;
      }
      // What the client holds beyond: text that streams, input that is not whole yet, and step starts
      // that it only shows with the next part.
      const asStored = JSON.parse(JSON.stringify(parts), (key, value) => {
        return key === "rawInput" || key === "providerMetadata" ? undefined : value;
      });
      const ours = fold(chunks).parts();
      if (chunks.at(-1)?.type === "start-step") ours.pop();
      assertEquals(
        normalize(ours),
        normalize(asStored),
        `after ${length} chunks`,
      );
    }
  },
});

/** Parts without what differs by design while they still stream. */
function normalize(parts: readonly Record<string, unknown>[]): Record<string, unknown>[] {
  return parts.map((part) => {
    const { input: _, ...rest } = part;
    if (part["state"] === "input-streaming") return rest;
    return part["state"] === "streaming" ? { ...part, state: "done" } : part;
  });
}

Deno.test("AnswerFolder counts UTF-8 bytes of text, reasoning and what tools got and gave", () => {
  const text = new TextEncoder().encode("hmm" + "Grüße 🏰").byteLength;
  const tools = ['{"zone":"UTC"}', "{}", '{"time":"now"}', '{"a":1}', "{}", "null"].join("").length;
  assertEquals(fold(ANSWER).bytes, text + tools);
});

Deno.test("AnswerFolder calls a text done that was cut while it streamed", () => {
  const cut = fold([{ type: "text-start", id: "0" }, {
    type: "text-delta",
    id: "0",
    delta: "half",
  }]);
  assertEquals(cut.parts(), [{ type: "text", text: "half", state: "done" }]);
});

Deno.test("AnswerFolder goes on after its parts were read, and keeps them from their reader", () => {
  const folder = fold([{ type: "text-start", id: "0" }, {
    type: "text-delta",
    id: "0",
    delta: "a",
  }]);
  const [part] = folder.parts();
  if (part !== undefined) part["text"] = "changed";
  folder.add({ type: "text-delta", id: "0", delta: "b" });
  assertEquals(folder.parts(), [{ type: "text", text: "ab", state: "done" }]);
});

Deno.test("AnswerFolder takes two texts of one id for two parts", () => {
  const text = (delta: string): Chunk[] => [
    { type: "text-start", id: "0" },
    { type: "text-delta", id: "0", delta },
    { type: "text-end", id: "0" },
  ];
  assertEquals(fold([...text("a"), ...text("b")]).parts(), [
    { type: "text", text: "a", state: "done" },
    { type: "text", text: "b", state: "done" },
  ]);
});
