/**
 * The AI SDK's chat, unmodified, over the client's socket: on loopback, with a model that says what a
 * test tells it to, and against servers that are killed.
 *
 * @module
 */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import type { UIMessage } from "ai";
import { DrawbridgeClient, uiMessagesOf } from "../../lib/client/mod.ts";
import { AppError } from "../../lib/errors.ts";
import { eventually } from "../support/feed.ts";
import { World, type WorldOptions } from "../support/in_process.ts";
import { needs } from "../support/permissions.ts";
import { PuppetModel, saying } from "../support/puppet_model.ts";
import { needsServer, ServerProcess, TempFolder } from "../support/server_process.ts";
import { mintToken } from "../support/tokens.ts";
import { CheckedWebSocket } from "./checked_socket.ts";
import { CuttingProxy } from "./cutting_proxy.ts";
import { openPage, type Page, textOf } from "./sdk_chat.ts";

const needsSdk = needs("sys", "net");

const QUICK = { firstMs: 20, longestMs: 200 };

/** A world that listens behind a proxy. */
class Served implements AsyncDisposable {
  readonly proxy: CuttingProxy;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #clients: DrawbridgeClient[] = [];

  private constructor(readonly world: World) {
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      (request) => world.app.fetch(request),
    );
    this.proxy = new CuttingProxy(`http://127.0.0.1:${this.#server.addr.port}`);
  }

  static async open(options: WorldOptions = {}): Promise<Served> {
    return new Served(await World.open(options));
  }

  /** A client, as a page has one. */
  async client(): Promise<DrawbridgeClient> {
    const token = await mintToken();
    const client = new DrawbridgeClient({
      address: this.proxy.address,
      token,
      backoff: QUICK,
      WebSocket: CheckedWebSocket,
    });
    this.#clients.push(client);
    return client;
  }

  /** A page that was just opened, with a client of its own. */
  async page(messages: UIMessage[] = []): Promise<Page> {
    return await openPage(await this.client(), { messages });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
    await this.proxy[Symbol.asyncDispose]();
    await this.#server.shutdown();
    await this.world[Symbol.asyncDispose]();
  }
}

/** Waits until the newest message reads so. */
async function seen({ chat }: Page, text: string): Promise<void> {
  await eventually(() => textOf(chat.messages.at(-1)) === text || undefined, text);
}

/** A part less the fields that only a stream of deltas leaves. */
function comparable(part: UIMessage["parts"][number]): unknown {
  return JSON.parse(JSON.stringify({ ...part, rawInput: undefined }));
}

Deno.test({
  ...needsSdk("the SDK's chat sends, streams and keeps a conversation over the socket"),
  async fn() {
    await using served = await Served.open();
    const { puppet } = served.world;
    const page = await served.page();
    const sent = page.chat.sendMessage({ text: "hello" });
    const call = await puppet.nextCall();
    call.begin().words("Good ");
    await seen(page, "Good ");
    assertEquals(page.chat.status, "streaming");
    call.words("day").finish();
    await sent;
    assertEquals([page.chat.status, page.chat.error], ["ready", undefined]);

    const again = page.chat.sendMessage({ text: "and you" });
    const next = await puppet.nextCall();
    assertEquals(next.request.turns.map(({ text }) => text), ["hello", "Good day", "and you"]);
    next.begin().words("fine").finish();
    await again;
    const { runId } = next.request;
    assertEquals(page.chat.messages.map(textOf), ["hello", "Good day", "and you", "fine"]);
    const { id, metadata } = page.chat.messages.at(-1)!;
    assertEquals([id, metadata], [`a-${runId}`, { runId }]);
    assertEquals(page.finished.at(-1), { isAbort: false, isDisconnect: false, isError: false });
  },
});

Deno.test({
  ...needsSdk("the SDK's chat sees nothing of connections that are lost over the socket"),
  async fn() {
    await using served = await Served.open();
    const page = await served.page();
    const sent = page.chat.sendMessage({ text: "hello" });
    const call = await served.world.puppet.nextCall();
    call.begin();
    const words = Array.from({ length: 10 }, (_, at) => `${at} `);
    for (const [at, word] of words.entries()) {
      call.words(word);
      await seen(page, words.slice(0, at + 1).join(""));
      served.proxy.cutAll();
    }
    call.words("end").finish();
    await sent;
    assertEquals([page.chat.status, page.chat.error], ["ready", undefined]);
    const whole = `${words.join("")}end`;
    assertEquals(textOf(page.chat.lastMessage), whole);
    assert(
      page.texts.every((text) => whole.startsWith(text) || text === "hello"),
      page.texts.join("|"),
    );
    assertEquals(page.finished, [{ isAbort: false, isDisconnect: false, isError: false }]);
    assertEquals(served.world.puppet.calls.length, 1);
  },
});

Deno.test({
  ...needsSdk("the SDK's chat shows tool calls over the socket, and from the log as they were"),
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
    const page = await served.page();
    await page.chat.sendMessage({ text: "what time is it" });
    const { messages } = page.chat;
    const parts = messages.at(-1)!.parts;
    assertEquals(parts.map(({ type }) => type), ["step-start", "tool-clock", "step-start", "text"]);
    const { state, input, output } = parts[1] as Record<string, unknown>;
    assertEquals({ state, input, output }, {
      state: "output-available",
      input: { zone: "UTC" },
      output: { time: "12:00" },
    });
    // A page that lost the answer sends its message again, and gets all of it from the log.
    const other = await served.page();
    const { id, parts: said } = messages[0]!;
    await other.chat.sendMessage({ id, role: "user", parts: said });
    assertEquals(other.chat.messages.at(-1)!.parts.map(comparable), parts.map(comparable));
    assertEquals(model.calls.length, 1);
  },
});

Deno.test({
  ...needsSdk("the SDK's stop ends the run over the socket, and keeps the answer so far"),
  async fn() {
    await using served = await Served.open();
    const page = await served.page();
    const sent = page.chat.sendMessage({ text: "hello" });
    const call = await served.world.puppet.nextCall();
    call.begin().words("one ");
    await seen(page, "one ");
    await page.chat.stop();
    await sent;
    assertEquals([page.chat.status, page.finished.at(-1)?.isAbort], ["ready", true]);
    assertEquals(textOf(page.chat.lastMessage), "one ");
    const thread = (await served.client()).thread("t");
    const { entry } = await eventually(() => thread.entries[2], "the answer");
    assert(entry.kind === "message" && entry.role === "assistant");
    assertEquals(entry.outcome, "cancelled");
    const again = page.chat.sendMessage({ text: "more" });
    (await served.world.puppet.nextCall()).begin().words("two").finish();
    await again;
    assertEquals(page.chat.messages.map(textOf), ["hello", "one ", "more", "two"]);
  },
});

Deno.test({
  ...needsSdk("the SDK's chat ends in order over the socket where another stops its run"),
  async fn() {
    await using served = await Served.open();
    const page = await served.page();
    const sent = page.chat.sendMessage({ text: "hello" });
    const call = await served.world.puppet.nextCall();
    call.begin().words("one ");
    await seen(page, "one ");
    await (await served.client()).thread("t").cancel(call.request.runId);
    await sent;
    assertEquals([page.chat.status, page.chat.error], ["ready", undefined]);
    assertEquals(textOf(page.chat.lastMessage), "one ");
  },
});

Deno.test({
  ...needsSdk("the SDK's regenerate replaces the last answer over the socket, also for the model"),
  async fn() {
    const model = new PuppetModel((call) => saying(`answer ${model.calls.length}`)(call));
    await using served = await Served.open({ model });
    const page = await served.page();
    await page.chat.sendMessage({ text: "hello" });
    const [, first] = page.chat.messages;
    await page.chat.regenerate();
    assertEquals(page.chat.messages.map(textOf), ["hello", "answer 2"]);
    assertNotEquals(page.chat.messages[1]!.id, first!.id);
    await page.chat.sendMessage({ text: "more" });
    assertEquals(model.calls.at(-1)?.request.turns.map(({ text }) => text), [
      "hello",
      "answer 2",
      "more",
    ]);
    const thread = (await served.client()).thread("t");
    await eventually(() => thread.entries.length === 8 || undefined, "the log");
    assertEquals(
      uiMessagesOf(thread.entries).map(({ id }) => id),
      page.chat.messages.map(({ id }) => id),
    );
  },
});

Deno.test({
  ...needsSdk(
    "a page that is loaded anew in the midst of an answer shows all of it over the socket",
  ),
  async fn() {
    await using served = await Served.open();
    const page = await served.page();
    void page.chat.sendMessage({ text: "hello" });
    const call = await served.world.puppet.nextCall();
    call.begin().words("one ");
    await seen(page, "one ");

    const client = await served.client();
    const thread = client.thread("t");
    await eventually(() => thread.entries.length === 2 || undefined, "the log");
    const messages = uiMessagesOf(thread.entries) as UIMessage[];
    const reloaded = await openPage(client, { messages });
    const resumed = reloaded.chat.resumeStream();
    await seen(reloaded, "one ");
    call.words("two").finish();
    await resumed;
    assertEquals(reloaded.chat.messages.map(textOf), ["hello", "one two"]);
    assertEquals([reloaded.chat.status, reloaded.chat.error], ["ready", undefined]);
    await seen(page, "one two");
    assertEquals(served.world.puppet.calls.length, 1);
  },
});

Deno.test({
  ...needsSdk(
    "the SDK's chat that resumes twice at once, as in React's strict mode, stops nothing",
  ),
  async fn() {
    await using served = await Served.open();
    const page = await served.page();
    void page.chat.sendMessage({ text: "hello" });
    const call = await served.world.puppet.nextCall();
    call.begin().words("one ");
    await seen(page, "one ");

    const reloaded = await served.page(structuredClone(page.chat.messages.slice(0, 1)));
    const first = reloaded.chat.resumeStream();
    await seen(reloaded, "one ");
    const second = reloaded.chat.resumeStream();
    await first;
    call.words("two").finish();
    await second;
    assertEquals(reloaded.chat.messages.map(textOf), ["hello", "one two"]);
    await seen(page, "one two");
  },
});

Deno.test({
  ...needsSdk("the SDK's resume finds nothing over the socket in a thread that is idle or unknown"),
  async fn() {
    await using served = await Served.open({ model: new PuppetModel(saying("yes")) });
    const page = await served.page();
    await page.chat.resumeStream();
    assertEquals([page.chat.status, page.chat.messages.length], ["ready", 0]);
    await page.chat.sendMessage({ text: "hello" });
    await page.chat.resumeStream();
    assertEquals([page.chat.status, page.chat.messages.length], ["ready", 2]);
  },
});

Deno.test({
  ...needsSdk("the SDK's chat shows a failed run as an error over the socket, and tries again"),
  async fn() {
    const model = new PuppetModel((call) => {
      if (model.calls.length === 1) {
        call.begin().words("half ").fail(new AppError("MODEL_UNAVAILABLE"));
      } else saying("yes")(call);
    });
    await using served = await Served.open({ model });
    const page = await served.page();
    await page.chat.sendMessage({ text: "hello" });
    const { chat } = page;
    assertEquals([chat.status, chat.error?.message], ["error", "The model is unavailable"]);
    assertEquals(textOf(chat.lastMessage), "half ");
    await chat.regenerate();
    assertEquals([chat.status, chat.error], ["ready", undefined]);
    assertEquals(chat.messages.map(textOf), ["hello", "yes"]);
  },
});

Deno.test({
  ...needsServer(
    "the SDK's chat whose server is killed in the midst of an answer shows the next attempt alone",
  ),
  async fn() {
    await using folder = new TempFolder();
    const env = { KV_PATH: `${folder.path}/chat.db` };
    await using proxy = new CuttingProxy();
    const token = await mintToken();
    await using client = new DrawbridgeClient({
      address: proxy.address,
      token,
      backoff: QUICK,
      WebSocket: CheckedWebSocket,
    });
    const page = await openPage(client);
    let sent: Promise<void>;
    {
      await using first = await ServerProcess.start({ env });
      proxy.turn(first.address);
      sent = page.chat.sendMessage({ text: "/count 30 30" });
      await eventually(
        () => textOf(page.chat.lastMessage).startsWith("1 2 3 4 5 ") || undefined,
        "some words",
      );
      proxy.turn(null);
      await first.kill();
    }
    await using second = await ServerProcess.start({ env });
    proxy.turn(second.address);
    await sent;
    assertEquals([page.chat.status, page.chat.error], ["ready", undefined]);
    const whole = Array.from({ length: 30 }, (_, at) => at + 1).join(" ");
    const { parts } = page.chat.lastMessage!;
    assertEquals(parts.map(({ type }) => type), ["step-start", "text"]);
    assertEquals(textOf(page.chat.lastMessage), whole);
    // No word was ever shown twice.
    assertEquals(page.texts.filter((text) => !whole.startsWith(text)), ["/count 30 30"]);
    const { entries } = client.thread("t");
    assertEquals(
      entries.flatMap(({ entry }) => entry.kind === "run.started" ? [entry.attempt] : []),
      [
        1,
        2,
      ],
    );
  },
});
