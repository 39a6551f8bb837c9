import {
  assert,
  assertEquals,
  assertLess,
  assertMatch,
  assertNotEquals,
  assertRejects,
} from "@std/assert";
import { FakeTime } from "@std/testing/time";
import type { Entry } from "../../lib/chat/protocol.ts";
import { AppError } from "../../lib/errors.ts";
import type { Thread } from "../../lib/threads/thread_log.ts";
import { type Asked, eventually, overriding, World } from "../support/in_process.ts";
import { pass } from "../support/instance.ts";
import { PuppetModel, saying } from "../support/puppet_model.ts";
import { SseReader, type UiPart } from "../support/sse.ts";
import { problemIn } from "./problems.ts";

/** A message as the SDK's client has it. */
function message(id: string, text = id, role = "user"): Record<string, unknown> {
  return { id, role, parts: [{ type: "text", text, state: "done" }], metadata: { shown: true } };
}

/** What the SDK's transport posts for a message. */
function posted(id: string, fields: Record<string, unknown> = {}): Record<string, unknown> {
  return { id: "t", messages: [message(id)], trigger: "submit-message", ...fields };
}

async function post(world: World, json: unknown, asked: Asked = {}): Promise<Response> {
  return await world.request("/api/chat", { method: "POST", json, ...asked });
}

/** Posts, and reads the stream that must come. */
async function chat(world: World, json: unknown, asked: Asked = {}): Promise<SseReader> {
  const response = await post(world, json, asked);
  const { status } = response;
  assertEquals(status, 200, status === 200 ? "" : await response.text());
  return new SseReader(response);
}

async function resume(world: World, threadId = "t", asked: Asked = {}): Promise<Response> {
  return await world.request(`/api/chat/${threadId}/stream`, asked);
}

async function stop(world: World, threadId = "t", asked: Asked = {}): Promise<Response> {
  return await world.request(`/api/chat/${threadId}/stop`, { method: "POST", ...asked });
}

async function entriesOf(world: World, threadId = "t"): Promise<Entry[]> {
  const response = await world.request(`/api/threads/${threadId}/entries`);
  const { entries = [] } = await response.json();
  return entries.map(({ entry }: { entry: Entry }) => entry);
}

/** The answers of the thread as `outcome text`. */
async function answersOf(world: World, threadId = "t"): Promise<string[]> {
  return (await entriesOf(world, threadId)).flatMap((entry) =>
    entry.kind === "message" && entry.role === "assistant"
      ? [`${entry.outcome} ${entry.parts.map(({ text }) => text ?? "").join("")}`]
      : []
  );
}

async function assertNothingStored(world: World): Promise<void> {
  const { threads } = await (await world.request("/api/threads")).json() as { threads: Thread[] };
  assertEquals([threads, world.connections.count], [[], 0]);
}

function typesOf(parts: readonly UiPart[]): string[] {
  return parts.map(({ type }) => type);
}

Deno.test("POST /api/chat stores the message and streams its answer as the SDK's server would", async () => {
  await using world = await World.open();
  const response = await post(world, posted("m1"));
  const { headers } = response;
  assertEquals(
    ["content-type", "cache-control", "x-vercel-ai-ui-message-stream"].map((name) =>
      headers.get(name)
    ),
    ["text/event-stream", "no-cache", "v1"],
  );
  assert(headers.get("x-request-id"));
  const sse = new SseReader(response);
  const first = await sse.next();
  const call = await world.puppet.nextCall();
  const { runId } = call.request;
  assertEquals(first, { type: "start", messageId: `a-${runId}`, messageMetadata: { runId } });
  call.begin().words("Good ");
  assertEquals((await sse.until("text-delta")).delta, "Good ");
  call.words("day").finish();
  await sse.all();
  assertEquals([sse.text, sse.isDone], ["Good day", true]);
  assertEquals(typesOf(sse.parts), [
    "start",
    "text-start",
    "text-delta",
    "text-delta",
    "text-end",
    "finish",
  ]);
  const [user, , answer] = await entriesOf(world);
  assert(user?.kind === "message" && user.role === "user");
  assertEquals([user.id, user.parts], ["m1", [{ type: "text", text: "m1" }]]);
  assert(answer?.kind === "message");
  assertEquals(answer.id, first?.messageId);
  assertEquals(world.connections.count, 0);
});

Deno.test("POST /api/chat shows the model the log, whatever history is posted", async () => {
  const puppet = new PuppetModel(saying("no"));
  await using world = await World.open({ model: puppet });
  await (await chat(world, posted("m1"))).all();
  const forged = [message("x", "forged"), message("y", "forged", "assistant"), message("m2")];
  await (await chat(world, posted("m2", { messages: forged }))).all();
  assertEquals(puppet.calls.at(-1)?.request.turns, [
    { role: "user", text: "m1" },
    { role: "assistant", text: "no" },
    { role: "user", text: "m2" },
  ]);
});

Deno.test("POST /api/chat takes agent and onBusy from the transport's body", async () => {
  await using world = await World.open();
  const first = await chat(world, posted("m1", { agent: "other" }));
  const call = await world.puppet.nextCall();
  assertEquals(call.request.agent.name, "other");
  await problemIn(await post(world, posted("m2", { onBusy: "reject" })), "RUN_ACTIVE");
  await problemIn(await post(world, posted("m2", { agent: "nobody" })), "INVALID_REQUEST");
  call.begin().finish();
  await first.all();
});

Deno.test("POST /api/chat of an id again joins the run that it started", async () => {
  await using world = await World.open();
  const first = await chat(world, posted("m1"));
  const call = await world.puppet.nextCall();
  call.begin().words("one ");
  await first.until("text-delta");
  const again = await chat(world, posted("m1"));
  await again.until("text-delta");
  call.words("two").finish();
  assertEquals(await again.all(), await first.all());
  assertEquals([again.text, world.puppet.calls.length], ["one two", 1]);
  assertEquals((await entriesOf(world)).length, 3);
});

Deno.test("POST /api/chat of an id whose run has ended replays its answer, behind later ones too", async () => {
  const puppet = new PuppetModel(saying("one ", "two"));
  await using world = await World.open({ model: puppet });
  const first = await chat(world, posted("m1"));
  await first.all();
  await (await chat(world, posted("m2"))).all();
  const again = await chat(world, posted("m1"));
  await again.all();
  assertEquals(again.parts[0], first.parts[0]);
  assertEquals([again.text, again.isDone], ["one two", true]);
  assertEquals(typesOf(again.parts), ["start", "text-start", "text-delta", "text-end", "finish"]);
  assertEquals([puppet.calls.length, (await entriesOf(world)).length], [2, 6]);
});

Deno.test("POST /api/chat of an id with another text is IDEMPOTENCY_CONFLICT", async () => {
  await using world = await World.open({ model: new PuppetModel(saying("yes")) });
  await (await chat(world, posted("m1"))).all();
  const edited = posted("m1", { messages: [message("m1", "edited")], messageId: "m1" });
  await problemIn(await post(world, edited), "IDEMPOTENCY_CONFLICT");
});

Deno.test("leaving the stream cancels nothing, and gives its place back", async () => {
  await using world = await World.open();
  const sse = await chat(world, posted("m1"));
  const call = await world.puppet.nextCall();
  call.begin().words("one ");
  await sse.until("text-delta");
  assertEquals(world.connections.count, 1);
  await sse.leave();
  assertEquals(world.connections.count, 0);
  call.words("two").finish();
  await eventually(async () => (await answersOf(world)).length > 0);
  assertEquals(await answersOf(world), ["completed one two"]);
});

Deno.test("GET /api/chat/{threadId}/stream resumes the active run from its first part, and starts none", async () => {
  await using world = await World.open();
  const first = await chat(world, posted("m1"));
  const call = await world.puppet.nextCall();
  call.begin().words("one ");
  await first.until("text-delta");
  const response = await resume(world);
  assertEquals(
    [response.status, response.headers.get("x-vercel-ai-ui-message-stream")],
    [200, "v1"],
  );
  const resumed = new SseReader(response);
  assertEquals((await resumed.until("text-delta")).delta, "one ");
  call.words("two").finish();
  assertEquals(await resumed.all(), await first.all());
  assertEquals(world.puppet.calls.length, 1);
});

Deno.test("GET /api/chat/{threadId}/stream is 204 where nothing streams: idle, unknown, somebody else's; HEAD streams nothing", async () => {
  await using world = await World.open();
  const sse = await chat(world, posted("m1"));
  const call = await world.puppet.nextCall();
  for (
    const response of [await resume(world, "unknown"), await resume(world, "t", { sub: "bob" })]
  ) {
    assertEquals([response.status, await response.text()], [204, ""]);
  }
  const head = await resume(world, "t", { method: "HEAD" });
  assertEquals([head.status, head.headers.get("content-type")], [200, "text/event-stream"]);
  assertEquals(world.connections.count, 1);
  call.begin().finish();
  await sse.all();
  assertEquals((await resume(world)).status, 204);
  assertEquals(world.connections.count, 0);
});

Deno.test("POST /api/chat/{threadId}/stop cancels the active run, whose stream ends with abort", async () => {
  await using world = await World.open();
  const sse = await chat(world, posted("m1"));
  const call = await world.puppet.nextCall();
  call.begin().words("one ");
  await sse.until("text-delta");
  assertEquals((await stop(world, "t", { sub: "bob" })).status, 204);
  const response = await stop(world);
  const { runId } = call.request;
  assertEquals([response.status, await response.json()], [202, { runId }]);
  assertEquals(typesOf(await sse.all()).at(-1), "abort");
  assertEquals([sse.isDone, await answersOf(world)], [true, ["cancelled one "]]);
  for (const threadId of ["t", "unknown"]) {
    const nothing = await stop(world, threadId);
    assertEquals([nothing.status, await nothing.text()], [204, ""]);
  }
});

Deno.test("the stream of a failed run ends with an error that holds its public text alone", async () => {
  await using world = await World.open();
  const sse = await chat(world, posted("m1"));
  const cause = new Error("http://model.internal refused");
  (await world.puppet.nextCall()).begin().words("so far").fail(
    new AppError("MODEL_UNAVAILABLE", { cause }),
  );
  assertEquals((await sse.all()).at(-1), {
    type: "error",
    errorText: "The model is unavailable",
  });
  assertEquals([sse.text, sse.isDone], ["so far", true]);
  const again = await chat(world, posted("m1"));
  assertEquals((await again.all()).at(-1), sse.parts.at(-1));
  assertEquals(again.text, "so far");
});

Deno.test("a message behind an active run streams nothing of that one, and its own answer in its turn", async () => {
  await using world = await World.open();
  const first = await chat(world, posted("m1"));
  const call = await world.puppet.nextCall();
  call.begin().words("one");
  const second = await chat(world, posted("m2"));
  assertEquals((await second.next())?.type, "start");
  call.finish();
  await first.all();
  (await world.puppet.nextCall()).begin().words("two").finish();
  await second.all();
  assertEquals([first.text, second.text], ["one", "two"]);
});

Deno.test("the stream of a run that is cancelled while it waits is a start and an abort", async () => {
  await using world = await World.open();
  const first = await chat(world, posted("m1"));
  const call = await world.puppet.nextCall();
  const second = await chat(world, posted("m2"));
  const { messageMetadata: { runId } } = await second.until("start");
  const cancel = await world.request(`/api/threads/t/runs/${runId}/cancel`, { method: "POST" });
  assertEquals(cancel.status, 202);
  assertEquals(typesOf(await second.all()), ["start", "abort"]);
  call.begin().finish();
  await first.all();
});

Deno.test("regenerate-message answers the last message anew under another id, and stores no message", async () => {
  await using world = await World.open();
  const first = await chat(world, posted("m1"));
  (await world.puppet.nextCall()).begin().words("old").finish();
  await first.all();
  const fields = { trigger: "regenerate-message", messageId: first.parts[0]?.messageId };
  const anew = await chat(world, posted("m1", fields));
  const call = await world.puppet.nextCall();
  assertEquals(call.request.turns, [{ role: "user", text: "m1" }]);
  call.begin().words("new").finish();
  await anew.all();
  assertEquals(anew.text, "new");
  assertNotEquals(anew.parts[0]?.messageId, first.parts[0]?.messageId);
  assertEquals(await answersOf(world), ["completed old", "completed new"]);
});

Deno.test("regenerate-message gives up the answer that still streams, unless onBusy says otherwise", async () => {
  await using world = await World.open();
  const first = await chat(world, posted("m1"));
  (await world.puppet.nextCall()).begin().words("old");
  await first.until("text-delta");
  const busy = posted("m1", { trigger: "regenerate-message", onBusy: "reject" });
  await problemIn(await post(world, busy), "RUN_ACTIVE");
  const anew = await chat(world, posted("m1", { trigger: "regenerate-message" }));
  assertEquals(typesOf(await first.all()).at(-1), "abort");
  (await world.puppet.nextCall()).begin().words("new").finish();
  await anew.all();
  assertEquals(anew.text, "new");
  assertEquals(await answersOf(world), ["cancelled old", "completed new"]);
});

Deno.test("regenerate-message of a message that was never stored sends it", async () => {
  const puppet = new PuppetModel(saying("yes"));
  await using world = await World.open({ model: puppet });
  for (const id of ["m1", "m2"]) {
    const sse = await chat(world, posted(id, { trigger: "regenerate-message" }));
    await sse.all();
    assertEquals(sse.text, "yes");
  }
  assertEquals(await answersOf(world), ["completed yes", "completed yes"]);
});

Deno.test("regenerate-message of an earlier message is INVALID_REQUEST and starts nothing", async () => {
  const puppet = new PuppetModel(saying("yes"));
  await using world = await World.open({ model: puppet });
  for (const id of ["m1", "m2"]) await (await chat(world, posted(id))).all();
  const earlier = posted("m1", { trigger: "regenerate-message" });
  await problemIn(await post(world, earlier), "INVALID_REQUEST");
  assertEquals(puppet.calls.length, 2);
});

Deno.test("POST /api/chat refuses what it cannot take, and stores nothing", async () => {
  await using world = await World.open();
  const file = { type: "file", mediaType: "image/png", url: "data:," };
  const wrong = {
    "a thread id of other characters": posted("m1", { id: "no spaces" }),
    "a message id of other characters": posted("m 1"),
    "no message": posted("m1", { messages: [] }),
    "no messages": { id: "t" },
    "an answer as the last message": posted("m1", {
      messages: [message("m1"), message("a1", "a", "assistant")],
    }),
    "a file": posted("m1", { messages: [{ ...message("m1"), parts: [file] }] }),
    "blank text": posted("m1", { messages: [message("m1", " \n")] }),
    "no parts": posted("m1", { messages: [{ ...message("m1"), parts: [] }] }),
    "an unknown trigger": posted("m1", { trigger: "resume" }),
    "null": null,
  };
  for (const [what, json] of Object.entries(wrong)) {
    const { detail } = await problemIn(await post(world, json), "INVALID_REQUEST");
    assert(!detail.includes("no spaces"), what);
  }
  await assertNothingStored(world);
});

Deno.test("POST /api/chat takes a long history, but neither a long message nor any history", async () => {
  const puppet = new PuppetModel(saying("yes"));
  await using world = await World.open({ model: puppet, env: { LIMIT_MESSAGE_BYTES: "1000" } });
  const history = (length: number) => [message("old", "x".repeat(length)), message("m1")];
  const tooLong = posted("m1", { messages: [message("m1", "x".repeat(1_001))] });
  await problemIn(await post(world, tooLong), "MESSAGE_TOO_LARGE");
  const endless = posted("m1", { messages: history(4 * 1024 * 1024) });
  await problemIn(await post(world, endless), "MESSAGE_TOO_LARGE");
  await assertNothingStored(world);
  const long = posted("m1", { messages: history(4_000_000) });
  await (await chat(world, long)).all();
  // Everywhere else a body is as small as a frame.
  await problemIn(await post(world, long, { method: "PUT" }), "METHOD_NOT_ALLOWED");
  const renamed = { title: "x".repeat(100_000) };
  await problemIn(
    await world.request("/api/threads/t", { method: "PATCH", json: renamed }),
    "MESSAGE_TOO_LARGE",
  );
});

Deno.test("the routes of /api/chat answer other methods with 405, and nobody without a token", async () => {
  await using world = await World.open();
  const routes = [
    ["/api/chat", "POST"],
    ["/api/chat/t/stream", "GET, HEAD"],
    ["/api/chat/t/stop", "POST"],
  ];
  for (const [path = "", allow = ""] of routes) {
    const response = await world.request(path, { method: "DELETE" });
    assertEquals(response.headers.get("allow"), allow);
    await problemIn(response, "METHOD_NOT_ALLOWED");
    for (const method of allow.split(", ").filter((method) => method !== "HEAD")) {
      await problemIn(await world.request(path, { method, sub: null }), "UNAUTHENTICATED");
    }
  }
});

Deno.test("a stream takes one of its subject's places, and none is left behind by a refusal", async () => {
  await using world = await World.open({ env: { LIMIT_SOCKETS_PER_SUBJECT: "1" } });
  const sse = await chat(world, posted("m1"));
  const call = await world.puppet.nextCall();
  await problemIn(await post(world, posted("m2")), "TOO_MANY_CONNECTIONS");
  await problemIn(await resume(world), "TOO_MANY_CONNECTIONS");
  call.begin().finish();
  await sse.all();
  assertEquals((await entriesOf(world)).length, 3);
  await problemIn(await post(world, posted("m 3")), "INVALID_REQUEST");
  await problemIn(await post(world, posted("m1", { agent: "nobody" })), "INVALID_REQUEST");
  assertEquals((await resume(world)).status, 204);
  assertEquals(world.connections.count, 0);
});

Deno.test("a drain ends every stream with an error part, and the places are free", async () => {
  await using world = await World.open();
  const sse = await chat(world, posted("m1"));
  (await world.puppet.nextCall()).begin().words("so far");
  await sse.until("text-delta");
  world.connections.drain();
  assertEquals((await sse.all()).at(-1), { type: "error", errorText: "Service restart" });
  assertEquals([sse.isDone, world.connections.count], [true, 0]);
});

Deno.test("a stream that is asked for before the drain and opened within it ends at once", async () => {
  const drained = Promise.withResolvers<void>();
  await using world = await World.open({
    wrap: (store) =>
      overriding(store, {
        commit: async (commit) => {
          await drained.promise;
          return await store.commit(commit);
        },
      }),
  });
  const response = post(world, posted("m1"));
  await eventually(() => world.connections.count === 1);
  world.connections.drain();
  world.barrier.drain();
  drained.resolve();
  const sse = new SseReader(await response);
  assertEquals(typesOf(await sse.all()), ["start", "error"]);
});

Deno.test("a stream ends with its token", async () => {
  using time = new FakeTime();
  await using world = await World.open();
  const sse = await pass(time, chat(world, posted("m1"), { token: { expiresInSeconds: 60 } }));
  (await pass(time, world.puppet.nextCall())).begin().words("so far");
  await pass(time, sse.until("text-delta"));
  const parts = pass(time, sse.all(), { stepMs: 1_000 });
  assertEquals((await parts).at(-1), { type: "error", errorText: "The token has expired" });
  assertEquals(sse.isDone, true);
  assert(sse.comments.includes("keep-alive"));
  assertEquals(world.connections.count, 0);
});

Deno.test("a stream whose reader takes nothing is cut before long, also one that has ended", async () => {
  for (const ends of [true, false]) {
    using time = new FakeTime();
    await using world = await World.open();
    const response = await pass(time, post(world, posted("m1")));
    const call = await pass(time, world.puppet.nextCall());
    call.begin().words("said");
    if (ends) {
      call.finish();
      await pass(time, async () => (await answersOf(world)).length === 1);
    }
    assertEquals(world.connections.count, 1);
    const startedMs = Date.now();
    await pass(time, () => world.connections.count === 0, { stepMs: 1_000 });
    // Long before its token expires, on the clock that the test moves.
    assertLess(Date.now() - startedMs, 60_000);
    await assertRejects(() => response.text());
  }
});

Deno.test("a stream whose reader takes nothing holds nothing 5 s after its token has expired", async () => {
  using time = new FakeTime();
  await using world = await World.open();
  const response = await post(world, posted("m1"), { token: { expiresInSeconds: 5 } });
  await pass(time, world.puppet.nextCall());
  await time.tickAsync(9_900);
  // No look has been taken yet: the first is 15 s from the start.
  assertEquals(world.connections.count, 0);
  await assertRejects(() => response.text());
});

Deno.test("a reader that does not keep up is cut, and may resume", async () => {
  await using world = await World.open({ env: { LIMIT_UNSENT_BYTES: "20000" } });
  const response = await post(world, posted("m1"));
  const call = await world.puppet.nextCall();
  const words = Array.from({ length: 100 }, (_, index) => `${index} `.padEnd(1_000));
  call.begin();
  for (const word of words) {
    call.words(word);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await eventually(() => world.connections.count === 0);
  await assertRejects(() => response.text());
  const slow = world.samples.filter(({ name }) => name === "slow_consumers_total");
  assertEquals(slow.length, 1);
  const resumed = new SseReader(await resume(world));
  call.finish();
  await resumed.all();
  assertEquals(resumed.text, words.join(""));
  assertEquals(await answersOf(world), [`completed ${words.join("")}`]);
});

Deno.test("where memory runs short the stream whose reader has left most unread is cut", async () => {
  await using world = await World.open();
  const response = await post(world, posted("m1"));
  world.connections.shedHeaviest();
  await assertRejects(() => response.text());
  assertEquals(world.connections.count, 0);
});

Deno.test("the stream of a thread that is deleted ends with abort", async () => {
  await using world = await World.open();
  const sse = await chat(world, posted("m1"));
  await world.puppet.nextCall();
  const response = await world.request("/api/threads/t", { method: "DELETE" });
  assertEquals(response.status, 204);
  assertEquals(typesOf(await sse.all()), ["start", "abort"]);
  // At once: nobody had to look whether it is still there.
  assertEquals([sse.comments, world.connections.count], [[], 0]);
});

Deno.test("the stream of a thread that another instance deletes ends with abort before long", async () => {
  using time = new FakeTime();
  await using world = await World.open();
  const sse = await pass(time, chat(world, posted("m1")));
  await pass(time, world.puppet.nextCall());
  const { ThreadRemoval } = await import("../../lib/threads/thread_removal.ts");
  await new ThreadRemoval(world.store).delete({ subject: "alice", threadId: "t" });
  const parts = await pass(time, sse.all(), { stepMs: 1_000 });
  assertEquals(typesOf(parts), ["start", "abort"]);
  assertMatch(world.faults.join(), /^$/);
});
