import { assert, assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import type { ServerFrame } from "../../lib/chat/protocol.ts";
import {
  type Chunk,
  DrawbridgeChatTransport,
  type DrawbridgeClient,
  type SendMessagesOptions,
  uiMessagesOf,
} from "../../lib/client/mod.ts";
import {
  acked,
  answered,
  assertRefused,
  began,
  entries,
  opened,
  pass,
  refused,
  said,
  ScriptedServer,
  type ScriptedSocket,
  turns,
  words,
} from "./scripted_server.ts";

interface Made {
  readonly server: ScriptedServer;
  readonly client: DrawbridgeClient;
  readonly socket: ScriptedSocket;
  readonly transport: DrawbridgeChatTransport;
}

async function make(
  options?: ConstructorParameters<typeof DrawbridgeChatTransport>[1],
): Promise<Made> {
  const server = new ScriptedServer();
  const { client, socket } = await server.ready();
  return { server, client, socket, transport: new DrawbridgeChatTransport(client, options) };
}

/** What the SDK asks for when a page sends `text`. */
function asking(text: string, more: Partial<SendMessagesOptions> = {}): SendMessagesOptions {
  const parts = [{ type: "text", text }];
  return {
    trigger: "submit-message",
    chatId: "thread-1",
    messages: [{ id: "m1", role: "user", parts }],
    abortSignal: undefined,
    ...more,
  };
}

/** Everything in a stream, or what it fails with. */
async function read(stream: ReadableStream<Chunk> | null): Promise<string[]> {
  assert(stream !== null);
  const seen: string[] = [];
  for await (const chunk of stream) seen.push(String(chunk["delta"] ?? chunk.type));
  return seen;
}

/** Sends and streams `a b`. */
async function streaming(
  { transport, socket }: Made,
  more: Partial<SendMessagesOptions> = {},
): Promise<ReadableStream<Chunk>> {
  const sending = transport.sendMessages(asking("hello", more));
  opened(socket);
  await turns();
  acked(socket);
  socket.tell(...entries(1, said("m1"), began("r1")), chunk(0, { type: "start" }));
  socket.tell(words(1, ["a", "b"]));
  return await sending;
}

/** One part of the run `r1`. */
function chunk(index: number, part: Chunk): ServerFrame {
  return { type: "chunk", threadId: "thread-1", runId: "r1", attempt: 1, index, chunk: part };
}

Deno.test("the transport sends the last message under its id, and streams its run to the end", async () => {
  const made = await make({ agent: "poet", onBusy: "interrupt" });
  const { socket, client } = made;
  const stream = await streaming(made);
  const { message, agent, onBusy, threadId } = socket.last("message.send");
  assertEquals([threadId, message], ["thread-1", { id: "m1", text: "hello" }]);
  assertEquals([agent, onBusy], ["poet", "interrupt"]);
  socket.tell(chunk(3, { type: "finish" }), ...entries(3, answered("r1", "ab")));
  assertEquals(await read(stream), ["start", "a", "b", "finish"]);
  await client.close();
});

Deno.test("a stream goes on behind a lost connection, without a gap or a doubled word", async () => {
  using time = new FakeTime();
  const made = await make();
  const reading = read(await streaming(made));
  made.server.socket.end();
  await pass(time, 500);
  const { socket } = made.server;
  socket.greet();
  assertEquals(socket.last("thread.open").run, { runId: "r1", attempt: 1, index: 2 });
  opened(socket, { headSeq: 2, activeRun: { runId: "r1", attempt: 1 } });
  socket.tell(words(3, ["c"]));
  socket.tell(chunk(4, { type: "finish" }), ...entries(3, answered("r1", "abc")));
  assertEquals(await reading, ["start", "a", "b", "c", "finish"]);
  await made.client.close();
});

Deno.test("a stop ends the stream and cancels the run", async () => {
  const made = await make();
  const stopping = new AbortController();
  const reading = read(await streaming(made, { abortSignal: stopping.signal }));
  await turns();
  stopping.abort();
  assertEquals(await reading, ["start", "a", "b"]);
  await turns();
  assertEquals(made.socket.last("run.cancel").runId, "r1");
  await made.client.close();
});

Deno.test("a stop before the acknowledgement cancels the run once its id is known", async () => {
  const { client, socket, transport } = await make();
  const stopping = new AbortController();
  const sending = transport.sendMessages(asking("hello", { abortSignal: stopping.signal }));
  opened(socket);
  await turns();
  stopping.abort();
  assertEquals(await sending.catch((error) => error.name), "AbortError");
  assertEquals(socket.all("run.cancel").length, 0);
  acked(socket);
  await turns();
  assertEquals(socket.last("run.cancel").runId, "r1");
  await client.close();
});

Deno.test("a stop before anything was sent withdraws the message", async () => {
  const { client, socket, transport } = await make();
  const stopping = new AbortController();
  const sending = transport.sendMessages(asking("hello", { abortSignal: stopping.signal }));
  await turns();
  stopping.abort();
  assertEquals(await sending.catch((error) => error.name), "AbortError");
  opened(socket);
  await turns();
  assertEquals([socket.all("message.send").length, client.unsent.length], [0, 0]);
  await client.close();
});

Deno.test("a reader that leaves cancels nothing", async () => {
  const made = await make();
  const stream = await streaming(made);
  await stream.cancel();
  await turns();
  assertEquals(made.socket.all("run.cancel").length, 0);
  await made.client.close();
});

Deno.test("a chat is resumed from its run's first part, and not where no run streams", async () => {
  const { client, socket, transport } = await make();
  const resuming = transport.reconnectToStream({ chatId: "thread-1" });
  opened(socket, { headSeq: 2, activeRun: { runId: "r1", attempt: 1 } });
  socket.tell(...entries(1, said("m1"), began("r1")), chunk(0, { type: "start" }));
  socket.tell(words(1, ["a", "b"]));
  const reading = read(await resuming);
  socket.tell(...entries(3, answered("r1", "ab", { parts: [], outcome: "cancelled" })));
  assertEquals(await reading, ["start", "a", "b", "reset-step", "abort"]);
  assertEquals(await transport.reconnectToStream({ chatId: "thread-1" }), null);
  const other = transport.reconnectToStream({ chatId: "thread-2" });
  refused(socket, "thread.open", { code: "NOT_FOUND" });
  assertEquals(await other, null);
  await client.close();
});

Deno.test("a chat that is resumed once more leaves the run alone, one that is stopped does not", async () => {
  const { client, socket, transport } = await make();
  client.thread("thread-1");
  opened(socket, { activeRun: { runId: "r1", attempt: 1 } });
  const resume = (abortSignal: AbortSignal) =>
    transport.reconnectToStream({ chatId: "thread-1", abortSignal });
  const first = new AbortController();
  const second = new AbortController();
  await resume(first.signal);
  // As the SDK does it: one right behind the other.
  first.abort();
  const resumed = resume(second.signal);
  await turns();
  assertEquals(socket.all("run.cancel").length, 0);
  await resumed;
  second.abort();
  await turns();
  assertEquals(socket.all("run.cancel").length, 1);
  await client.close();
});

Deno.test("another answer is asked for again where the connection was lost, unless it has begun", async () => {
  using time = new FakeTime();
  const made = await make();
  const { server, client, transport } = made;
  await streaming(made);
  made.socket.tell(...entries(3, answered("r1", "ab")));
  const regenerating = transport.sendMessages(asking("hello", { trigger: "regenerate-message" }));
  await turns();
  assertEquals(made.socket.all("message.regenerate").length, 1);
  const cut = async (activeRun: { runId: string; attempt: number } | null): Promise<void> => {
    server.socket.end();
    await pass(time, 30_000);
    server.socket.greet();
    opened(server.socket, { headSeq: activeRun === null ? 3 : 4, activeRun });
    await turns();
  };
  await cut(null);
  assertEquals(server.socket.all("message.regenerate").length, 1);
  await cut({ runId: "r2", attempt: 1 });
  assertEquals(server.socket.all("message.regenerate").length, 0);
  const reading = read(await regenerating);
  server.socket.tell(...entries(4, began("r2"), answered("r2", "again")));
  assertEquals(await reading, ["start", "start-step", "text-start", "again", "text-end", "finish"]);
  await client.close();
});

Deno.test("what the server does not take is refused before it is sent", async () => {
  const made = await make();
  const { client, socket, transport } = made;
  await streaming(made);
  const failing = async (more: Partial<SendMessagesOptions>): Promise<void> => {
    const error = await transport.sendMessages(asking("x", more)).catch((error) => error);
    assert(error instanceof TypeError, String(error));
  };
  await failing({ messages: [] });
  await failing({ messages: [{ id: "a1", role: "assistant", parts: [] }] });
  await failing({ messages: [{ id: "m2", role: "user", parts: [{ type: "file" }] }] });
  const messages = [{ id: "m0", role: "user", parts: [] }];
  await failing({ trigger: "regenerate-message", messages });
  assertEquals(socket.all("message.regenerate").length, 0);
  assertEquals(socket.all("message.send").length, 1);
  await client.close();
});

Deno.test("a refusal and a closed client are errors of the stream's chat", async () => {
  const made = await make();
  const reading = read(await streaming(made));
  const sending = made.transport.sendMessages(asking("other"));
  await turns();
  refused(made.socket, "message.send", { code: "IDEMPOTENCY_CONFLICT" });
  await assertRefused(sending, "IDEMPOTENCY_CONFLICT");
  await made.client.close();
  await assertRefused(reading, "CLOSED");
});

Deno.test("a thread's log reads as a page's messages, with the newest answer to each", () => {
  const log = [
    said("m1", "one"),
    began("r1"),
    answered("r1", "first"),
    began("r2"),
    answered("r2", "second"),
    said("m2", "two"),
    said("m3", "three"),
    began("r3", 1, "m3"),
    answered("r3", "third", { outcome: "failed" }),
    answered("r4", "", { outcome: "cancelled", attempt: 0, parts: [] }),
    began("r5", 1, "m3"),
  ].map((entry, at) => ({ seq: at + 1, entry }));
  const messages = uiMessagesOf(log);
  assertEquals(messages.map(({ id }) => id), ["m1", "a-r2", "m2", "m3", "a-r3", "a-r4"]);
  assertEquals(messages[4]?.metadata, { runId: "r3", outcome: "failed" });
  assertEquals(messages[0], { id: "m1", role: "user", parts: [{ type: "text", text: "one" }] });
});
