import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { ChatClient, chunksOf, textOf } from "../support/chat_client.ts";
import { answerText, answerToolCall, ModelServer } from "../support/model_server.ts";
import { devToken, needsServer, ServerProcess } from "../support/server_process.ts";
import { mintToken } from "../support/tokens.ts";

/** Asserts what promise 3 says of one run: its chunks after its start, by index from 0, then its answer. */
function assertRunInOrder(client: ChatClient, runId: string): void {
  const frames = client.frames.items;
  const chunks = chunksOf(frames).filter((chunk) => chunk.runId === runId);
  assert(chunks.length > 0, "a run without chunks");
  assertEquals(chunks.map(({ index }) => index), chunks.map((_, at) => at));
  const place = (kind: string): number =>
    frames.findIndex((frame) =>
      frame.type === "entry" && "runId" in frame.entry &&
      frame.entry.runId === runId && frame.entry.kind === kind
    );
  const isChunk = (at: number): boolean => chunksOf([frames[at]!]).some((c) => c.runId === runId);
  const places = frames.map((_, at) => at).filter(isChunk);
  assert(place("run.started") >= 0 && place("run.started") < places[0]!, "chunks before the start");
  assert(places.at(-1)! < place("message"), "chunks after the answer");
}

Deno.test({
  ...needsServer("a chat goes from a development token to a stored answer, chunk by chunk"),
  async fn() {
    await using server = await ServerProcess.start();
    const token = await devToken(server, "ada");
    await using client = new ChatClient(server.address, token);
    const ready = await client.next("session.ready");
    assertEquals(client.protocol, "drawbridge.v1");
    assertEquals([ready.subject, ready.degraded], ["ada", []]);
    assertEquals(ready.limits, { frameBytes: 65_536, messageBytes: 32_768, framesPerSecond: 20 });

    const ack = await client.say("t1", { id: "m1", text: "hello over there" });
    assertEquals([ack.threadId, ack.seq, ack.duplicate], ["t1", 1, false]);
    const answer = await client.answer("t1");
    assertRunInOrder(client, ack.runId);

    const { entry } = answer;
    assert(entry.kind === "message" && entry.role === "assistant");
    assertEquals([entry.runId, entry.attempt, entry.outcome], [ack.runId, 1, "completed"]);
    assertStringIncludes(textOf(answer), "hello over there");
    const chunks = chunksOf(client.frames.items).map(({ chunk }) => chunk);
    assertEquals([chunks[0]?.type, chunks.at(-1)?.type], ["start", "finish"]);
    const spoken = chunks.filter(({ type }) => type === "text-delta").map(({ delta }) => delta);
    assertEquals(spoken.join(""), textOf(answer));

    const headers = { authorization: `Bearer ${token}` };
    const stored = await server.request("/api/threads/t1/entries", { headers });
    assertEquals(stored.status, 200);
    const { entries, headSeq } = JSON.parse(stored.body);
    assertEquals([headSeq, entries.map((one: { seq: number }) => one.seq)], [3, [1, 2, 3]]);
    assertEquals(entries[2].entry, entry);
    assertEquals(
      client.frames.items.filter(({ type }) => type === "entry"),
      entries.map((one: unknown) => ({ type: "entry", threadId: "t1", ...one as object })),
    );
    const { body } = await server.request("/api/threads", { headers });
    assertEquals(JSON.parse(body).threads.map(({ id }: { id: string }) => id), ["t1"]);
  },
});

Deno.test({
  ...needsServer("a chat through a model endpoint calls a tool, and its result reaches the model"),
  async fn() {
    await using model = new ModelServer(
      answerToolCall("currentTime", { zone: "Europe/Berlin" }),
      answerText("It is late in Berlin."),
    );
    await using server = await ServerProcess.start({
      env: {
        OPENAI_BASE_URL: model.baseUrl,
        OPENAI_MODEL: "scripted",
        OPENAI_API_KEY: "sk-4716",
        AGENT_INSTRUCTIONS: "Answer like a watchmaker.",
      },
    });
    await using client = await ChatClient.connect(server.address, await devToken(server, "ada"));
    const ack = await client.say("t1", { id: "m1", text: "How late is it in Berlin?" });
    const answer = await client.answer("t1");
    assertRunInOrder(client, ack.runId);

    const { entry } = answer;
    assert(entry.kind === "message" && entry.role === "assistant");
    assertEquals([entry.outcome, textOf(answer)], ["completed", "It is late in Berlin."]);
    const tool = entry.parts.find(({ type }) => type === "tool-currentTime");
    assertEquals(tool?.input, { zone: "Europe/Berlin" });
    const output = tool?.output as { zone: string; time: string };
    assertMatch(output.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0[12]:00$/);

    assertEquals(model.requests.map(({ path }) => path), Array(2).fill("/v1/chat/completions"));
    const [asked, told] = model.requests;
    assertEquals(asked!.headers.get("authorization"), "Bearer sk-4716");
    assertEquals(asked!.body["model"], "scripted");
    const messages = told!.body["messages"] as { role: string; content: unknown }[];
    assertEquals(messages.map(({ role }) => role), ["system", "user", "assistant", "tool"]);
    assertEquals(messages[0]!.content, "Answer like a watchmaker.");
    assertStringIncludes(JSON.stringify(messages[3]!.content), output.time);
  },
});

Deno.test({
  ...needsServer(
    "two sockets of one subject see the same thread, and another subject sees none of it",
  ),
  async fn() {
    await using server = await ServerProcess.start();
    const token = await devToken(server, "ada");
    await using first = await ChatClient.connect(server.address, token);
    await using second = await ChatClient.connect(server.address, token);
    await using other = await ChatClient.connect(server.address, await devToken(server, "bob"));
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const made = { method: "POST", headers, body: `{"id": "t1"}` };
    assertEquals((await server.request("/api/threads", made)).status, 201);
    const opening = { type: "thread.open", threadId: "t1" } as const;
    for (const own of [first, second]) {
      assertEquals((await own.request(opening)).type, "thread.opened");
    }
    const foreign = await other.request(opening);
    assert(foreign.type === "error" && foreign.code === "NOT_FOUND");

    await first.say("t1", { id: "m1", text: "for ada alone" });
    assertEquals(await second.answer("t1"), await first.answer("t1"));
    const logOf = ({ frames }: ChatClient) => frames.items.filter(({ type }) => type === "entry");
    assertEquals(logOf(second), logOf(first));
    assertEquals(chunksOf(second.frames.items), chunksOf(first.frames.items));
    assertEquals((await other.request({ type: "ping" })).type, "pong");
    assertEquals(other.frames.items.map(({ type }) => type), ["session.ready", "error", "pong"]);
  },
});

Deno.test({
  ...needsServer(
    "a socket whose token expires is told so and closed with 4401, mid-stream too; one that refreshed stays",
  ),
  async fn() {
    await using server = await ServerProcess.start();
    await server.state("ready");
    const soon = () => mintToken({ sub: "ada", expiresInSeconds: 3 });
    // The one that refreshes would end before the other two.
    await using staying = await ChatClient.connect(server.address, await soon());
    const refreshed = await staying.request({
      type: "auth.refresh",
      token: await mintToken({ sub: "ada", expiresInSeconds: 600 }),
    });
    assert(refreshed.type === "ack" && refreshed.expiresAt !== undefined);
    assert(Date.parse(refreshed.expiresAt) > Date.now() + 300_000);
    const refused = await staying.request({
      type: "auth.refresh",
      token: await mintToken({ sub: "bob", expiresInSeconds: 600 }),
    });
    assert(refused.type === "error" && refused.code === "UNAUTHENTICATED");

    await using idle = await ChatClient.connect(server.address, await soon());
    await using streaming = await ChatClient.connect(server.address, await soon());
    await streaming.say("t1", { id: "m1", text: "/count 10000 20" });
    for (const client of [idle, streaming]) {
      const error = await client.next("error");
      assertEquals([error.code, error.retryable], ["TOKEN_EXPIRED", false]);
      assertEquals(await client.closed(), { code: 4401, reason: "Token expired" });
      assertEquals(client.frames.items.at(-1), error);
    }
    assert(chunksOf(streaming.frames.items).length > 1);
    assertEquals((await staying.request({ type: "ping" })).type, "pong");
  },
});
