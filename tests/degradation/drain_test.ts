/** The contract's section 9, drains that somebody else holds up. */
import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { delay } from "@std/async/delay";
import { ChatClient } from "../support/chat_client.ts";
import { DenoKvServer, needsCluster } from "../support/denokv.ts";
import { eventually } from "../support/feed.ts";
import { LockedDatabase } from "../support/locked_db.ts";
import { answerRaw, deltaEvent, endEvents, ModelServer } from "../support/model_server.ts";
import { needsServer, ServerProcess, TempFolder } from "../support/server_process.ts";
import { StalledReader } from "../support/stalled_reader.ts";
import { mintToken } from "../support/tokens.ts";
import { FreezableProxy } from "./freezable_proxy.ts";
import { metric } from "./observed.ts";

/** Deno Deploy kills an instance so long after SIGINT, milliseconds. */
const PLATFORM_PATIENCE_MS = 5_000;

/** Ends a server as the platform does: SIGINT, and SIGKILL if it is still there. It must end by itself. */
async function assertDrains(server: ServerProcess): Promise<void> {
  const over = new AbortController();
  const killer = delay(PLATFORM_PATIENCE_MS, { signal: over.signal })
    .then(() => server.signal("SIGKILL"), () => {});
  server.signal("SIGINT");
  const { code, signal } = await server.exited();
  over.abort();
  await killer;
  assertEquals({ code, signal }, { code: 0, signal: null });
  assertEquals(server.logs.at(-1)?.msg, "drained");
  const errors = server.logs.filter(({ level }) => level === "error").map(({ msg }) => msg);
  assertEquals(errors.filter((msg) => msg !== "The store is lost"), []);
  console.log(`drained in ${server.drainMs} ms, in time: ${server.logs.at(-1)?.inTime}`);
}

/** Asserts that a socket was told to come back, then closed with 1012, and returns when it should. */
async function assertSentAway(client: ChatClient): Promise<number> {
  assertEquals(await client.closed(), { code: 1012, reason: "Service restart" });
  const last = client.frames.items.at(-1);
  assert(last?.type === "session.draining", JSON.stringify(last));
  return last.reconnectAfterMs;
}

Deno.test({
  ...needsServer("a drain sends 500 sockets away with 1012, to come back at different times"),
  async fn() {
    const count = 500;
    await using stack = new AsyncDisposableStack();
    const server = stack.use(
      await ServerProcess.start({ env: { LIMIT_SOCKETS_PER_SUBJECT: String(count) } }),
    );
    // Before that, a subject has fewer places.
    await server.state("ready");
    const token = await mintToken();
    const clients = Array.from(
      { length: count },
      () => stack.use(new ChatClient(server.address, token)),
    );
    await Promise.all(clients.map((client) => client.next("session.ready")));
    assertEquals(await server.metric("connections"), count);

    const [times] = await Promise.all([
      Promise.all(clients.map(assertSentAway)),
      assertDrains(server),
    ]);
    assertEquals(server.logs.at(-1)?.inTime, true);
    assertGreater(new Set(times).size, count / 10);
  },
});

Deno.test({
  ...needsServer(
    "a drain waits for no reader that has stalled, and sends the others away with 1012",
  ),
  async fn() {
    const answerBytes = 1_000_000;
    const threads = 12;
    const piece = deltaEvent({ content: "stalled ".repeat(1_000) });
    const pieces = Array<string>(answerBytes / 8_000).fill(piece);
    await using model = new ModelServer(answerRaw([...pieces, ...endEvents()]));
    await using server = await ServerProcess.start({
      env: { OPENAI_BASE_URL: model.baseUrl, OPENAI_MODEL: "scripted" },
    });
    const token = await mintToken();
    await using client = await ChatClient.connect(server.address, token);
    for (let thread = 1; thread <= threads; thread++) {
      await client.say(`t${thread}`, { id: "m1", text: "hello" });
      await client.answer(`t${thread}`);
    }
    const sent = 'frames_total{direction="out",type="entry"}';
    const before = await metric(server, sent);

    using first = await StalledReader.connect(server.address, token);
    using second = await StalledReader.connect(server.address, token);
    for (const reader of [first, second]) {
      for (let thread = 1; thread <= threads; thread++) {
        await reader.send({ type: "thread.open", id: `o${thread}`, threadId: `t${thread}` });
      }
    }
    // Until the server waits for them: it sends no more, although there is more.
    let last = -1;
    const stalledAt = await eventually(async () => {
      await delay(300);
      const now = await metric(server, sent) - before;
      if (now > 0 && now === last) return now;
      last = now;
      return undefined;
    }, "the server to wait for its readers");
    assertLess(stalledAt, 2 * threads * 3);
    assertEquals(await server.metric("connections"), 3);

    await Promise.all([assertSentAway(client), assertDrains(server)]);
    assertEquals(server.logs.at(-1)?.inTime, true);
  },
});

Deno.test({
  ...needsServer("a drain waits for no database that another process keeps locked"),
  async fn() {
    await using folder = new TempFolder();
    const path = `${folder.path}/chat.db`;
    await using server = await ServerProcess.start({ env: { KV_PATH: path } });
    const token = await mintToken();
    await using client = await ChatClient.connect(server.address, token);
    await client.say("t", { id: "m1", text: "/count 500 20" });
    await client.next("chunk");
    await using _lock = await LockedDatabase.lock(path);
    await Promise.all([assertSentAway(client), assertDrains(server)]);
  },
});

Deno.test({
  ...needsCluster("a drain waits for no remote database that hangs"),
  async fn() {
    await using database = await DenoKvServer.start();
    await using wire = new FreezableProxy(database.env);
    await using server = await ServerProcess.start({ env: wire.env });
    const token = await mintToken();
    await using client = await ChatClient.connect(server.address, token);
    await using waiting = await ChatClient.connect(server.address, token);
    await client.say("t", { id: "m1", text: "/count 500 20" });
    await client.next("chunk");
    wire.freeze();
    // It waits for its answer when the drain comes.
    waiting.send({ type: "message.send", threadId: "t2", message: { id: "m1", text: "hello" } });
    await waiting.request({ type: "ping" });
    await Promise.all([
      assertSentAway(client),
      assertSentAway(waiting),
      assertDrains(server),
    ]);
    assert(!waiting.frames.items.some(({ type }) => type === "ack"));
  },
});
