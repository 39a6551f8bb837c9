import { assertEquals, assertRejects } from "@std/assert";
import { SseChannel } from "../../lib/chat/sse_channel.ts";

function open(highWaterMark = 10): { channel: SseChannel; closed: () => number } {
  let closed = 0;
  const channel = new SseChannel({ highWaterMark, onClosed: () => closed++ });
  return { channel, closed: () => closed };
}

/** Whether a promise has settled, once all that could settle it has had its turn. */
async function isPending(promise: Promise<unknown>): Promise<boolean> {
  let pending = true;
  promise.then(() => pending = false, () => pending = false);
  await new Promise((resolve) => setTimeout(resolve, 0));
  return pending;
}

Deno.test("SseChannel counts what its reader has not taken, in bytes of UTF-8", async () => {
  const { channel } = open();
  channel.send("äöü");
  assertEquals([channel.unsentBytes, channel.takenBytes], [6, 0]);
  const reader = channel.body.getReader();
  assertEquals((await reader.read()).value, new TextEncoder().encode("äöü"));
  assertEquals([channel.unsentBytes, channel.takenBytes], [0, 6]);
  await reader.cancel();
});

Deno.test("SseChannel is drained once its reader has taken enough, and not before", async () => {
  const { channel } = open(10);
  await channel.drained();
  channel.send("0123456789");
  channel.send("0123456789");
  const drained = channel.drained();
  const reader = channel.body.getReader();
  await reader.read();
  assertEquals([await isPending(drained), channel.isFull], [true, true]);
  await reader.read();
  await drained;
  await reader.cancel();
});

Deno.test("SseChannel closes once all that was sent before its end is read", async () => {
  const { channel, closed } = open();
  channel.send("one");
  channel.end();
  channel.send("two");
  assertEquals([closed(), channel.unsentBytes], [0, 3]);
  const reader = channel.body.getReader();
  assertEquals(new TextDecoder().decode((await reader.read()).value), "one");
  assertEquals((await reader.read()).done, true);
  assertEquals([closed(), channel.unsentBytes], [1, 0]);
  channel.end();
  channel.cut();
  assertEquals(closed(), 1);
});

Deno.test("SseChannel that nothing waits in closes at its end, in a task of its own", async () => {
  const { channel, closed } = open();
  channel.end();
  await Promise.resolve();
  assertEquals(closed(), 0);
  assertEquals((await channel.body.getReader().read()).done, true);
  assertEquals(closed(), 1);
});

Deno.test("SseChannel that is left or cut between its end and its close closes once", async () => {
  for (const leave of [true, false]) {
    const { channel, closed } = open();
    channel.end();
    if (leave) await channel.body.cancel();
    else channel.cut();
    await new Promise((resolve) => setTimeout(resolve, 0));
    assertEquals(closed(), 1);
  }
});

Deno.test("SseChannel that is cut drops what is unsent, and its reader sees an error", async () => {
  for (const ended of [false, true]) {
    const { channel, closed } = open();
    channel.send("much too much to be read");
    if (ended) channel.end();
    const drained = channel.drained();
    channel.cut();
    await assertRejects(() => drained, DOMException);
    await assertRejects(() => channel.body.getReader().read(), DOMException);
    assertEquals([closed(), channel.unsentBytes], [1, 0]);
    channel.send("more");
    channel.cut();
    assertEquals(closed(), 1);
  }
});

Deno.test("SseChannel whose reader leaves closes, and nobody waits for it any more", async () => {
  const { channel, closed } = open();
  channel.send("much too much to be read");
  const drained = channel.drained();
  await channel.body.cancel();
  await assertRejects(() => drained, DOMException);
  assertEquals(closed(), 1);
  channel.send("more");
  channel.end();
  channel.cut();
  assertEquals(closed(), 1);
});
