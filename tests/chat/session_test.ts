import {
  assert,
  assertEquals,
  assertFalse,
  assertGreater,
  assertInstanceOf,
  assertLess,
  assertLessOrEqual,
} from "@std/assert";
import { delay } from "@std/async/delay";
import { FakeTime } from "@std/testing/time";
import { AppError } from "../../lib/errors.ts";
import { type Store, UnknownCommitError } from "../../lib/threads/store.ts";
import { FakeSocket } from "../support/fake_socket.ts";
import { type Client, overriding, World } from "../support/in_process.ts";
import { PuppetModel, saying } from "../support/puppet_model.ts";
import { mintToken, nowSeconds } from "../support/tokens.ts";

const WORDS = ["The ", "bridge ", "is ", "down. ", "Mind ", "the ", "gap, 👋 ", "please."];

/** What a client has got of a thread, put together as a client would. */
function transcript({ socket }: Client): {
  seqs: number[];
  chunks: string[];
  indexes: number[];
  order: string[];
} {
  const seqs: number[] = [];
  const chunks: string[] = [];
  const indexes: number[] = [];
  const order: string[] = [];
  for (const frame of socket.frames) {
    if (frame.type === "entry") {
      seqs.push(frame.seq);
      const { entry } = frame;
      order.push(entry.kind === "message" ? entry.role : entry.kind);
    } else if (frame.type === "chunk" || frame.type === "chunks") {
      const parts = frame.type === "chunk" ? [frame.chunk] : frame.chunks;
      chunks.push(...parts.map((part) => JSON.stringify(part)));
      indexes.push(...parts.map((_, at) => frame.index + at));
      if (order.at(-1) !== "chunks") order.push("chunks");
    } else if (frame.type === "ack" || frame.type === "thread.opened") order.push(frame.type);
  }
  return { seqs, chunks, indexes, order };
}

function counts(until: number, from = 0): number[] {
  return Array.from({ length: Math.max(0, until - from) }, (_, at) => from + at);
}

/** Resolves once the client has got that many chunks. */
async function gotChunks(client: Client, count: number): Promise<void> {
  await client.socket.until(() => transcript(client).chunks.length >= count, `${count} chunks`);
}

/** Resolves once the client has got that many answers. */
async function gotAnswers(client: Client, count = 1): Promise<void> {
  await client.socket.until(
    () => transcript(client).order.filter((word) => word === "assistant").length >= count,
    `${count} answers`,
  );
}

/** Sends a message into thread `t` and resolves to its run. */
async function say(client: Client, id: string, text = "hello"): Promise<string> {
  client.send({ type: "message.send", id, threadId: "t", message: { id, text } });
  const answer = await client.socket.answerTo(id);
  assert(answer.type === "ack" && answer.runId !== undefined, JSON.stringify(answer));
  return answer.runId;
}

/** The error that answers a frame. */
async function refusal({ socket }: Client, ref: string): Promise<string> {
  const answer = await socket.answerTo(ref);
  return answer.type === "error" ? answer.code : answer.type;
}

Deno.test("ChatSession greets with the session, its subject and expiry, the limits and what is lost", async () => {
  await using world = await World.open();
  world.degraded = ["model"];
  const { socket } = await world.connect({ sub: "ada", expiresInSeconds: 60 });
  const { sessionId, expiresAt, ...greeting } = socket.only("session.ready");
  assertEquals(greeting, {
    type: "session.ready",
    subject: "ada",
    waitedMs: 12,
    degraded: ["model"],
    limits: { frameBytes: 65_536, messageBytes: 32_768, framesPerSecond: 20 },
  });
  assertGreater(sessionId.length, 0);
  const restSeconds = Date.parse(expiresAt) / 1_000 - nowSeconds();
  assert(restSeconds > 30 && restSeconds <= 60, expiresAt);
});

Deno.test("ChatSession answers a ping at once, before what is asked of the store", async () => {
  await using world = await World.open();
  const client = await world.connect();
  client.send({ type: "thread.open", id: "1", threadId: "t" });
  client.send({ type: "ping", id: "2" });
  assertEquals(client.socket.frames.at(-1), { type: "pong", ref: "2" });
  await client.socket.answerTo("1");
});

Deno.test("ChatSession answers a message with ack, then its entries, its chunks and its answer", async () => {
  await using world = await World.open();
  const client = await world.connect();
  const runId = await say(client, "m1", "hello");
  const call = await world.puppet.nextCall();
  call.begin().words(...WORDS);
  await gotChunks(client, WORDS.length + 2);
  call.finish();
  await gotAnswers(client);

  const { seqs, indexes, order, chunks } = transcript(client);
  assertEquals(order, ["ack", "user", "run.started", "chunks", "assistant"]);
  assertEquals(seqs, [1, 2, 3]);
  assertEquals(indexes, counts(WORDS.length + 4));
  assertEquals(client.socket.only("ack"), {
    type: "ack",
    ref: "m1",
    threadId: "t",
    seq: 1,
    runId,
    duplicate: false,
  });
  const deltas = chunks.map((text) => JSON.parse(text)).filter(({ type }) => type === "text-delta");
  assertEquals(deltas.map(({ delta }) => delta).join(""), WORDS.join(""));
  const [user, started, answer] = client.socket.all("entry").map(({ entry }) => entry);
  assert(user?.kind === "message" && user.role === "user");
  assertEquals([user.id, user.parts], ["m1", [{ type: "text", text: "hello" }]]);
  const run = { runId, attempt: 1, agent: "default" };
  assertEquals(started, { kind: "run.started", ...run, replyTo: "m1" });
  assert(answer?.kind === "message" && answer.role === "assistant");
  assertEquals([answer.runId, answer.attempt, answer.outcome], [runId, 1, "completed"]);
  assertEquals(answer.parts.map((part) => part["text"]).join(""), WORDS.join(""));
});

Deno.test("ChatSession opens the thread of a message from that message's entry on", async () => {
  const model = new PuppetModel(saying("hi"));
  await using world = await World.open({ model });
  const first = await world.connect();
  await say(first, "m1");
  await gotAnswers(first);
  const second = await world.connect();
  await say(second, "m2");
  await gotAnswers(second);
  assertEquals(transcript(second).seqs, [4, 5, 6]);
  await gotAnswers(first, 2);
  assertEquals(transcript(first).seqs, [1, 2, 3, 4, 5, 6]);
});

Deno.test("ChatSession passes a model's fault on as an answer that failed, with the text so far", async () => {
  await using world = await World.open();
  const client = await world.connect();
  await say(client, "m1");
  const call = await world.puppet.nextCall();
  call.begin().words("so far").fail(new AppError("MODEL_TIMEOUT"));
  await gotAnswers(client);
  const entry = client.socket.all("entry").at(-1)!.entry;
  assert(entry.kind === "message" && entry.role === "assistant");
  assertEquals([entry.outcome, entry.error?.code], ["failed", "MODEL_TIMEOUT"]);
  assertEquals(entry.parts[0]?.["text"], "so far");
});

Deno.test("ChatSession answers a message sent again with the first ack, as a duplicate, and starts no run", async () => {
  await using world = await World.open();
  const client = await world.connect();
  const runId = await say(client, "m1", "once");
  const frame = { type: "message.send", threadId: "t" } as const;
  client.send({ ...frame, id: "again", message: { id: "m1", text: "once" } });
  client.send({ ...frame, id: "other", message: { id: "m1", text: "twice" } });
  assertEquals<unknown>(await client.socket.answerTo("again"), {
    type: "ack",
    ref: "again",
    threadId: "t",
    seq: 1,
    runId,
    duplicate: true,
  });
  assertEquals(await refusal(client, "other"), "IDEMPOTENCY_CONFLICT");
  (await world.puppet.nextCall()).begin().finish();
  await gotAnswers(client);
  assertEquals(transcript(client).seqs, [1, 2, 3]);
  assertEquals(world.puppet.calls.length, 1);
});

Deno.test("ChatSession opens the thread of a duplicate from that message on, without the chunks of a run that has ended", async () => {
  const model = new PuppetModel(saying("hi"));
  await using world = await World.open({ model });
  const first = await world.connect();
  await say(first, "m1");
  await gotAnswers(first);
  await say(first, "m2");
  await gotAnswers(first, 2);
  const second = await world.connect();
  await say(second, "m2");
  await gotAnswers(second);
  const { seqs, chunks } = transcript(second);
  assertEquals([seqs, chunks], [[4, 5, 6], []]);
});

Deno.test("ChatSession refuses what is no message before it stores anything", async () => {
  await using world = await World.open({ env: { LIMIT_MESSAGE_BYTES: "10" } });
  const client = await world.connect();
  const send = async (id: string, message: { text: string }, agent?: string): Promise<string> => {
    const rest = agent === undefined ? {} : { agent };
    client.send({ type: "message.send", id, threadId: "t", message: { id, ...message }, ...rest });
    return await refusal(client, id);
  };
  assertEquals(await send("blank", { text: " \n" }), "INVALID_REQUEST");
  assertEquals(await send("lone", { text: "\ud83d" }), "INVALID_REQUEST");
  assertEquals(await send("agent", { text: "hi" }, "nobody"), "INVALID_REQUEST");
  assertEquals(await send("proto", { text: "hi" }, "__proto__"), "INVALID_REQUEST");
  assertEquals(await send("eleven", { text: "ä".repeat(5) + "b" }), "MESSAGE_TOO_LARGE");
  client.send({ type: "thread.open", id: "open", threadId: "t" });
  assertEquals(await refusal(client, "open"), "NOT_FOUND");
  assertEquals(await send("ten", { text: "ä".repeat(5) }, "other"), "ack");
});

Deno.test("ChatSession resumes a streaming answer at every position, and the pieces join without gap or repeat", async () => {
  await using world = await World.open();
  const owner = await world.connect();
  const runId = await say(owner, "m1");
  const call = await world.puppet.nextCall();
  call.begin();
  const resumed: { client: Client; afterIndex: number }[] = [];
  let streamed = 2;
  for (const word of WORDS) {
    await gotChunks(owner, streamed);
    // From the start, and behind each chunk that is there.
    for (const afterIndex of counts(streamed, -1)) {
      const client = await world.connect();
      client.send({
        type: "thread.open",
        id: "o",
        threadId: "t",
        afterSeq: 2,
        ...(afterIndex < 0 ? {} : { run: { runId, attempt: 1, index: afterIndex } }),
      });
      resumed.push({ client, afterIndex });
    }
    call.words(word);
    streamed++;
  }
  call.finish();
  await gotAnswers(owner);
  const whole = transcript(owner).chunks;
  assertEquals(whole.length, WORDS.length + 4);
  for (const { client, afterIndex } of resumed) {
    await gotAnswers(client);
    const { seqs, chunks, indexes } = transcript(client);
    assertEquals(indexes, counts(whole.length, afterIndex + 1));
    assertEquals([...whole.slice(0, afterIndex + 1), ...chunks], whole);
    assertEquals(seqs, [3]);
    const { recovered, activeRun, headSeq } = client.socket.only("thread.opened");
    assertEquals({ recovered, activeRun, headSeq }, {
      recovered: true,
      activeRun: { runId, attempt: 1 },
      headSeq: 2,
    });
  }
});

Deno.test("ChatSession opens a thread at every seq, while its run streams and after, and sends what follows", async () => {
  await using world = await World.open();
  const owner = await world.connect();
  await say(owner, "m1");
  const call = await world.puppet.nextCall();
  call.begin().words(...WORDS);
  await gotChunks(owner, WORDS.length + 2);
  const opened: { client: Client; afterSeq: number }[] = [];
  for (const afterSeq of [0, 1, 2]) {
    const client = await world.connect();
    client.send({ type: "thread.open", id: "o", threadId: "t", afterSeq });
    opened.push({ client, afterSeq });
    await gotChunks(client, WORDS.length + 2);
  }
  call.finish();
  for (const { client, afterSeq } of opened) {
    await gotAnswers(client);
    const { seqs, indexes, order } = transcript(client);
    assertEquals(seqs, counts(4, afterSeq + 1));
    assertEquals(indexes, counts(WORDS.length + 4));
    assertEquals(
      order,
      ["thread.opened", ...["user", "run.started"].slice(afterSeq), "chunks", "assistant"],
    );
  }
  for (const afterSeq of [undefined, 0, 1, 2, 3]) {
    const client = await world.connect();
    client.send({
      type: "thread.open",
      id: "o",
      threadId: "t",
      ...(afterSeq === undefined ? {} : { afterSeq }),
    });
    await client.socket.answerTo("o");
    const expected = counts(4, (afterSeq ?? 0) + 1);
    await client.socket.until(() => transcript(client).seqs.length === expected.length);
    await delay(10);
    const { seqs, chunks } = transcript(client);
    // The answer is in its entry: chunks of a run that has ended are not replayed.
    assertEquals([seqs, chunks], [expected, []]);
    const { recovered, activeRun, headSeq } = client.socket.only("thread.opened");
    assertEquals({ recovered, activeRun, headSeq }, {
      recovered: true,
      activeRun: null,
      headSeq: 3,
    });
  }
});

Deno.test("ChatSession says recovered: false to a position that is not known, and streams the run from 0", async () => {
  await using world = await World.open();
  const owner = await world.connect();
  const runId = await say(owner, "m1");
  const call = await world.puppet.nextCall();
  call.begin().words("one");
  await gotChunks(owner, 3);
  const unknown = [
    { runId, attempt: 1, index: 3 },
    { runId, attempt: 1, index: Number.MAX_SAFE_INTEGER },
    { runId, attempt: 2, index: 0 },
    { runId: "r-invented", attempt: 1, index: 0 },
  ];
  for (const run of unknown) {
    const client = await world.connect();
    client.send({ type: "thread.open", id: "o", threadId: "t", afterSeq: 2, run });
    await gotChunks(client, 3);
    assertFalse(client.socket.only("thread.opened").recovered, JSON.stringify(run));
    assertEquals(transcript(client).indexes, [0, 1, 2]);
  }
  call.finish();
  await gotAnswers(owner);
  const recovered = async (run: typeof unknown[number]): Promise<boolean> => {
    const client = await world.connect();
    client.send({ type: "thread.open", id: "o", threadId: "t", afterSeq: 2, run });
    await gotAnswers(client);
    assertEquals(transcript(client).chunks, []);
    return client.socket.only("thread.opened").recovered;
  };
  assertEquals(await recovered({ runId, attempt: 1, index: 4 }), true);
  assertEquals(await recovered({ runId, attempt: 1, index: 5 }), false);
  assertEquals(await recovered({ runId, attempt: 2, index: 0 }), false);
  assertEquals(await recovered({ runId: "r-invented", attempt: 1, index: 0 }), false);
});

Deno.test("ChatSession refuses to open an unknown thread, and a cursor beyond the head", async () => {
  const model = new PuppetModel(saying("hi"));
  await using world = await World.open({ model });
  const client = await world.connect();
  client.send({ type: "thread.open", id: "1", threadId: "nowhere" });
  assertEquals(await refusal(client, "1"), "NOT_FOUND");
  await say(client, "m1");
  await gotAnswers(client);
  client.send({ type: "thread.open", id: "2", threadId: "t", afterSeq: 4 });
  assertEquals(await refusal(client, "2"), "INVALID_REQUEST");
  client.send({ type: "thread.open", id: "3", threadId: "t", afterSeq: 3 });
  assertEquals(await refusal(client, "3"), "thread.opened");
});

Deno.test("ChatSession opened again starts over from the new cursor", async () => {
  await using world = await World.open();
  const client = await world.connect();
  await say(client, "m1");
  const call = await world.puppet.nextCall();
  call.begin();
  await gotChunks(client, 2);
  const before = client.socket.frames.length;
  client.send({ type: "thread.open", id: "o", threadId: "t", afterSeq: 1 });
  await client.socket.until(() => client.socket.frames.length >= before + 3);
  call.finish();
  await gotAnswers(client);
  const again = transcript({
    ...client,
    socket: Object.assign(new FakeSocket(), { frames: client.socket.frames.slice(before) }),
  });
  assertEquals(again.order, ["thread.opened", "run.started", "chunks", "assistant"]);
  assertEquals(again.indexes, counts(4));
});

Deno.test("ChatSession sends nothing of a thread that is closed, and acknowledges the close of any", async () => {
  await using world = await World.open();
  const [client, other] = [await world.connect(), await world.connect()];
  await say(client, "m1");
  const call = await world.puppet.nextCall();
  other.send({ type: "thread.open", id: "o", threadId: "t" });
  await gotChunks(other, 0);
  await other.socket.until(() => transcript(other).seqs.length === 2);
  client.send({ type: "thread.close", id: "c", threadId: "t" });
  client.send({ type: "thread.close", id: "d", threadId: "never-open" });
  assertEquals(await client.socket.answerTo("c"), { type: "ack", ref: "c" });
  assertEquals(await client.socket.answerTo("d"), { type: "ack", ref: "d" });
  const before = client.socket.frames.length;
  call.begin().words(...WORDS).finish();
  await gotAnswers(other);
  assertEquals(client.socket.frames.length, before);
});

Deno.test("ChatSession cancels a run, and its answer keeps the text so far", async () => {
  await using world = await World.open();
  const client = await world.connect();
  const runId = await say(client, "m1");
  const call = await world.puppet.nextCall();
  call.begin().words("so far");
  await gotChunks(client, 3);
  client.send({ type: "run.cancel", id: "c", threadId: "t", runId });
  assertEquals(await client.socket.answerTo("c"), { type: "ack", ref: "c" });
  await gotAnswers(client);
  const answer = client.socket.all("entry").at(-1)!.entry;
  assert(answer.kind === "message" && answer.role === "assistant");
  assertEquals([answer.outcome, answer.parts[0]?.["text"]], ["cancelled", "so far"]);
  assert(call.request.context.signal.aborted);
  // Cancelled again, or after its end, it stays as it is.
  client.send({ type: "run.cancel", id: "d", threadId: "t", runId });
  assertEquals(await client.socket.answerTo("d"), { type: "ack", ref: "d" });
  client.send({ type: "run.cancel", id: "e", threadId: "t", runId: "r-invented" });
  assertEquals(await refusal(client, "e"), "NOT_FOUND");
  client.send({ type: "run.cancel", id: "f", threadId: "nowhere", runId });
  assertEquals(await refusal(client, "f"), "NOT_FOUND");
});

Deno.test("ChatSession regenerates the last answer as a new run", async () => {
  const model = new PuppetModel(saying("hi"));
  await using world = await World.open({ model });
  const client = await world.connect();
  const first = await say(client, "m1");
  await gotAnswers(client);
  client.send({ type: "message.regenerate", id: "r", threadId: "t" });
  const ack = await client.socket.answerTo("r");
  assert(ack.type === "ack" && ack.runId !== undefined && ack.runId !== first);
  assertEquals(ack, { type: "ack", ref: "r", threadId: "t", runId: ack.runId });
  await gotAnswers(client, 2);
  assertEquals(transcript(client).seqs, [1, 2, 3, 4, 5]);
  assertEquals(model.calls[1]?.request.turns, [{ role: "user", text: "hello" }]);
  client.send({ type: "message.regenerate", id: "n", threadId: "nowhere" });
  assertEquals(await refusal(client, "n"), "NOT_FOUND");
});

Deno.test("ChatSession queues, rejects or interrupts where a run is active, as onBusy says", async () => {
  await using world = await World.open();
  const client = await world.connect();
  const first = await say(client, "m1");
  (await world.puppet.nextCall()).begin().words("so far");
  await gotChunks(client, 3);
  const frame = { type: "message.send", threadId: "t" } as const;
  client.send({ ...frame, id: "m2", message: { id: "m2", text: "no" }, onBusy: "reject" });
  assertEquals(await refusal(client, "m2"), "RUN_ACTIVE");
  const second = await say(client, "m3", "queued");
  client.send({ ...frame, id: "m4", message: { id: "m4", text: "now" }, onBusy: "interrupt" });
  const third = await client.socket.answerTo("m4");
  assert(third.type === "ack");
  const call = await world.puppet.nextCall();
  assertEquals(call.request.runId, third.runId);
  call.begin().finish();
  await gotAnswers(client, 3);
  const answers = client.socket.all("entry").map(({ entry }) => entry)
    .filter((entry) => entry.kind === "message" && entry.role === "assistant");
  const ends = answers.map(({ runId, outcome, attempt }) => [runId, outcome, attempt]);
  assertEquals(
    ends.toSorted(),
    [[first, "cancelled", 1], [second, "cancelled", 0], [third.runId, "completed", 1]].toSorted(),
  );
  const messages = client.socket.all("entry").map(({ entry }) => entry)
    .filter((entry) => entry.kind === "message" && entry.role === "user");
  assertEquals(messages.map(({ id }) => id), ["m1", "m3", "m4"]);
  assertEquals(transcript(client).seqs, counts(transcript(client).seqs.length + 1, 1));
});

Deno.test("ChatSession shows two sockets of one subject the same log and the same chunks", async () => {
  await using world = await World.open();
  const [one, two] = [await world.connect(), await world.connect()];
  await say(one, "m1");
  two.send({ type: "thread.open", id: "o", threadId: "t" });
  const call = await world.puppet.nextCall();
  call.begin().words(...WORDS).finish();
  await Promise.all([gotAnswers(one), gotAnswers(two)]);
  assertEquals(two.socket.all("entry"), one.socket.all("entry"));
  assertEquals(transcript(two).chunks, transcript(one).chunks);
  assertEquals(transcript(two).chunks.length, WORDS.length + 4);
});

Deno.test("ChatSession shows no other subject anything of a thread, whatever it asks", async () => {
  await using world = await World.open();
  const [alice, bob] = [await world.connect(), await world.connect({ sub: "bob" })];
  const runId = await say(alice, "m1", "a secret");
  const call = await world.puppet.nextCall();
  call.begin().words("secretly");
  await gotChunks(alice, 3);
  const run = { runId, attempt: 1, index: 0 };
  bob.send({ type: "thread.open", id: "1", threadId: "t" });
  bob.send({ type: "thread.open", id: "2", threadId: "t", afterSeq: 1, run });
  bob.send({ type: "run.cancel", id: "3", threadId: "t", runId });
  bob.send({ type: "message.regenerate", id: "4", threadId: "t" });
  const invented = { type: "thread.open", id: "5", threadId: "invented" } as const;
  bob.send(invented);
  for (const ref of ["1", "2", "3", "4", "5"]) assertEquals(await refusal(bob, ref), "NOT_FOUND");
  const [one, two] = bob.socket.all("error").filter(({ ref }) => ref === "1" || ref === "5");
  assertEquals({ ...one, ref: "" }, { ...two, ref: "" });
  // The same id is free in his own name space.
  const own = await say(bob, "m1", "my own");
  (await world.puppet.nextCall()).begin().words("yours").finish();
  call.finish();
  await Promise.all([gotAnswers(alice), gotAnswers(bob)]);
  const seen = bob.socket.texts.join();
  assertFalse(seen.includes("secret") || seen.includes(runId), seen);
  assert(seen.includes(own));
  assertFalse(alice.socket.texts.join().includes("my own"));
});

Deno.test("ChatSession refreshes its token for the same subject only, and lives on where that is refused", async () => {
  await using world = await World.open();
  const client = await world.connect({ sub: "alice", expiresInSeconds: 60 });
  const refresh = async (id: string, token: string): Promise<string> => {
    client.send({ type: "auth.refresh", id, token });
    return await refusal(client, id);
  };
  const exp = nowSeconds() + 7_200;
  const fresh = await mintToken({ sub: "alice", claims: { exp } });
  assertEquals(await refresh("same", fresh), "ack");
  assertEquals(await client.socket.answerTo("same"), {
    type: "ack",
    ref: "same",
    expiresAt: new Date(exp * 1_000).toISOString(),
  });
  assertEquals(await refresh("other", await mintToken({ sub: "bob" })), "UNAUTHENTICATED");
  const expired = await mintToken({ sub: "alice", expiresInSeconds: -1 });
  assertEquals(await refresh("expired", expired), "UNAUTHENTICATED");
  assertEquals(await refresh("garbage", "a.b.c"), "UNAUTHENTICATED");
  assertEquals(await refresh("empty", ""), "UNAUTHENTICATED");
  const forged = await mintToken({ secret: "another secret of at least 32 bytes!!" });
  assertEquals(await refresh("forged", forged), "UNAUTHENTICATED");
  assertEquals(client.socket.closed, null);
  client.send({ type: "ping", id: "p" });
  assertEquals(client.socket.frames.at(-1), { type: "pong", ref: "p" });
});

/** Lets verification, which takes real time, end. */
async function settle(time: FakeTime): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await time.delay(2);
}

Deno.test("ChatSession ends at its token's expiry with TOKEN_EXPIRED and 4401, not before", async () => {
  using time = new FakeTime(1_800_000_000_000);
  await using world = await World.open();
  const { socket } = await world.connect({ expiresInSeconds: 60 });
  await time.tickAsync(59_999);
  assertEquals(socket.closed, null);
  await time.tickAsync(1);
  const { code, retryable, ref } = socket.only("error");
  assertEquals([code, retryable, ref], ["TOKEN_EXPIRED", false, undefined]);
  assertEquals(socket.frames.at(-1)?.type, "error");
  assertEquals(socket.closed, { code: 4401, reason: "Token expired" });
});

Deno.test("ChatSession ends when the refreshed token expires, not the first one", async () => {
  using time = new FakeTime(1_800_000_000_000);
  await using world = await World.open();
  const client = await world.connect({ expiresInSeconds: 60 });
  await time.tickAsync(30_000);
  const token = await mintToken({ expiresInSeconds: 90 });
  client.send({ type: "auth.refresh", id: "r", token });
  await settle(time);
  assertEquals(client.socket.only("ack").ref, "r");
  await time.tickAsync(89_999);
  assertEquals(client.socket.closed, null);
  await time.tickAsync(1);
  assertEquals(client.socket.closed?.code, 4401);
});

Deno.test("ChatSession ends at its own expiry where a refresh was refused", async () => {
  using time = new FakeTime(1_800_000_000_000);
  await using world = await World.open();
  const client = await world.connect({ expiresInSeconds: 60 });
  client.send({ type: "auth.refresh", id: "r", token: await mintToken({ sub: "bob" }) });
  await settle(time);
  assertEquals(client.socket.only("error").code, "UNAUTHENTICATED");
  await time.tickAsync(60_000);
  assertEquals(client.socket.closed?.code, 4401);
});

Deno.test("ChatSession outlives the platform's longest timer where its token does", async () => {
  using time = new FakeTime(1_800_000_000_000);
  await using world = await World.open();
  const days = 60;
  const { socket } = await world.connect({ expiresInSeconds: days * 86_400 });
  const forever = await world.connect({ expiresInSeconds: 8.64e12 - 1_800_000_000 });
  assertEquals(forever.socket.only("session.ready").expiresAt, "+275760-09-13T00:00:00.000Z");
  await time.tickAsync(0);
  assertEquals(socket.closed, null);
  await time.tickAsync(2 ** 31);
  assertEquals(socket.closed, null);
  await time.tickAsync(days * 86_400_000 - 2 ** 31 - 1);
  assertEquals(socket.closed, null);
  await time.tickAsync(1);
  assertEquals(socket.closed?.code, 4401);
  assertEquals(forever.socket.closed, null);
});

Deno.test("ChatSession with a token that has expired at the gate ends at once", async () => {
  using time = new FakeTime(1_800_000_000_000);
  await using world = await World.open();
  const token = await mintToken({ expiresInSeconds: 1 });
  const principal = await world.services.verifier.verify(token);
  await time.tickAsync(5_000);
  const client = await world.connect({ principal });
  assertEquals(client.socket.closed?.code, 4401);
});

Deno.test("ChatSession that has ended lets nothing begin: no timer, no subscription", async () => {
  using time = new FakeTime(1_800_000_000_000);
  const model = new PuppetModel(saying("hi"));
  await using world = await World.open({ model });
  const owner = await world.connect();
  owner.send({ type: "message.send", id: "m", threadId: "t", message: { id: "m", text: "hi" } });
  for (let turn = 0; turn < 200 && transcript(owner).order.at(-1) !== "assistant"; turn++) {
    await time.delay(5);
    await time.tickAsync(1);
  }
  owner.session.dispose();
  const topic = await topicOf(world, "t");
  assertFalse(world.fanOut.hasListeners(topic));

  const opener = await world.connect();
  opener.send({ type: "thread.open", id: "o", threadId: "t", afterSeq: 3 });
  const refresher = await world.connect({ expiresInSeconds: 60 });
  refresher.send({
    type: "auth.refresh",
    id: "r",
    token: await mintToken({ expiresInSeconds: 120 }),
  });
  // The sockets close while the store and the verifier are asked.
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  opener.session.dispose();
  refresher.session.dispose();
  await settle(time);
  assertFalse(world.fanOut.hasListeners(topic));
  await time.tickAsync(200_000);
  assertEquals([opener.socket.closed, refresher.socket.closed], [null, null]);
});

/** The topic of a thread of alice's. */
async function topicOf(
  world: World,
  threadId: string,
): Promise<{ subject: string; threadId: string; generation: string }> {
  const ref = { subject: "alice", threadId };
  const head = await world.services.threads.head(ref);
  return { ...ref, generation: head!.generation };
}

Deno.test("ChatSession takes a burst of 60 frames and drops the next with RATE_LIMITED, unread", async () => {
  await using world = await World.open({ env: { LIMIT_FRAMES_PER_SECOND: "1" } });
  const client = await world.connect();
  for (const at of counts(61)) client.send({ type: "ping", id: `p${at}` });
  assertEquals(client.socket.all("pong").length, 60);
  const error = client.socket.only("error");
  assertEquals([error.code, error.ref, error.retryable], ["RATE_LIMITED", undefined, true]);
  assert(error.retryAfterMs !== undefined && error.retryAfterMs > 0 && error.retryAfterMs <= 1_000);
  assertEquals(client.socket.closed, null);
});

Deno.test("ChatSession closes with 4429 at the 100th dropped frame", async () => {
  await using world = await World.open({
    env: { LIMIT_FRAMES_PER_SECOND: "1", LIMIT_FRAMES_BURST: "1" },
  });
  const client = await world.connect();
  for (const at of counts(100)) client.send({ type: "ping", id: `p${at}` });
  assertEquals([client.socket.all("error").length, client.socket.closed], [99, null]);
  client.send({ type: "ping", id: "last" });
  assertEquals(client.socket.closed, { code: 4429, reason: "Flooding" });
});

Deno.test("ChatSession closes with 4400 at the tenth bad frame in a row, and a good one starts anew", async () => {
  await using world = await World.open();
  const bad = (client: Client, count: number): void => {
    for (const at of counts(count)) {
      client.session.receive(at % 2 === 0 ? "nonsense" : '{"type":"nonsense","id":"1"}');
    }
  };
  const good: readonly ((client: Client) => void)[] = [
    (client) => client.send({ type: "ping", id: "1" }),
    // It was read, and is wrong in what it says only.
    (client) => client.session.receive('{"type":"thread.open","id":"1","threadId":"!"}'),
  ];
  for (const send of good) {
    const client = await world.connect();
    bad(client, 9);
    send(client);
    bad(client, 9);
    assertEquals(client.socket.closed, null);
    bad(client, 1);
    assertEquals(client.socket.closed, { code: 4400, reason: "Too many bad frames" });
    const codes = client.socket.all("error").map(({ code }) => code);
    assertEquals(codes.filter((code) => code === "INVALID_FRAME").length, 11);
    assertEquals(codes.filter((code) => code === "UNKNOWN_TYPE").length, 8);
  }
});

Deno.test("ChatSession closes with 1003 on a binary frame", async () => {
  await using world = await World.open();
  const text = new TextEncoder().encode('{"type":"ping","id":"1"}');
  for (const data of [text.buffer, new Blob([text]), new ArrayBuffer(0), undefined]) {
    const client = await world.connect();
    client.session.receive(data);
    assertEquals(client.socket.closed?.code, 1003);
    assertEquals(client.socket.all("pong"), []);
  }
});

Deno.test("ChatSession measures a frame in bytes of UTF-8, and closes with 1009 over the limit", async () => {
  await using world = await World.open({ env: { LIMIT_FRAME_BYTES: "300" } });
  const encoder = new TextEncoder();
  const frame = (filler: string, bytes: number): string => {
    const bare = '{"type":"ping","id":"1","x":""}';
    const width = encoder.encode(filler).length;
    const text = bare.replace(
      '""',
      `"${filler.repeat(Math.floor((bytes - bare.length) / width))}"`,
    );
    return text + " ".repeat(bytes - encoder.encode(text).length);
  };
  for (const filler of ["x", "ä", "→", "👋"]) {
    const client = await world.connect();
    client.session.receive(frame(filler, 300));
    assertEquals([client.socket.all("pong").length, client.socket.closed], [1, null], filler);
    client.session.receive(frame(filler, 301));
    assertEquals(client.socket.all("pong").length, 1);
    assertEquals(client.socket.closed, { code: 1009, reason: "Frame too large" }, filler);
  }
});

Deno.test("ChatSession closes with 1013 once more than the limit is unsent, and counts it", async () => {
  await using world = await World.open({ env: { LIMIT_UNSENT_BYTES: "1000" } });
  let slow = 0;
  const socket = new FakeSocket({ stalled: true });
  const client = await world.connect({ socket, events: { onSlowConsumer: () => slow++ } });
  const frame = { type: "ping", id: "x".repeat(64) } as const;
  while (socket.bufferedAmount + 100 <= 1_000) client.send(frame);
  assertEquals([socket.closed, slow], [null, 0]);
  client.send(frame);
  client.send(frame);
  client.send(frame);
  assertEquals([socket.closed, slow], [{ code: 1013, reason: "Slow consumer" }, 1]);
  assertLess(socket.peakBytes, 1_100);
});

Deno.test("ChatSession resumes a reader that was too slow, an answer larger than the limit included", async () => {
  await using world = await World.open({ env: { LIMIT_UNSENT_BYTES: "20000" } });
  const owner = await world.connect();
  await say(owner, "m1");
  const call = await world.puppet.nextCall();
  call.begin();
  const words = counts(30).map((at) => `${at} ${"x".repeat(2_000)}`);
  call.words(...words).finish();
  await gotAnswers(owner);
  const socket = new FakeSocket({ stalled: true });
  const slow = await world.connect({ socket });
  const reader = setInterval(() => socket.take(5_000), 1);
  try {
    slow.send({ type: "thread.open", id: "o", threadId: "t" });
    await gotAnswers(slow);
  } finally {
    clearInterval(reader);
  }
  assertEquals(socket.closed, null);
  assertEquals(transcript(slow).seqs, [1, 2, 3]);
});

Deno.test("ChatSession catches a slow reader up on a long thread and a long live answer within the limit", async () => {
  await using world = await World.open({ env: { LIMIT_UNSENT_BYTES: "100000" } });
  const owner = await world.connect();
  const ref = { subject: "alice", threadId: "t" };
  const texts = counts(8).map((at) => `${at} ${"x".repeat(9_000)}`);
  for (const [at, text] of texts.entries()) {
    await world.services.supervisor.send(ref, { message: { id: `m${at}`, text } });
    (await world.puppet.nextCall()).begin().words("a".repeat(9_000)).finish();
    if (at === 0) owner.send({ type: "thread.open", id: "o", threadId: "t" });
    await gotAnswers(owner, at + 1);
  }
  await world.services.supervisor.send(ref, { message: { id: "last", text: "last" } });
  const call = await world.puppet.nextCall();
  call.begin();
  const words = counts(120).map((at) => `${at} ${"y".repeat(2_000)}`);
  for (const word of words) call.words(word);
  const seen = owner.socket.frames.length;
  await owner.socket.until(() => owner.socket.texts.slice(seen).join().includes("119 y"));

  const socket = new FakeSocket({ stalled: true });
  const slow = await world.connect({ socket });
  const reader = setInterval(() => socket.take(20_000), 1);
  try {
    slow.send({ type: "thread.open", id: "o", threadId: "t" });
    await slow.socket.until(() =>
      transcript(slow).indexes.at(-1) === 121 || socket.closed !== null
    );
  } finally {
    clearInterval(reader);
  }
  assertEquals(socket.closed, null);
  assertEquals(transcript(slow).seqs, counts(8 * 3 + 3, 1));
  assertEquals(transcript(slow).indexes, counts(122));
  assertLessOrEqual(socket.peakBytes, 100_000);
  call.finish();
});

Deno.test("ChatSession that a fault hits ends with 1011, alone, and says nothing of the fault", async () => {
  let broken = false;
  const wrap = (store: Store): Store =>
    overriding(store, {
      get: (key) => broken ? Promise.reject(new TypeError("s3cr3t fault")) : store.get(key),
    });
  await using world = await World.open({ wrap });
  const [client, other] = [await world.connect(), await world.connect()];
  broken = true;
  client.send({ type: "thread.open", id: "o", threadId: "t" });
  const closed = await client.socket.closing();
  broken = false;
  assertEquals(closed, { code: 1011, reason: "Internal error" });
  assertEquals(client.socket.only("error").code, "INTERNAL");
  assertFalse(client.socket.texts.join().includes("s3cr3t"));
  assertInstanceOf(world.faults[0], TypeError);
  assertEquals(world.faults.length, 1);
  await say(other, "m1");
  assertEquals(other.socket.closed, null);
  (await world.puppet.nextCall()).begin().finish();
  await gotAnswers(other);
});

Deno.test("ChatSession whose thread cannot be read, for what is no loss of the store, ends with 1011", async () => {
  let broken = false;
  const wrap = (store: Store): Store =>
    overriding(store, {
      list: (range) => broken ? Promise.reject(new TypeError("s3cr3t fault")) : store.list(range),
    });
  const model = new PuppetModel(saying("hi"));
  await using world = await World.open({ wrap, model });
  const owner = await world.connect();
  await say(owner, "m1");
  await gotAnswers(owner);
  const client = await world.connect();
  broken = true;
  client.send({ type: "thread.open", id: "o", threadId: "t" });
  assertEquals(await client.socket.closing(), { code: 1011, reason: "Internal error" });
  broken = false;
  assertFalse(client.socket.texts.join().includes("s3cr3t"));
  assertEquals(owner.socket.closed, null);
});

Deno.test("ChatSession whose socket throws ends alone", async () => {
  await using world = await World.open();
  const socket = new FakeSocket();
  const client = await world.connect({ socket });
  const send = socket.send.bind(socket);
  socket.send = () => {
    socket.send = send;
    throw new Error("the platform's");
  };
  client.send({ type: "ping", id: "1" });
  assertEquals(client.socket.closed?.code, 1011);
  assertEquals(world.faults.length, 1);
});

Deno.test("ChatSession gives a message whose fate nobody knows no answer, and closes with 1011", async () => {
  const wrap = (store: Store): Store =>
    overriding(store, {
      commit: (commit) =>
        commit.writes.length < 3
          ? store.commit(commit)
          : Promise.reject(new UnknownCommitError("Cannot tell")),
    });
  using time = new FakeTime(1_800_000_000_000);
  await using world = await World.open({ wrap });
  const client = await world.connect();
  client.send({ type: "message.send", id: "m1", threadId: "t", message: { id: "m1", text: "x" } });
  for (let turn = 0; turn < 400 && client.socket.closed === null; turn++) {
    await time.tickAsync(100);
    await time.delay(1);
  }
  assertEquals(client.socket.closed, { code: 1011, reason: "Service unavailable" });
  assertEquals(client.socket.frames.filter((frame) => "ref" in frame && frame.ref === "m1"), []);
  const error = client.socket.only("error");
  assertEquals([error.code, error.retryable], ["SERVICE_UNAVAILABLE", true]);
});

Deno.test("ChatSession answers STORE_UNAVAILABLE to what the store refuses, stores nothing, and lives on", async () => {
  let lost = false;
  const wrap = (store: Store): Store =>
    overriding(store, {
      commit: (commit) =>
        lost
          ? Promise.reject(new AppError("STORE_UNAVAILABLE", { retryAfterMs: 1_000 }))
          : store.commit(commit),
    });
  await using world = await World.open({ wrap });
  const client = await world.connect();
  lost = true;
  client.send({ type: "message.send", id: "1", threadId: "t", message: { id: "m1", text: "x" } });
  const answer = await client.socket.answerTo("1");
  assert(answer.type === "error");
  assertEquals([answer.code, answer.retryable, answer.retryAfterMs], [
    "STORE_UNAVAILABLE",
    true,
    1_000,
  ]);
  lost = false;
  client.send({ type: "thread.open", id: "2", threadId: "t" });
  assertEquals(await refusal(client, "2"), "NOT_FOUND");
  client.send({ type: "message.send", id: "3", threadId: "t", message: { id: "m1", text: "x" } });
  const ack = await client.socket.answerTo("3");
  assert(ack.type === "ack" && ack.duplicate === false && ack.seq === 1, JSON.stringify(ack));
});

Deno.test("ChatSession tells of a drain and closes with 1012", async () => {
  await using world = await World.open();
  const { session, socket } = await world.connect();
  session.drain(1_234);
  assertEquals(socket.frames.at(-1), { type: "session.draining", reconnectAfterMs: 1_234 });
  assertEquals(socket.closed, { code: 1012, reason: "Service restart" });
  const before = socket.frames.length;
  session.receive('{"type":"ping","id":"1"}');
  assertEquals(socket.frames.length, before);
});

Deno.test("ChatSession answers frames in the order in which they came", async () => {
  const model = new PuppetModel(saying("hi"));
  await using world = await World.open({ model });
  const client = await world.connect();
  for (const at of counts(10)) {
    const message = { id: `m${at}`, text: `${at}` };
    client.send({ type: "message.send", id: `s${at}`, threadId: `t${at % 3}`, message });
    client.send({ type: "thread.close", id: `c${at}`, threadId: `t${at % 3}` });
  }
  await client.socket.answerTo("c9");
  const refs = client.socket.all("ack").map(({ ref }) => ref);
  assertEquals(refs, counts(10).flatMap((at) => [`s${at}`, `c${at}`]));
});

Deno.test("ChatSession counts each frame by direction and type", async () => {
  await using world = await World.open();
  const counted: string[] = [];
  const onFrame = (direction: string, type: string): void =>
    void counted.push(`${direction} ${type}`);
  const client = await world.connect({ events: { onFrame } });
  client.send({ type: "ping", id: "1" });
  client.session.receive("nonsense");
  client.session.receive(`{"type":"${"x".repeat(50)}","id":"1"}`);
  assertEquals(counted, [
    "out session.ready",
    "in ping",
    "out pong",
    "in invalid",
    "out error",
    "in invalid",
    "out error",
  ]);
});

Deno.test("ChatSession counts frames that it does not read as invalid or dropped", async () => {
  const counted: string[] = [];
  const onFrame = (direction: string, type: string): void => {
    if (direction === "in") counted.push(type);
  };
  await using world = await World.open({
    env: { LIMIT_FRAMES_BURST: "2", LIMIT_FRAMES_PER_SECOND: "1" },
  });
  const flooding = await world.connect({ events: { onFrame } });
  for (const id of ["1", "2", "3"]) flooding.send({ type: "ping", id });
  for (const data of [new Uint8Array(3), "x".repeat(65_537)]) {
    (await world.connect({ events: { onFrame } })).session.receive(data);
  }
  assertEquals(counted, ["ping", "ping", "dropped", "invalid", "invalid"]);
});
