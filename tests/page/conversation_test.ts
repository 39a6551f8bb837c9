import { assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import type { Entry } from "../../lib/chat/protocol.ts";
import { Conversation } from "../../routes/page/app/state/conversation.ts";
import { textOf } from "../../routes/page/app/state/turns.ts";
import {
  answered,
  began,
  opened,
  pass,
  refused,
  said,
  ScriptedServer,
  type ScriptedSocket,
} from "../client/scripted_server.ts";

/** Longer than the wait for a picture where none is drawn. */
const PICTURE_MS = 300;

async function open(time: FakeTime) {
  const server = new ScriptedServer();
  const { client, socket } = await server.ready();
  const heard: Entry[] = [];
  const conversation = new Conversation(client, "t1", {
    onEntry: (entry) => void heard.push(entry),
  });
  await pass(time, 0);
  return { server, client, socket, conversation, heard };
}

function entries(socket: ScriptedSocket, from: number, ...list: Entry[]): void {
  list.forEach((entry, at) =>
    socket.tell({ type: "entry", threadId: "t1", seq: from + at, entry })
  );
}

function chunk(socket: ScriptedSocket, index: number, part: Record<string, unknown>): void {
  const chunk = part as { type: string };
  socket.tell({ type: "chunk", threadId: "t1", runId: "r1", attempt: 1, index, chunk });
}

function delta(text: string): Record<string, unknown> {
  return { type: "text-delta", id: "0", delta: text };
}

function shown({ running }: Conversation): string | null {
  return running.value === null ? null : textOf(running.value.parts);
}

Deno.test("Conversation shows the log, and the answer as it grows", async () => {
  using time = new FakeTime();
  const { client, socket, conversation, heard } = await open(time);
  opened(socket);
  entries(socket, 1, said("m1"), began("r1"));
  chunk(socket, 0, { type: "text-start", id: "0" });
  chunk(socket, 1, delta("The ga"));
  await pass(time, PICTURE_MS);
  assertEquals([conversation.phase.value, conversation.entries.value.length], ["open", 2]);
  assertEquals(shown(conversation), "The ga");
  chunk(socket, 2, delta("te."));
  await pass(time, PICTURE_MS);
  assertEquals(shown(conversation), "The gate.");
  entries(socket, 3, answered("r1", "The gate."));
  await pass(time, PICTURE_MS);
  assertEquals([conversation.entries.value.length, shown(conversation)], [3, null]);
  assertEquals(heard.map(({ kind }) => kind), ["message", "run.started", "message"]);
  conversation.close();
  await client.close();
});

Deno.test("Conversation goes on mid-sentence on the next connection, without a doubled word", async () => {
  using time = new FakeTime();
  const { server, client, socket, conversation } = await open(time);
  opened(socket);
  entries(socket, 1, said("m1"), began("r1"));
  chunk(socket, 0, { type: "text-start", id: "0" });
  chunk(socket, 1, delta("The ga"));
  await pass(time, PICTURE_MS);
  socket.end();
  await pass(time, 1_000);
  server.socket.greet();
  await pass(time, 0);
  void conversation.refresh();
  opened(server.socket, { headSeq: 2, activeRun: { runId: "r1", attempt: 1 } });
  chunk(server.socket, 1, delta("The ga"));
  chunk(server.socket, 2, delta("te."));
  await pass(time, PICTURE_MS);
  assertEquals(shown(conversation), "The gate.");
  conversation.close();
  await client.close();
});

Deno.test("Conversation drops what an attempt said that is void", async () => {
  using time = new FakeTime();
  const { client, socket, conversation } = await open(time);
  opened(socket);
  entries(socket, 1, said("m1"), began("r1"));
  chunk(socket, 0, { type: "text-start", id: "0" });
  chunk(socket, 1, delta("Void"));
  await pass(time, PICTURE_MS);
  entries(socket, 3, began("r1", 2));
  await pass(time, PICTURE_MS);
  assertEquals(shown(conversation), "");
  const second = { threadId: "t1", runId: "r1", attempt: 2 };
  socket.tell({ type: "chunk", ...second, index: 0, chunk: { type: "text-start", id: "0" } });
  socket.tell({
    type: "chunk",
    ...second,
    index: 1,
    chunk: { type: "text-delta", id: "0", delta: "New" },
  });
  await pass(time, PICTURE_MS);
  assertEquals(shown(conversation), "New");
  conversation.close();
  await client.close();
});

Deno.test("Conversation opens an answer that streams already, before its history is read", async () => {
  using time = new FakeTime();
  const { client, socket, conversation } = await open(time);
  opened(socket, { headSeq: 2, activeRun: { runId: "r1", attempt: 1 } });
  await pass(time, 0);
  chunk(socket, 0, { type: "text-start", id: "0" });
  chunk(socket, 1, delta("So far"));
  await pass(time, PICTURE_MS);
  assertEquals(shown(conversation), "So far");
  conversation.close();
  await client.close();
});

Deno.test("Conversation knows a thread that is not there yet", async () => {
  using time = new FakeTime();
  const { client, socket, conversation } = await open(time);
  assertEquals(conversation.phase.value, "opening");
  refused(socket, "thread.open", { code: "NOT_FOUND" });
  await pass(time, 0);
  assertEquals(conversation.phase.value, "new");
  conversation.close();
  await client.close();
});

Deno.test("Conversation stops its answer and asks for another", async () => {
  using time = new FakeTime();
  const { client, socket, conversation } = await open(time);
  opened(socket);
  entries(socket, 1, said("m1"), began("r1"));
  const stopped = conversation.stop("r1");
  await pass(time, 0);
  const { id: ref, runId } = socket.last("run.cancel");
  socket.tell({ type: "ack", ref });
  await stopped;
  assertEquals(runId, "r1");
  entries(socket, 3, answered("r1", "So", { outcome: "cancelled" }));
  const again = conversation.regenerate();
  await pass(time, 0);
  socket.tell({
    type: "ack",
    ref: socket.last("message.regenerate").id,
    threadId: "t1",
    runId: "r2",
  });
  await again;
  entries(socket, 4, began("r2"));
  await pass(time, PICTURE_MS);
  assertEquals(conversation.entries.value.length, 4);
  conversation.close();
  await client.close();
});
