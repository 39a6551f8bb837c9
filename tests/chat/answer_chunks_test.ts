import { assertEquals, assertLess } from "@std/assert";
import * as fc from "npm:fast-check@^4.10.2";
import { AnswerFolder } from "../../lib/agents/fold.ts";
import { answerChunks } from "../../lib/chat/answer_chunks.ts";
import type { MessagePart } from "../../lib/chat/entries.ts";

/** The parts that a client would have, shown these chunks. */
function refold(parts: readonly MessagePart[]): MessagePart[] {
  const folder = new AnswerFolder();
  for (const chunk of answerChunks(parts)) folder.add(chunk);
  return folder.parts();
}

const stringArbitrary = fc.string({ unit: "grapheme" });
const toolKindArbitrary = fc.constantFrom(
  { type: "tool-clock" },
  { type: "dynamic-tool", toolName: "clock" },
);
const toolStateArbitrary = fc.oneof(
  fc.constant({ state: "input-streaming" }),
  fc.record({ state: fc.constant("input-available"), input: fc.jsonValue() }),
  fc.record({
    state: fc.constant("output-available"),
    input: fc.jsonValue(),
    output: fc.jsonValue(),
  }),
  fc.record({
    state: fc.constant("output-error"),
    input: fc.jsonValue(),
    errorText: stringArbitrary,
  }),
);
const partArbitrary: fc.Arbitrary<MessagePart> = fc.oneof(
  fc.constant({ type: "step-start" }),
  fc.record({ type: fc.constant("text"), text: stringArbitrary, state: fc.constant("done") }),
  fc.record({ type: fc.constant("reasoning"), text: stringArbitrary, state: fc.constant("done") }),
  fc.tuple(toolKindArbitrary, toolStateArbitrary)
    .map(([kind, state]) => ({ ...kind, toolCallId: "", ...state })),
);
const partsArbitrary = fc.array(partArbitrary).map((parts) =>
  // A call's id is unique within its answer; the folder names a reasoning by its place in it.
  parts.map((part, index) =>
    "toolCallId" in part
      ? { ...part, toolCallId: `call-${index}` }
      : part.type === "reasoning"
      ? { ...part, id: `reasoning-${index}` }
      : part
  )
);

Deno.test("answerChunks of any parts fold to these parts", () => {
  fc.assert(fc.property(partsArbitrary, (parts) => assertEquals(refold(parts), parts)));
});

Deno.test("answerChunks ends every step that it starts, once", () => {
  const types = [...answerChunks([{ type: "step-start" }, { type: "step-start" }])]
    .map(({ type }) => type);
  assertEquals(types, ["start-step", "finish-step", "start-step", "finish-step"]);
});

Deno.test("answerChunks cuts a long text into small deltas", () => {
  const text = "0123456789".repeat(10_000);
  const deltas = [...answerChunks([{ type: "text", text }])]
    .flatMap((chunk) => chunk.type === "text-delta" ? [chunk.delta] : []);
  assertEquals(deltas.join(""), text);
  for (const delta of deltas) assertLess(delta.length, 10_000);
});

Deno.test("answerChunks leaves out parts that it does not know", () => {
  assertEquals([...answerChunks([{ type: "file", url: "data:," }])], []);
});
