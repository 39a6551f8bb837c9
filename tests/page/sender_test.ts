import { assert, assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { MemoryStorage } from "../../routes/page/app/state/page_storage.ts";
import { Sender } from "../../routes/page/app/state/sender.ts";
import { acked, opened, pass, refused, ScriptedServer, turns } from "../client/scripted_server.ts";

async function home(storage = new MemoryStorage()) {
  const server = new ScriptedServer();
  const { client, socket } = await server.ready();
  return { server, client, socket, storage, sender: new Sender(client, storage, "ada") };
}

function texts({ items }: Sender): string[] {
  return items.value.map(({ text, refusal }) =>
    refusal === undefined ? text : `${text}: ${refusal}`
  );
}

Deno.test("a message is kept until the server has it, and is then forgotten", async () => {
  using time = new FakeTime();
  const { client, socket, storage, sender } = await home();
  sender.send("t1", "hello");
  assertEquals(texts(sender), ["hello"]);
  assertEquals(texts(new Sender(client, storage, "ada")), ["hello"]);
  await turns();
  opened(socket);
  await turns();
  const { message } = socket.last("message.send");
  assertEquals([message.text, message.id], ["hello", sender.items.value[0]?.id]);
  acked(socket);
  await pass(time, 100);
  assertEquals([texts(sender), texts(new Sender(client, storage, "ada"))], [[], []]);
  sender.close();
  await client.close();
});

Deno.test("what a page left unsent the next page sends, with the same ids and in order", async () => {
  using time = new FakeTime();
  const first = await home();
  first.sender.send("t1", "one");
  first.sender.send("t1", "two");
  const ids = first.sender.items.value.map(({ id }) => id);
  await turns();
  first.sender.close();
  await first.client.close();
  await pass(time, 100);
  assertEquals(texts(first.sender), ["one", "two"]);

  const next = await home(first.storage);
  next.sender.resume();
  // A page that reconnects meanwhile asks again for what is under way.
  next.sender.resume();
  await turns();
  opened(next.socket);
  await turns();
  acked(next.socket, { seq: 1 });
  await turns();
  acked(next.socket, { seq: 3, runId: "r2" });
  await pass(time, 100);
  assertEquals(next.socket.all("message.send").map(({ message }) => message.id), ids);
  assertEquals(texts(next.sender), []);
  next.sender.close();
  await next.client.close();
});

Deno.test("a message that the server refuses waits for its author, over reloads too", async () => {
  using time = new FakeTime();
  const { client, socket, storage, sender } = await home();
  sender.send("t1", "hello");
  await turns();
  opened(socket);
  await turns();
  refused(socket, "message.send", { code: "MESSAGE_TOO_LARGE" });
  await pass(time, 100);
  const words = ["hello: It is too long. Shorten it, or send it in parts."];
  assertEquals(texts(sender), words);
  const next = new Sender(client, storage, "ada");
  next.resume();
  await turns();
  assertEquals([texts(next), socket.all("message.send").length], [words, 1]);
  next.close();
  sender.close();
  await client.close();
});

Deno.test("a refused message is sent again under another id, or given up", async () => {
  using time = new FakeTime();
  const { client, socket, sender } = await home();
  sender.send("t1", "hello");
  await turns();
  opened(socket);
  await turns();
  refused(socket, "message.send", { code: "INVALID_REQUEST" });
  await pass(time, 100);
  sender.again(sender.items.value[0]!);
  await turns();
  const [one, two] = socket.all("message.send").map(({ message }) => message);
  assertEquals([one?.text, two?.text], ["hello", "hello"]);
  assert(one?.id !== two?.id);
  refused(socket, "message.send", { code: "INVALID_REQUEST" });
  await pass(time, 100);
  sender.discard(sender.items.value[0]!);
  assertEquals(texts(sender), []);
  sender.close();
  await client.close();
});

Deno.test("a sign-out refuses nothing: what waits is for the next session", async () => {
  using time = new FakeTime();
  const { client, socket, storage, sender } = await home();
  sender.send("t1", "hello");
  await turns();
  socket.tell({ type: "error", code: "TOKEN_EXPIRED", message: "x", retryable: false });
  socket.end(4401);
  await pass(time, 100);
  assertEquals(client.state.kind, "closed");
  assertEquals([texts(sender), texts(new Sender(client, storage, "ada"))], [["hello"], ["hello"]]);
  sender.close();
});

Deno.test("what waits for a thread that is removed is given up with it", async () => {
  using time = new FakeTime();
  const { client, sender } = await home();
  sender.send("t1", "one");
  sender.send("t2", "two");
  sender.discardThread("t1");
  assertEquals(texts(sender), ["two"]);
  sender.close();
  await client.close();
  await pass(time, 100);
});
