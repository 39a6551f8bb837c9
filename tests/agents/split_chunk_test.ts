import { assert, assertEquals } from "@std/assert";
import { splitChunk } from "../../lib/agents/split_chunk.ts";
import type { Chunk } from "../../lib/agents/model.ts";

function deltas(chunks: readonly Chunk[]): string[] {
  return chunks.map((chunk) => "delta" in chunk ? String(chunk.delta) : "");
}

for (const type of ["text-delta", "reasoning-delta"] as const) {
  Deno.test(`splitChunk cuts a large ${type} into pieces that join to it`, () => {
    for (const length of [8_193, 16_384, 50_001]) {
      const delta = Array.from({ length }, (_, at) => String.fromCharCode(97 + at % 26)).join("");
      const parts = splitChunk({ type, id: "t", delta });
      assertEquals(parts.length, Math.ceil(length / 8_192));
      assertEquals(deltas(parts).join(""), delta);
      assert(parts.every((part) => part.type === type && "id" in part && part.id === "t"));
      assert(deltas(parts).every((text) => text.length <= 8_192));
    }
  });
}

Deno.test("splitChunk keeps surrogate pairs together", () => {
  for (const before of ["", "x"]) {
    const delta = before + "😀".repeat(10_000);
    const parts = deltas(splitChunk({ type: "text-delta", id: "t", delta }));
    assert(parts.every((text) => text.isWellFormed()));
    assertEquals(parts.join(""), delta);
  }
});

Deno.test("splitChunk ends and loses nothing where a delta is full of lone surrogates", () => {
  const delta = "\ud800".repeat(20_000);
  assertEquals(deltas(splitChunk({ type: "text-delta", id: "t", delta })).join(""), delta);
});

Deno.test("splitChunk passes on as they are small deltas, and large chunks of other types", () => {
  const small: Chunk = { type: "text-delta", id: "t", delta: "x".repeat(8_192) };
  const large: Chunk = {
    type: "tool-output-available",
    toolCallId: "c",
    output: "x".repeat(100_000),
  };
  for (const chunk of [small, large]) assertEquals(splitChunk(chunk), [chunk]);
});
