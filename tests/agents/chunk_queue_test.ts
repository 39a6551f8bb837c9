import { assertEquals, assertRejects } from "@std/assert";
import { ChunkQueue } from "../../lib/agents/chunk_queue.ts";
import type { Chunk } from "../../lib/agents/model.ts";

function delta(text: string): Chunk {
  return { type: "text-delta", id: "t", delta: text };
}

Deno.test("ChunkQueue gives its reader all that was pushed, in order, until the end", async () => {
  const queue = new ChunkQueue();
  queue.push(delta("a"));
  const reading = Array.fromAsync(queue.read());
  queue.push(delta("b"));
  await Promise.resolve();
  queue.push(delta("c"));
  queue.end();
  assertEquals(await reading, [delta("a"), delta("b"), delta("c")]);
});

Deno.test("ChunkQueue gives its reader the error behind what waits", async () => {
  const queue = new ChunkQueue();
  queue.push(delta("a"));
  queue.end({ error: new Error("cut") });
  queue.end();
  const seen: Chunk[] = [];
  await assertRejects(
    async () => {
      for await (const chunk of queue.read()) seen.push(chunk);
    },
    Error,
    "cut",
  );
  assertEquals(seen, [delta("a")]);
});

Deno.test("ChunkQueue holds up who pushes while 64 chunks wait", async () => {
  const queue = new ChunkQueue();
  for (let at = 1; at < 64; at++) assertEquals(queue.push(delta("a")), undefined);
  let hasRoom = false;
  const room = queue.push(delta("a"))!.then(() => hasRoom = true);
  await Promise.resolve();
  assertEquals(hasRoom, false);
  const reader = queue.read();
  await reader.next();
  await room;
  assertEquals(queue.push(delta("b")), undefined);
  queue.end();
  await Array.fromAsync(reader);
});

Deno.test("ChunkQueue lets go of those that it holds up when it ends, and takes no more", async () => {
  const queue = new ChunkQueue();
  let room: Promise<void> | undefined;
  for (let at = 0; at < 64; at++) room = queue.push(delta("a"));
  queue.end();
  await room;
  assertEquals(queue.push(delta("late")), undefined);
  assertEquals((await Array.fromAsync(queue.read())).length, 64);
});
