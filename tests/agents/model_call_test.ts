import { assertEquals, assertThrows } from "@std/assert";
import type { StreamPart } from "../../lib/agents/language_model.ts";
import { ModelCall } from "../../lib/agents/model_call.ts";
import { BrokenAnswer } from "../../lib/agents/model_faults.ts";
import { finishPart, wordParts } from "../support/answers.ts";

function callOf(...parts: StreamPart[]): ModelCall {
  const call = new ModelCall();
  for (const part of parts) call.add(part);
  return call;
}

const END = finishPart("stop") as Extract<StreamPart, { type: "finish" }>;

Deno.test("ModelCall joins the deltas of each block, in the order in which blocks begin", () => {
  const { content } = callOf(
    { type: "reasoning-start", id: "0" },
    { type: "text-start", id: "0" },
    { type: "text-delta", id: "0", delta: "Hel" },
    { type: "reasoning-delta", id: "0", delta: "hm" },
    { type: "text-delta", id: "0", delta: "lo" },
    { type: "reasoning-end", id: "0" },
    { type: "text-end", id: "0" },
    END,
  ).result();
  assertEquals(content, [{ type: "reasoning", text: "hm" }, { type: "text", text: "Hello" }]);
});

Deno.test("ModelCall keeps a block's newest metadata, and its citations", () => {
  const [first, last] = [{ p: { at: "first" } }, { p: { at: "last" } }];
  const { content } = callOf(
    { type: "reasoning-start", id: "r", providerMetadata: first },
    { type: "reasoning-delta", id: "r", delta: "hm", providerMetadata: last },
    { type: "reasoning-end", id: "r" },
    { type: "text-start", id: "t" },
    { type: "text-delta", id: "t", delta: "as said", providerMetadata: first },
    { type: "text-end", id: "t", citations: [], providerMetadata: last },
    END,
  ).result();
  assertEquals(content, [
    { type: "reasoning", text: "hm", providerMetadata: last },
    { type: "text", text: "as said", providerMetadata: last, citations: [] },
  ]);
});

Deno.test("ModelCall keeps tool calls, files and sources as they are, and why the call ended", () => {
  const toolCall: StreamPart = {
    type: "tool-call",
    toolCallId: "c",
    toolName: "currentTime",
    input: "{}",
  };
  const source: StreamPart = { type: "source", sourceType: "url", id: "s", url: "https://a.test" };
  const result = callOf(
    { type: "stream-start", warnings: [{ type: "other", message: "slow" }] },
    { type: "response-metadata", id: "r1", modelId: "m1" },
    ...[toolCall, source],
    { ...END, providerMetadata: { p: { tokens: 1 } } },
  ).result();
  assertEquals(result, {
    content: [toolCall, source],
    finishReason: END.finishReason,
    usage: END.usage,
    warnings: [{ type: "other", message: "slow" }],
    providerMetadata: { p: { tokens: 1 } },
    response: { id: "r1", modelId: "m1" },
  });
});

Deno.test("ModelCall refuses what is no whole answer", () => {
  for (const type of ["text-delta", "reasoning-delta"] as const) {
    assertThrows(() => callOf({ type, id: "t", delta: "lost" }), BrokenAnswer, "not begun");
  }
  const parts = wordParts("one").slice(0, 4);
  // A block that has ended does not go on.
  assertThrows(() => callOf(...parts, ...parts.slice(2, 3)), BrokenAnswer, "not begun");
  assertThrows(() => callOf(...parts).result(), BrokenAnswer, "finish reason");
  assertThrows(() => callOf({ type: "error", error: new Error("boom") }), Error, "boom");
});
