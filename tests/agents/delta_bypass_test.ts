import { assertEquals } from "@std/assert";
import { DeltaBypass } from "../../lib/agents/delta_bypass.ts";
import type { StreamPart } from "../../lib/agents/language_model.ts";
import type { Chunk } from "../../lib/agents/model.ts";

const FINISH = { type: "finish" } as StreamPart;

function say(text: string, id = "t"): StreamPart & Chunk {
  return { type: "text-delta", id, delta: text };
}

function start(id = "t"): StreamPart & Chunk {
  return { type: "text-start", id };
}

function end(id = "t"): StreamPart & Chunk {
  return { type: "text-end", id };
}

/** Everything that the SDK gets of `parts`, of which it passes nothing on. */
async function divert(bypass: DeltaBypass, ...parts: StreamPart[]): Promise<StreamPart[]> {
  return await Array.fromAsync(bypass.divert(ReadableStream.from(parts)));
}

Deno.test("DeltaBypass gives the SDK a block in one piece, right before its end", async () => {
  const bypass = new DeltaBypass();
  const parts = await divert(bypass, start(), say("one "), say("two"), end(), FINISH);
  assertEquals(parts, [start(), say("one two"), end(), FINISH]);
});

Deno.test("DeltaBypass gives the SDK the words of a block that never ends before the finish", async () => {
  const bypass = new DeltaBypass();
  const parts = await divert(bypass, start(), say("one "), say("two"), FINISH);
  assertEquals(parts, [start(), say("one two"), FINISH]);
});

Deno.test("DeltaBypass keeps the last metadata of a block, for the SDK and for the reader", async () => {
  const bypass = new DeltaBypass();
  const signed: StreamPart & Chunk = {
    type: "text-delta",
    id: "t",
    delta: "b",
    providerMetadata: { p: { signature: "s" } },
  };
  const parts = await divert(bypass, start(), say("a"), signed, end(), FINISH);
  assertEquals(parts[1], { ...signed, delta: "ab" } as StreamPart);
  bypass.take(start());
  bypass.end();
  assertEquals(await Array.fromAsync(bypass.chunks()), [start(), say("a"), signed]);
});

Deno.test("DeltaBypass leaves a delta of no block to the SDK", async () => {
  const bypass = new DeltaBypass();
  assertEquals(await divert(bypass, say("lost"), FINISH), [say("lost"), FINISH]);
});

Deno.test("DeltaBypass holds deltas until the SDK has passed the start of their block on", async () => {
  const bypass = new DeltaBypass();
  await divert(bypass, start(), say("a"), say("b"), end(), FINISH);
  const chunks = bypass.chunks();
  let first: Chunk | undefined;
  const reading = chunks.next().then(({ value }) => first = value ?? undefined);
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(first, undefined);
  bypass.take({ type: "start-step" });
  await reading;
  assertEquals(first, { type: "start-step" });
  bypass.take(start());
  bypass.take(say("ab"));
  bypass.take(end());
  bypass.end();
  assertEquals(await Array.fromAsync(chunks), [start(), say("a"), say("b"), end()]);
});

Deno.test("DeltaBypass passes each delta on as it comes, once the SDK has passed the start on", async () => {
  const bypass = new DeltaBypass();
  const source = new TransformStream<StreamPart, StreamPart>();
  const writer = source.writable.getWriter();
  const sdk = bypass.divert(source.readable).getReader();
  const chunks = bypass.chunks();
  void writer.write(start());
  assertEquals((await sdk.read()).value, start());
  bypass.take(start());
  assertEquals((await chunks.next()).value, start());
  const next = sdk.read();
  void writer.write(say("now"));
  // The block has not ended, and the SDK has nothing of it.
  assertEquals((await chunks.next()).value, say("now"));
  void writer.write(end());
  assertEquals((await next).value, say("now"));
  assertEquals((await sdk.read()).value, end());
  void writer.close();
  assertEquals((await sdk.read()).done, true);
});

Deno.test("DeltaBypass tells blocks of one id apart, and text from reasoning", async () => {
  const bypass = new DeltaBypass();
  const thought: StreamPart & Chunk = { type: "reasoning-delta", id: "t", delta: "hm" };
  await divert(bypass, start(), say("step one"), end(), FINISH);
  await divert(
    bypass,
    { type: "reasoning-start", id: "t" },
    thought,
    { type: "reasoning-end", id: "t" },
    ...[start(), say("step two"), end(), FINISH],
  );
  bypass.take(start());
  bypass.take({ type: "reasoning-start", id: "t" });
  bypass.take(start());
  bypass.end();
  assertEquals(await Array.fromAsync(bypass.chunks()), [
    start(),
    say("step one"),
    { type: "reasoning-start", id: "t" },
    thought,
    start(),
    say("step two"),
  ]);
});

Deno.test("DeltaBypass holds the model up while its reader is behind", async () => {
  const bypass = new DeltaBypass();
  let read = 0;
  async function* parts(): AsyncGenerator<StreamPart> {
    yield start();
    for (; read < 1_000; read++) yield say("a");
    yield end();
  }
  const sdk = bypass.divert(ReadableStream.from(parts())).getReader();
  await sdk.read();
  bypass.take(start());
  const rest = sdk.read();
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(read < 100, true, `${read} deltas wait`);
  bypass.end();
  assertEquals((await rest).value, say("a".repeat(1_000)));
});
