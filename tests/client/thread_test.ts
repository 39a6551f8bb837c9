import { assert, assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import type { DrawbridgeClient, Run, RunEvent, Thread } from "../../lib/client/mod.ts";
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

interface Opened {
  readonly server: ScriptedServer;
  readonly client: DrawbridgeClient;
  readonly thread: Thread;
}

/** A thread that is followed and whose run `r1` has said `a b c`. */
async function streaming(): Promise<Opened & { run: Run }> {
  const server = new ScriptedServer();
  const { client, socket } = await server.ready();
  const thread = client.thread("thread-1");
  opened(socket);
  socket.tell(...entries(1, said("m1"), began("r1")), words(0, ["a", "b", "c"]));
  return { server, client, thread, run: thread.run("r1") };
}

/** Cuts the connection, and greets the next. */
async function reconnect(server: ScriptedServer, time: FakeTime): Promise<ScriptedSocket> {
  server.socket.end();
  await pass(time, 30_000);
  server.socket.greet();
  await turns();
  return server.socket;
}

/** Everything of a run, written down as it comes. */
function watch(
  run: Run,
): { readonly log: string[]; readonly texts: string[]; done: Promise<void> } {
  const log: string[] = [];
  const texts: string[] = [];
  const events = (async () => {
    for await (const event of run) log.push(describe(event));
  })();
  const text = (async () => {
    for await (const whole of run.text()) texts.push(whole);
  })();
  const done = Promise.all([events, text]).then(() => {});
  done.catch(() => {});
  return { log, texts, done };
}

function describe(event: RunEvent): string {
  if (event.type === "part") return `${event.attempt}.${event.index} ${event.part["delta"]}`;
  return event.type === "restart" ? "restart" : `answer ${event.entry.outcome}`;
}

Deno.test("a run's parts come in order, then its answer, and late readers get them all", async () => {
  const { server, client, run } = await streaming();
  const early = watch(run);
  await turns();
  assertEquals(early.log, ["1.0 a", "1.1 b", "1.2 c"]);
  server.socket.tell(words(3, ["d"]), ...entries(3, answered("r1", "abcd")));
  await early.done;
  const late = watch(run);
  await late.done;
  for (const { log, texts } of [early, late]) {
    assertEquals(log, ["1.0 a", "1.1 b", "1.2 c", "1.3 d", "answer completed"]);
    assertEquals(texts, ["a", "ab", "abc", "abcd"]);
  }
  assertEquals((await run.answer).parts.length, 2);
  await client.close();
});

Deno.test("after a reconnect a thread is opened behind the last entry and the last part", async () => {
  using time = new FakeTime();
  const { server, client, run } = await streaming();
  const seen = watch(run);
  const socket = await reconnect(server, time);
  const { afterSeq, run: position } = socket.last("thread.open");
  assertEquals([afterSeq, position], [2, { runId: "r1", attempt: 1, index: 2 }]);
  opened(socket, { headSeq: 2, activeRun: { runId: "r1", attempt: 1 } });
  socket.tell(words(3, ["d"]), ...entries(3, answered("r1", "abcd")));
  await seen.done;
  assertEquals(seen.log, ["1.0 a", "1.1 b", "1.2 c", "1.3 d", "answer completed"]);
  assertEquals(seen.texts, ["a", "ab", "abc", "abcd"]);
  await client.close();
});

Deno.test("a thread without a part seen is opened without a position", async () => {
  using time = new FakeTime();
  const server = new ScriptedServer();
  const { client, socket } = await server.ready();
  client.thread("thread-1");
  assertEquals(socket.last("thread.open"), {
    type: "thread.open",
    id: "c1",
    threadId: "thread-1",
    afterSeq: 0,
  });
  opened(socket);
  socket.tell(...entries(1, said("m1"), began("r1")));
  const next = await reconnect(server, time);
  assertEquals([next.last("thread.open").afterSeq, next.last("thread.open").run], [2, undefined]);
  await client.close();
});

Deno.test("an answer that was not recovered is dropped, and the new attempt shown from its start", async () => {
  using time = new FakeTime();
  const { server, client, run } = await streaming();
  const seen = watch(run);
  const socket = await reconnect(server, time);
  opened(socket, { headSeq: 3, activeRun: { runId: "r1", attempt: 2 }, recovered: false });
  socket.tell(...entries(3, began("r1", 2)), words(0, ["a", "x"], 2));
  socket.tell(...entries(4, answered("r1", "ax", { attempt: 2 })));
  await seen.done;
  assertEquals(seen.log, [
    ...["1.0 a", "1.1 b", "1.2 c"],
    "restart",
    ...["2.0 a", "2.1 x", "answer completed"],
  ]);
  assertEquals(seen.texts, ["a", "ab", "abc", "", "a", "ax"]);
  await client.close();
});

Deno.test("an answer that was not recovered is dropped also where its attempt goes on", async () => {
  using time = new FakeTime();
  const { server, client, run } = await streaming();
  const seen = watch(run);
  const socket = await reconnect(server, time);
  opened(socket, { headSeq: 2, activeRun: { runId: "r1", attempt: 1 }, recovered: false });
  socket.tell(words(0, ["x", "y"]), ...entries(3, answered("r1", "xy")));
  await seen.done;
  assertEquals(seen.log.slice(3), ["restart", "1.0 x", "1.1 y", "answer completed"]);
  assertEquals(seen.texts.at(-1), "xy");
  await client.close();
});

Deno.test("a takeover seen live drops the parts of the attempt before", async () => {
  const { server, client, run } = await streaming();
  const seen = watch(run);
  await turns();
  server.socket.tell(...entries(3, began("r1", 2)), words(0, ["x"], 2), words(1, ["late"]));
  server.socket.tell(...entries(4, answered("r1", "x", { attempt: 2 })));
  await seen.done;
  assertEquals(seen.log.slice(3), ["restart", "2.0 x", "answer completed"]);
  assertEquals(seen.texts.at(-1), "x");
  await client.close();
});

Deno.test("a run that ended while nobody listened is told by its answer alone", async () => {
  using time = new FakeTime();
  const { server, client, run } = await streaming();
  const seen = watch(run);
  const socket = await reconnect(server, time);
  opened(socket, { headSeq: 3 });
  socket.tell(...entries(3, answered("r1", "abcdef")));
  await seen.done;
  assertEquals(seen.log, ["1.0 a", "1.1 b", "1.2 c", "answer completed"]);
  assertEquals(seen.texts, ["a", "ab", "abc", "abcdef"]);
  await client.close();
});

Deno.test("the answer of another attempt voids the parts that were seen", async () => {
  using time = new FakeTime();
  const { server, client, run } = await streaming();
  const seen = watch(run);
  const socket = await reconnect(server, time);
  opened(socket, { headSeq: 4 });
  socket.tell(...entries(3, began("r1", 2), answered("r1", "xyz", { attempt: 2 })));
  await seen.done;
  assertEquals(seen.log.slice(3), ["restart", "answer completed"]);
  assertEquals(seen.texts.at(-1), "xyz");
  await client.close();
});

Deno.test("what comes twice is taken once", async () => {
  const { server, client, thread, run } = await streaming();
  const { socket } = server;
  socket.tell(...entries(1, said("m1"), began("r1")), words(1, ["b", "c", "d"]), words(0, ["a"]));
  socket.tell(...entries(3, answered("r1", "abcd")), ...entries(3, answered("r1", "abcd")));
  socket.tell(words(0, ["a"]));
  const seen = watch(run);
  await seen.done;
  assertEquals(seen.texts, ["a", "ab", "abc", "abcd"]);
  assertEquals(thread.entries.map(({ seq }) => seq), [1, 2, 3]);
  assertEquals(thread.activeRun, null);
  await client.close();
});

Deno.test("what is missing is asked for again, and nothing is shown before it", async () => {
  const { server, client, thread, run } = await streaming();
  const { socket } = server;
  const seen = watch(run);
  socket.tell(words(4, ["e"]));
  assertEquals(socket.last("thread.open").run?.index, 2);
  opened(socket, { headSeq: 2, activeRun: { runId: "r1", attempt: 1 } });
  socket.tell(words(3, ["d", "e"]), ...entries(4, said("m2")));
  assertEquals([socket.last("thread.open").afterSeq, socket.last("thread.open").run?.index], [
    2,
    4,
  ]);
  opened(socket, { headSeq: 4 });
  socket.tell(...entries(3, answered("r1", "abcde"), said("m2")));
  await seen.done;
  assertEquals(seen.texts.at(-1), "abcde");
  assertEquals(seen.log.length, 6);
  assertEquals(thread.entries.map(({ seq }) => seq), [1, 2, 3, 4]);
  await client.close();
});

Deno.test("a thread's entries can be iterated, from its first to what comes", async () => {
  const { server, client, thread } = await streaming();
  const seen: number[] = [];
  const reading = (async () => {
    for await (const { seq } of thread) seen.push(seq);
  })();
  await turns();
  assertEquals(seen, [1, 2]);
  server.socket.tell(...entries(3, answered("r1", "abc")));
  await turns();
  assertEquals(seen, [1, 2, 3]);
  thread.close();
  await reading;
  await client.close();
});

Deno.test("a thread that is closed is closed on the server, and not opened again", async () => {
  using time = new FakeTime();
  const { server, client, thread, run } = await streaming();
  const { socket } = server;
  const seen = watch(run);
  thread.close();
  assertEquals(socket.last("thread.close").threadId, "thread-1");
  await assertRefused(seen.done, "CLOSED");
  await assertRefused(run.answer, "CLOSED");
  await assertRefused(thread.opened(), "CLOSED");
  socket.tell(...entries(3, answered("r1", "abc")));
  assertEquals(thread.entries.length, 2);
  const next = await reconnect(server, time);
  assertEquals(next.all("thread.open").length, 0);
  const again = client.thread("thread-1");
  assert(again !== thread);
  assertEquals(next.last("thread.open").afterSeq, 0);
  await client.close();
});

Deno.test("the active run is the one that streams, also while the log before it is read", async () => {
  const server = new ScriptedServer();
  const { client, socket } = await server.ready();
  const thread = client.thread("thread-1");
  opened(socket, { headSeq: 5, activeRun: { runId: "r2", attempt: 1 } });
  socket.tell(...entries(1, said("m1"), began("r1")));
  assertEquals((await thread.opened()).activeRun?.id, "r2");
  socket.tell(...entries(3, answered("r1", "x"), said("m2"), began("r2", 1, "m2")));
  assertEquals(thread.activeRun?.id, "r2");
  socket.tell(...entries(6, answered("r2", "y")));
  assertEquals(thread.activeRun, null);
  await client.close();
});

Deno.test("a thread can be followed from behind its history, its active run included", async () => {
  const server = new ScriptedServer();
  const { client, socket } = await server.ready();
  const thread = client.thread("thread-1", { afterSeq: 2 });
  assertEquals(socket.last("thread.open").afterSeq, 2);
  opened(socket, { headSeq: 2, activeRun: { runId: "r1", attempt: 1 } });
  const seen = watch((await thread.opened()).activeRun!);
  socket.tell(words(0, ["a"]), ...entries(3, answered("r1", "a")));
  await seen.done;
  assertEquals(seen.log, ["1.0 a", "answer completed"]);
  await client.close();
});

Deno.test("a thread that was deleted begins anew, and its runs end", async () => {
  using time = new FakeTime();
  const { server, client, thread, run } = await streaming();
  const socket = await reconnect(server, time);
  refused(socket, "thread.open", { code: "NOT_FOUND" });
  await assertRefused(run.answer, "NOT_FOUND");
  assertEquals(await thread.opened(), { exists: false, activeRun: null });
  assertEquals(thread.entries, []);
  await client.close();
});

Deno.test("a thread that was deleted and made anew is read from its start", async () => {
  using time = new FakeTime();
  const { server, client, thread, run } = await streaming();
  const socket = await reconnect(server, time);
  refused(socket, "thread.open", { code: "INVALID_REQUEST" });
  await assertRefused(run.answer, "NOT_FOUND");
  assertEquals(socket.last("thread.open").afterSeq, 0);
  opened(socket, { headSeq: 1 });
  socket.tell(...entries(1, said("other")));
  assertEquals(thread.entries.length, 1);
  await client.close();
});

Deno.test("an acknowledgement below what was seen begins the thread anew, one of a seen entry does not", async () => {
  const { server, client, thread } = await streaming();
  const { socket } = server;
  void thread.send("more", { id: "m2" });
  socket.tell(...entries(3, said("m2", "more")));
  acked(socket, { seq: 3, runId: "r2" });
  assertEquals(thread.entries.length, 3);
  await turns();
  void thread.send("anew", { id: "m3" });
  acked(socket, { seq: 1, runId: "r3" });
  socket.tell(...entries(1, said("m3", "anew"), began("r3", 1, "m3")));
  assertEquals(thread.entries.map(({ seq, entry }) => [seq, entry.kind]), [
    [1, "message"],
    [2, "run.started"],
  ]);
  assertEquals(thread.activeRun?.id, "r3");
  await client.close();
});

Deno.test("a thread that cannot be opened now is opened later", async () => {
  using time = new FakeTime();
  const server = new ScriptedServer();
  const { client, socket } = await server.ready();
  const thread = client.thread("thread-1");
  const error = { code: "STORE_UNAVAILABLE", retryable: true, retryAfterMs: 1_000 } as const;
  refused(socket, "thread.open", error);
  await pass(time, 1_500);
  assertEquals(socket.all("thread.open").length, 2);
  opened(socket);
  assertEquals((await thread.opened()).exists, true);
  await client.close();
});

Deno.test("a thread that can never be opened is closed with the server's reason", async () => {
  const server = new ScriptedServer();
  const { client, socket } = await server.ready();
  const thread = client.thread("one-too-many");
  const sending = thread.send("hello");
  socket.tell({ type: "error", ref: "c1", code: "INVALID_REQUEST", message: "", retryable: false });
  await assertRefused(thread.opened(), "INVALID_REQUEST");
  await assertRefused(sending, "INVALID_REQUEST");
  await client.close();
});

Deno.test("a cancel is asked for until there is an answer, a regenerate once", async () => {
  using time = new FakeTime();
  const { server, client, thread } = await streaming();
  const cancelling = thread.cancel("r1");
  const regenerating = thread.regenerate();
  await turns();
  assertEquals(server.socket.all("run.cancel").length, 1);
  const socket = await reconnect(server, time);
  await assertRefused(regenerating, "CONNECTION_LOST");
  opened(socket, { headSeq: 2, activeRun: { runId: "r1", attempt: 1 } });
  await pass(time, 500);
  socket.tell({ type: "ack", ref: socket.last("run.cancel").id });
  await cancelling;
  const again = thread.regenerate({ onBusy: "interrupt" });
  await turns();
  const { id: ref, onBusy } = socket.last("message.regenerate");
  assertEquals(onBusy, "interrupt");
  socket.tell({ type: "ack", ref, threadId: "thread-1", runId: "r2" });
  assertEquals((await again).id, "r2");
  await client.close();
});

Deno.test("who waits for a thread can leave", async () => {
  const { client } = new ScriptedServer().client();
  const leaving = new AbortController();
  const waiting = client.thread("thread-1").opened(leaving.signal);
  const reason = new Error("left");
  leaving.abort(reason);
  assertEquals(await waiting.catch((error) => error), reason);
  await client.close();
});

Deno.test("a client that closes ends every iteration", async () => {
  const { client, thread, run } = await streaming();
  const seen = watch(run);
  const reading = Array.fromAsync(thread);
  await client.close();
  assertEquals((await reading).length, 2);
  await assertRefused(seen.done, "CLOSED");
  await assertRefused(thread.run("r9").answer, "CLOSED");
});

Deno.test("a cancel that waits for its next try ends with its thread", async () => {
  const { server, client, thread } = await streaming();
  const cancelling = thread.cancel("r1");
  await turns();
  const error = { code: "STORE_UNAVAILABLE", retryable: true, retryAfterMs: 60_000 } as const;
  refused(server.socket, "run.cancel", error);
  await turns();
  thread.close();
  await assertRefused(cancelling, "CLOSED");
  await client.close();
});
