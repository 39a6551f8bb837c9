import { assert, assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import {
  acked,
  assertRefused,
  opened,
  pass,
  refused,
  ScriptedServer,
  turns,
} from "./scripted_server.ts";

/** Whether a promise has settled. */
async function isSettled(work: Promise<unknown>): Promise<boolean> {
  await turns();
  return await Promise.race([work.then(() => true, () => true), Promise.resolve(false)]);
}

Deno.test("send resolves on the acknowledgement, and says what is in it", async () => {
  const server = new ScriptedServer();
  const { client, socket } = await server.ready();
  const sending = client.send("thread-1", "hello", { id: "m1", agent: "poet", onBusy: "reject" });
  opened(socket);
  const { message, agent, onBusy } = socket.last("message.send");
  assertEquals([message, agent, onBusy], [{ id: "m1", text: "hello" }, "poet", "reject"]);
  assert(!await isSettled(sending));
  assertEquals(client.unsent.length, 1);
  acked(socket, { seq: 7, runId: "r7", duplicate: true });
  const { run, ...sent } = await sending;
  assertEquals(sent, { id: "m1", seq: 7, runId: "r7", duplicate: true });
  assertEquals([run.id, client.unsent], ["r7", []]);
  await client.close();
});

Deno.test("a message waits until its thread is open, or is known not to exist", async () => {
  const server = new ScriptedServer();
  const { client } = server.client();
  const sending = client.send("thread-1", "hello");
  await turns();
  server.socket.greet();
  assertEquals(server.socket.all("message.send").length, 0);
  refused(server.socket, "thread.open", { code: "NOT_FOUND" });
  await turns();
  assertEquals(server.socket.all("message.send").length, 1);
  acked(server.socket);
  assertEquals((await sending).seq, 1);
  await client.close();
});

Deno.test("a message without an acknowledgement is sent again with the same id until there is one", async () => {
  using time = new FakeTime();
  const server = new ScriptedServer();
  const { client, socket } = await server.ready();
  const sending = client.send("thread-1", "hello");
  opened(socket);
  const { message } = socket.last("message.send");
  for (let round = 0; round < 3; round++) {
    server.socket.end();
    await turns();
    assertEquals(client.unsent.map(({ message }) => message), [message]);
    await pass(time, 30_000);
    server.socket.greet();
    opened(server.socket);
    await turns();
    assertEquals(server.socket.all("message.send").map((frame) => frame.message), [message]);
  }
  acked(server.socket, { duplicate: true });
  assertEquals((await sending).duplicate, true);
  await client.close();
});

Deno.test("a message without an acknowledgement is sent again as soon as its thread is open", async () => {
  using _time = new FakeTime();
  const server = new ScriptedServer();
  const { client, socket } = await server.ready();
  const sending = client.send("thread-1", "hello");
  opened(socket);
  socket.end();
  await turns();
  client.hurry();
  await turns();
  server.socket.greet();
  opened(server.socket);
  acked(server.socket);
  await sending;
  await client.close();
});

Deno.test("messages of one thread are sent one after another, those of two at once", async () => {
  const server = new ScriptedServer();
  const { client, socket } = await server.ready();
  const first = client.send("thread-1", "1", { id: "m1" });
  opened(socket);
  const second = client.send("thread-1", "2", { id: "m2" });
  const other = client.send("thread-2", "3", { id: "m3" });
  opened(socket);
  await turns();
  const sent = () => socket.all("message.send").map(({ message }) => message.id);
  assertEquals(sent(), ["m1", "m3"]);
  acked(socket);
  await other;
  const { id: ref } = socket.all("message.send")[0]!;
  socket.tell({ type: "ack", ref, threadId: "thread-1", seq: 1, runId: "r1", duplicate: false });
  await first;
  await turns();
  assertEquals(sent(), ["m1", "m3", "m2"]);
  acked(socket, { seq: 2 });
  await second;
  await client.close();
});

for (const code of ["STORE_UNAVAILABLE", "TOO_MANY_RUNS"] as const) {
  Deno.test(`a message refused with ${code} is sent again, before those behind it`, async () => {
    using time = new FakeTime();
    const server = new ScriptedServer();
    const { client, socket } = await server.ready();
    const first = client.send("thread-1", "1", { id: "m1" });
    opened(socket);
    const second = client.send("thread-1", "2", { id: "m2" });
    refused(socket, "message.send", { code, retryable: true, retryAfterMs: 1_000 });
    await pass(time, 1_498);
    assertEquals(socket.all("message.send").length, 1);
    await pass(time, 2);
    assertEquals(socket.last("message.send").message.id, "m1");
    acked(socket);
    await first;
    await turns();
    assertEquals(socket.last("message.send").message.id, "m2");
    acked(socket, { seq: 2 });
    await second;
    await client.close();
  });
}

for (const [code, retryable] of [["IDEMPOTENCY_CONFLICT", false], ["RUN_ACTIVE", true]] as const) {
  Deno.test(`a message refused with ${code} is the caller's to decide on, and the next is sent`, async () => {
    const server = new ScriptedServer();
    const { client, socket } = await server.ready();
    const first = client.send("thread-1", "1", { id: "m1" });
    opened(socket);
    const second = client.send("thread-1", "2", { id: "m2" });
    refused(socket, "message.send", { code, retryable });
    await assertRefused(first, code);
    await turns();
    assertEquals(socket.last("message.send").message.id, "m2");
    acked(socket);
    await second;
    await client.close();
  });
}

Deno.test("what is too large for the server is refused here, and never sent", async () => {
  const server = new ScriptedServer();
  const limits = { frameBytes: 400, messageBytes: 100, framesPerSecond: 20 };
  const { client, socket } = await server.ready({}, { limits });
  const fits = client.send("thread-1", "é".repeat(50));
  opened(socket);
  await turns();
  acked(socket);
  await fits;
  await assertRefused(client.send("thread-1", "é".repeat(51)), "MESSAGE_TOO_LARGE");
  // Escaped, it is larger than its bytes.
  await assertRefused(client.send("thread-1", "\u0001".repeat(60)), "MESSAGE_TOO_LARGE");
  assertEquals(socket.all("message.send").length, 1);
  await client.close();
});

Deno.test("a message can be withdrawn as long as it was not sent", async () => {
  const server = new ScriptedServer();
  const { client, socket } = await server.ready();
  const leaving = new AbortController();
  const reason = new Error("changed my mind");
  const sent = client.send("thread-1", "1", { signal: leaving.signal });
  opened(socket);
  const unsent = client.send("thread-1", "2", { signal: leaving.signal });
  await turns();
  leaving.abort(reason);
  assertEquals(await unsent.catch((error) => error), reason);
  assert(!await isSettled(sent));
  acked(socket);
  await sent;
  await turns();
  assertEquals(socket.all("message.send").length, 1);
  const late = client.send("thread-1", "3", { signal: leaving.signal });
  assertEquals(await late.catch((error) => error), reason);
  assertEquals(client.unsent, []);
  await client.close();
});

Deno.test("a client that closes refuses what was not acknowledged", async () => {
  const { client } = await new ScriptedServer().ready();
  const sending = client.send("thread-1", "hello");
  const refusal = assertRefused(sending, "CLOSED");
  await client.close();
  await refusal;
  assertEquals(client.unsent, []);
});

Deno.test("frames go out no faster than the server takes them, in order", async () => {
  using time = new FakeTime();
  const server = new ScriptedServer();
  const limits = { frameBytes: 65_536, messageBytes: 32_768, framesPerSecond: 5 };
  const { client, socket } = await server.ready({}, { limits });
  const names = Array.from({ length: 12 }, (_, at) => `thread-${at}`);
  for (const name of names) client.thread(name);
  const seen = () => socket.all("thread.open").length;
  assertEquals(seen(), 5);
  await pass(time, 199);
  assertEquals(seen(), 5);
  await pass(time, 1);
  assertEquals(seen(), 6);
  await pass(time, 1_000);
  assertEquals(seen(), 11);
  await pass(time, 200);
  assertEquals(socket.all("thread.open").map(({ threadId }) => threadId), names);
  await client.close();
});
