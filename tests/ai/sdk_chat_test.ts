/**
 * The AI SDK's chat, unmodified, against the routes that are made for it: on loopback, with a model
 * that says what a test tells it to.
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import type { UIMessage } from "ai";
import type { Chunk } from "../../lib/agents/model.ts";
import type { ServerFrame } from "../../lib/chat/protocol.ts";
import { RunMessage } from "../../lib/chat/run_message.ts";
import { AppError } from "../../lib/errors.ts";
import { ID_PATTERN } from "../../lib/limits.ts";
import { eventually, World, type WorldOptions } from "../support/in_process.ts";
import { needs } from "../support/permissions.ts";
import { PuppetModel, saying } from "../support/puppet_model.ts";
import { openSdkChat, type SdkChat, textOf } from "../support/sdk_chat.ts";
import { mintToken } from "../support/tokens.ts";

const needsSdk = needs("sys", "net");

/** A world that listens. */
class Served implements AsyncDisposable {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #stop = new AbortController();

  private constructor(readonly world: World) {
    this.#server = Deno.serve(
      // A stream that is cut on purpose is no fault of the test.
      {
        hostname: "127.0.0.1",
        port: 0,
        signal: this.#stop.signal,
        onListen() {},
        onError: () => new Response(),
      },
      (request) => world.app.fetch(request),
    );
  }

  static async open(options: WorldOptions = {}): Promise<Served> {
    return new Served(await World.open(options));
  }

  /** Opens the SDK's chat on thread `id`, as a page that was just loaded. */
  async chat(messages: UIMessage[] = [], id = "t"): Promise<SdkChat> {
    const address = `http://127.0.0.1:${this.#server.addr.port}`;
    return await openSdkChat({ address, token: await mintToken(), id, messages });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.world.connections.drain();
    // A shutdown would wait, on Deno 2.5 now and then for connections that are idle.
    this.#stop.abort();
    await this.#server.finished;
    await this.world[Symbol.asyncDispose]();
  }
}

/** Waits until the newest message reads so. */
async function seen(chat: SdkChat, text: string): Promise<void> {
  await eventually(() => chat.text() === text);
}

Deno.test({
  ...needsSdk("the SDK's chat sends, streams and keeps a conversation of several turns"),
  async fn() {
    await using served = await Served.open();
    const { puppet } = served.world;
    const client = await served.chat();
    const sent = client.chat.sendMessage({ text: "hello" });
    const call = await puppet.nextCall();
    call.begin().words("Good ");
    await seen(client, "Good ");
    assertEquals(client.chat.status, "streaming");
    call.words("day").finish();
    await sent;
    assertEquals([client.chat.status, client.chat.error], ["ready", undefined]);

    const again = client.chat.sendMessage({ text: "and you" });
    const next = await puppet.nextCall();
    assertEquals(next.request.turns.map(({ text }) => text), ["hello", "Good day", "and you"]);
    next.begin().words("fine").finish();
    await again;
    const { runId } = next.request;
    assertEquals(client.chat.messages.map(textOf), ["hello", "Good day", "and you", "fine"]);
    const { id, metadata } = client.chat.messages.at(-1)!;
    assertEquals([id, metadata], [`a-${runId}`, { runId }]);
    assertEquals(client.requests, ["POST /api/chat 200", "POST /api/chat 200"]);
    assertEquals(client.finished.at(-1), { isAbort: false, isDisconnect: false, isError: false });
  },
});

Deno.test({
  ...needsSdk("the SDK makes ids that the server takes"),
  async fn() {
    const { generateId } = await import("ai");
    for (let count = 0; count < 100; count++) assertMatch(generateId(), ID_PATTERN);
  },
});

Deno.test({
  ...needsSdk("the SDK's chat shows tool calls with their input and output"),
  async fn() {
    const call = { toolCallId: "c1", toolName: "clock" };
    const model = new PuppetModel((puppet) => {
      puppet.say(
        { type: "start-step" },
        { type: "tool-input-start", ...call },
        { type: "tool-input-delta", toolCallId: "c1", inputTextDelta: '{"zone":' },
        { type: "tool-input-available", ...call, input: { zone: "UTC" } },
        { type: "tool-output-available", toolCallId: "c1", output: { time: "12:00" } },
        { type: "finish-step" },
        { type: "start-step" },
      ).begin().words("noon").finish();
    });
    await using served = await Served.open({ model });
    const client = await served.chat();
    await client.chat.sendMessage({ text: "what time is it" });
    const { messages } = client.chat;
    const parts = messages.at(-1)!.parts;
    assertEquals(parts.map(({ type }) => type), ["step-start", "tool-clock", "step-start", "text"]);
    const { state, input, output } = parts[1] as Record<string, unknown>;
    assertEquals({ state, input, output }, {
      state: "output-available",
      input: { zone: "UTC" },
      output: { time: "12:00" },
    });
    // A page that lost the answer posts its message again, and gets all of it from the log.
    const other = await served.chat();
    await other.chat.sendMessage({ id: messages[0]!.id, role: "user", parts: messages[0]!.parts });
    assertEquals(
      other.chat.messages.at(-1)!.parts.map(comparable),
      parts.map(comparable),
    );
    assertEquals(model.calls.length, 1);
  },
});

/** A part less the fields that only a stream of deltas leaves. */
function comparable(part: UIMessage["parts"][number]): unknown {
  return JSON.parse(JSON.stringify({ ...part, rawInput: undefined }));
}

Deno.test({
  ...needsSdk("the SDK's stop is no cancel: a page that is loaded anew resumes the whole answer"),
  async fn() {
    await using served = await Served.open();
    const client = await served.chat();
    const sent = client.chat.sendMessage({ text: "hello" });
    const call = await served.world.puppet.nextCall();
    call.begin().words("one ");
    await seen(client, "one ");
    await client.chat.stop();
    await sent;
    assertEquals([client.chat.status, client.finished.at(-1)?.isAbort], ["ready", true]);

    const reloaded = await served.chat(structuredClone(client.chat.messages.slice(0, 1)));
    const resumed = reloaded.chat.resumeStream();
    await seen(reloaded, "one ");
    call.words("two").finish();
    await resumed;
    assertEquals(reloaded.chat.messages.map(textOf), ["hello", "one two"]);
    assertEquals(reloaded.chat.status, "ready");
    assertEquals(reloaded.requests, ["GET /api/chat/t/stream 200"]);
    assertEquals(served.world.puppet.calls.length, 1);
  },
});

Deno.test({
  ...needsSdk("the SDK's chat resumes in place, and shows what it had seen once"),
  async fn() {
    await using served = await Served.open();
    const client = await served.chat();
    const sent = client.chat.sendMessage({ text: "hello" });
    const call = await served.world.puppet.nextCall();
    call.begin().words("one ");
    await seen(client, "one ");
    served.world.connections.drain();
    await sent;
    assertEquals([client.chat.status, client.chat.error?.message], ["error", "Service restart"]);
    const resumed = client.chat.resumeStream();
    await eventually(() => client.requests.includes("GET /api/chat/t/stream 200"));
    call.words("two").finish();
    await resumed;
    assertEquals(client.chat.messages.map(textOf), ["hello", "one two"]);
    assertEquals([client.chat.status, client.chat.error], ["ready", undefined]);
  },
});

Deno.test({
  ...needsSdk("the SDK's resume finds nothing in a thread that is idle or unknown"),
  async fn() {
    await using served = await Served.open({ model: new PuppetModel(saying("yes")) });
    const client = await served.chat();
    await client.chat.resumeStream();
    await client.chat.sendMessage({ text: "hello" });
    await client.chat.resumeStream();
    assertEquals(client.requests, [
      "GET /api/chat/t/stream 204",
      "POST /api/chat 200",
      "GET /api/chat/t/stream 204",
    ]);
    assertEquals([client.chat.status, client.chat.messages.length], ["ready", 2]);
  },
});

Deno.test({
  ...needsSdk("the SDK's regenerate replaces the last answer, on the page and for the model"),
  async fn() {
    const model = new PuppetModel((call) => saying(`answer ${model.calls.length}`)(call));
    await using served = await Served.open({ model });
    const client = await served.chat();
    await client.chat.sendMessage({ text: "hello" });
    const [, first] = client.chat.messages;
    await client.chat.regenerate();
    assertEquals(client.chat.messages.map(textOf), ["hello", "answer 2"]);
    assertNotEquals(client.chat.messages[1]!.id, first!.id);
    await client.chat.regenerate({ messageId: client.chat.messages[1]!.id });
    await client.chat.sendMessage({ text: "more" });
    assertEquals(model.calls.at(-1)?.request.turns.map(({ text }) => text), [
      "hello",
      "answer 3",
      "more",
    ]);
    assertEquals(client.chat.status, "ready");
  },
});

Deno.test({
  ...needsSdk("the SDK's chat shows a failed run as an error, and tries again by regenerating"),
  async fn() {
    const model = new PuppetModel((call) => {
      if (model.calls.length === 1) call.fail(new AppError("MODEL_UNAVAILABLE"));
      else saying("yes")(call);
    });
    await using served = await Served.open({ model });
    const client = await served.chat();
    await client.chat.sendMessage({ text: "hello" });
    const { chat } = client;
    assertEquals([chat.status, chat.error?.message], ["error", "The model is unavailable"]);
    await chat.regenerate();
    assertEquals([chat.status, chat.error, chat.messages.length], ["ready", undefined, 2]);
    assertEquals(client.text(), "yes");
  },
});

Deno.test({
  ...needsSdk(
    "the SDK's chat gets a refusal as an error, and sends by regenerating once it is over",
  ),
  async fn() {
    await using served = await Served.open({ model: new PuppetModel(saying("yes")) });
    const client = await served.chat();
    served.world.available = false;
    await client.chat.sendMessage({ text: "hello" });
    assertEquals(client.chat.status, "error");
    assertMatch(client.chat.error?.message ?? "", /STORE_UNAVAILABLE/);
    served.world.available = true;
    await client.chat.regenerate();
    assertEquals(client.chat.messages.map(textOf), ["hello", "yes"]);
  },
});

Deno.test({
  ...needsSdk("the SDK's chat ends in order where the run is stopped on the server"),
  async fn() {
    await using served = await Served.open();
    const client = await served.chat();
    const sent = client.chat.sendMessage({ text: "hello" });
    (await served.world.puppet.nextCall()).begin().words("one ");
    await seen(client, "one ");
    const stop = await served.world.request("/api/chat/t/stop", { method: "POST" });
    assertEquals(stop.status, 202);
    await sent;
    assertEquals([client.chat.status, client.chat.error], ["ready", undefined]);
    assertEquals(client.text(), "one ");
  },
});

Deno.test({
  ...needsSdk(
    "the SDK's client shows a run that was taken over without a word of its dead attempt",
  ),
  async fn() {
    const { readUIMessageStream } = await import("ai");
    const message = new RunMessage("r");
    const step: Chunk[] = [{ type: "start-step" }, { type: "text-start", id: "t" }];
    const says = (delta: string): Chunk => ({ type: "text-delta", id: "t", delta });
    const at = { type: "chunks", threadId: "t", runId: "r", index: 0 } as const;
    const frames: ServerFrame[] = [
      { ...at, attempt: 1, chunks: [{ type: "start" }, ...step, says("old")] },
      { ...at, attempt: 2, chunks: [{ type: "start" }, ...step, says("new")] },
      { ...at, attempt: 2, index: 4, chunks: [{ type: "text-end", id: "t" }] },
    ];
    const chunks = [message.start("a-r"), ...frames.flatMap((frame) => message.take(frame))];
    let last: UIMessage | undefined;
    const stream = ReadableStream.from(chunks);
    for await (last of readUIMessageStream({ stream, terminateOnError: true }));
    assert(last !== undefined);
    assertEquals([last.id, textOf(last)], ["a-r", "new"]);
    assertEquals(last.parts.map(({ type }) => type), ["step-start", "text"]);
  },
});
