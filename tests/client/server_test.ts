/**
 * The client against the real server, a process of its own, over connections that break.
 *
 * @module
 */
import { assert, assertEquals, assertGreater } from "@std/assert";
import { delay } from "@std/async/delay";
import {
  type ClientOptions,
  type ClientState,
  DrawbridgeClient,
  type Run,
} from "../../lib/client/mod.ts";
import { textOf } from "../../lib/client/run.ts";
import { Random } from "../faults/random.ts";
import { HeldJwks } from "../server/held_jwks.ts";
import { eventually, orHang } from "../support/feed.ts";
import { needsServer, ServerProcess, TempFolder } from "../support/server_process.ts";
import { mintToken } from "../support/tokens.ts";
import { CheckedWebSocket } from "./checked_socket.ts";
import { CuttingProxy } from "./cutting_proxy.ts";
import { kinds } from "./scripted_server.ts";

/** Waits that are short: what is tested is that the client returns, not when. */
const QUICK = { backoff: { firstMs: 20, longestMs: 200 } };

/** A client, and its states so far. */
function connect(options: ClientOptions): { client: DrawbridgeClient; states: ClientState[] } {
  const client = new DrawbridgeClient({ WebSocket: CheckedWebSocket, ...QUICK, ...options });
  const states: ClientState[] = [];
  client.subscribe((state) => states.push(state));
  return { client, states };
}

/** What `/count` says. */
function counted(to: number): string {
  return Array.from({ length: to }, (_, at) => at + 1).join(" ");
}

/** Reads a run to its end. Every text on the way must be a beginning of `whole`: no word doubled or lost. */
async function readWhole(run: Run, whole: string): Promise<{ restarts: number }> {
  let restarts = 0;
  const restarted = (async () => {
    for await (const { type } of run) if (type === "restart") restarts++;
  })();
  let last = "";
  for await (const text of run.text()) {
    assert(whole.startsWith(text), `not a beginning: ${text}`);
    last = text;
  }
  await restarted;
  assertEquals(last, whole);
  assertEquals(textOf(await run.answer), whole);
  return { restarts };
}

/** Waits until so much of a run's text was seen. */
async function seen(run: Run, text: string): Promise<void> {
  const read = (async () => {
    for await (const whole of run.text()) if (whole.startsWith(text)) return;
  })();
  await orHang(read, text);
}

Deno.test({
  ...needsServer(
    "a client survives 100 forced disconnects at random moments of 20 streams, and every answer is whole",
  ),
  async fn() {
    const random = new Random(20_261_123);
    const env = { LIMIT_RUNS_PER_SUBJECT: "20" };
    await using server = await ServerProcess.start({ env });
    await using proxy = new CuttingProxy(server.address);
    const token = await mintToken();
    await using stack = new AsyncDisposableStack();
    const clients = Array.from({ length: 4 }, () => {
      return stack.use(connect({ address: proxy.address, token }).client);
    });
    await Promise.all(clients.map((client) => client.connect()));

    let cuts = 0;
    let streaming = 0;
    const threads = new Map<string, number>();
    const streams = Array.from({ length: 20 }, async (_, at) => {
      const client = clients[at % clients.length]!;
      const threadId = `thread-${at}`;
      do {
        const { run } = await client.send(threadId, "/count 120 20");
        threads.set(threadId, (threads.get(threadId) ?? 0) + 1);
        streaming++;
        assertEquals((await readWhole(run, counted(120))).restarts, 0);
        streaming--;
      } while (cuts < 100);
    });
    const cutting = (async () => {
      while (cuts < 100) {
        await delay(random.integer(0, 120));
        if (proxy.count === 0 || streaming === 0) continue;
        proxy.cut(random.integer(0, proxy.count - 1));
        cuts++;
      }
    })();
    await Promise.all([...streams, cutting]);

    assertEquals(cuts, 100);
    for (const [threadId, count] of threads) {
      const { entries } = clients[Number(threadId.slice("thread-".length)) % clients.length]!
        .thread(threadId);
      // One message, one start and one answer each: nothing was sent or run twice.
      assertEquals(entries.map(({ seq }) => seq), entries.map((_, at) => at + 1));
      assertEquals(entries.length, 3 * count);
    }
    assertEquals(clients.flatMap(({ unsent }) => unsent), []);
  },
});

Deno.test({
  ...needsServer("a message that is sent while nobody is there arrives once somebody is"),
  async fn() {
    await using server = await ServerProcess.start();
    await using proxy = new CuttingProxy();
    const { client, states } = connect({ address: proxy.address, token: await mintToken() });
    await using _ = client;
    const sending = client.send("t", "/count 3 1", { id: "m1" });
    await eventually(() => states.length > 3 || undefined, "some tries");
    assertEquals(client.unsent.map(({ message }) => message.id), ["m1"]);
    proxy.turn(server.address);
    const { run, duplicate } = await sending;
    assertEquals(duplicate, false);
    await readWhole(run, "1 2 3");
    assertEquals(client.unsent, []);
  },
});

Deno.test({
  ...needsServer(
    "a client whose server is killed in the midst of an answer gets the answer from the next, once",
  ),
  async fn() {
    await using folder = new TempFolder();
    const env = { KV_PATH: `${folder.path}/chat.db` };
    await using proxy = new CuttingProxy();
    const { client, states } = connect({ address: proxy.address, token: await mintToken() });
    await using _ = client;
    let run: Run;
    let reading: Promise<{ restarts: number }>;
    {
      await using first = await ServerProcess.start({ env });
      proxy.turn(first.address);
      ({ run } = await client.send("t", "/count 40 20"));
      reading = readWhole(run, counted(40));
      await seen(run, "1 2 3 4 5 ");
      proxy.turn(null);
      await first.kill();
    }
    const sending = client.send("t", "/count 2 1");
    await using second = await ServerProcess.start({ env });
    proxy.turn(second.address);
    assertEquals((await reading).restarts, 1);
    assertEquals(run.attempt, 2);
    const { run: next } = await sending;
    await readWhole(next, "1 2");
    assert(kinds(states).includes("reconnecting"));
    const texts = client.thread("t").entries.map(({ entry }) =>
      entry.kind === "message" ? `${entry.role} ${textOf(entry)}` : `start ${entry.attempt}`
    );
    assertEquals(texts.filter((text) => !text.startsWith("start")).toSorted(), [
      "assistant 1 2",
      `assistant ${counted(40)}`,
      "user /count 2 1",
      "user /count 40 20",
    ]);
  },
});

Deno.test({
  ...needsServer("a client whose server drains goes on with the next, when it was told to"),
  async fn() {
    await using folder = new TempFolder();
    const env = { KV_PATH: `${folder.path}/chat.db` };
    await using proxy = new CuttingProxy();
    const { client, states } = connect({ address: proxy.address, token: await mintToken() });
    await using _ = client;
    let reading: Promise<unknown>;
    {
      await using first = await ServerProcess.start({ env });
      proxy.turn(first.address);
      const { run } = await client.send("t", "/count 60 20");
      reading = readWhole(run, counted(60));
      await seen(run, "1 2 3 ");
      proxy.turn(null);
      first.signal("SIGTERM");
      assertEquals((await first.exited()).code, 0);
    }
    await using second = await ServerProcess.start({ env });
    proxy.turn(second.address);
    await reading;
    const sentAway = states.find((state) => state.kind === "reconnecting");
    assert(sentAway?.kind === "reconnecting");
    // Spread over 3 s, and at least that if it failed before.
    assert(sentAway.delayMs <= 3_000 + 200);
    assertEquals(client.state.kind, "ready");
  },
});

Deno.test({
  ...needsServer("a client that waits at the gate says for which phases, and is let in"),
  async fn() {
    await using jwks = await HeldJwks.start();
    const env = { ...jwks.env, STARTUP_WAIT_MS: "60000" };
    await using server = await ServerProcess.start({ env });
    const { client, states } = connect({
      address: server.address,
      token: await jwks.token("ada"),
    });
    await using _ = client;
    const connected = client.connect();
    const waiting = await eventually(
      () => states.find((state) => state.kind === "waiting-for-startup"),
      "the phases",
    );
    assert(waiting.kind === "waiting-for-startup");
    const keys = waiting.phases.find(({ name }) => name === "keys");
    assertEquals([keys?.status, keys?.critical], ["running", true]);
    jwks.release();
    assertGreater((await connected).waitedMs, 0);
    assertEquals([...new Set(kinds(states))], ["connecting", "waiting-for-startup", "ready"]);
  },
});

Deno.test({
  ...needsServer("a client that the gate refuses for a slow start comes again until it is let in"),
  async fn() {
    await using jwks = await HeldJwks.start();
    const env = { ...jwks.env, STARTUP_WAIT_MS: "200" };
    await using server = await ServerProcess.start({ env });
    const { client, states } = connect({
      address: server.address,
      token: await jwks.token("ada"),
    });
    await using _ = client;
    const sending = client.send("t", "/count 2 1");
    await eventually(
      () => kinds(states).filter((kind) => kind === "reconnecting").length > 1 || undefined,
      "two refusals",
    );
    jwks.release();
    await readWhole((await sending).run, "1 2");
  },
});

Deno.test({
  ...needsServer("a client renews its token in the midst of an answer, on the same socket"),
  async fn() {
    await using server = await ServerProcess.start();
    await server.state("ready");
    let count = 0;
    const token = (): Promise<string> => {
      count++;
      return mintToken({ expiresInSeconds: 6 });
    };
    const { client, states } = connect({ address: server.address, token });
    await using _ = client;
    const { run } = await client.send("t", "/count 90 100");
    await readWhole(run, counted(90));
    assertGreater(count, 1);
    assertEquals(kinds(states), ["connecting", "ready"]);
  },
});

Deno.test({
  ...needsServer("a client whose token has expired closes where there is no newer one"),
  async fn() {
    await using server = await ServerProcess.start();
    await server.state("ready");
    const token = await mintToken({ expiresInSeconds: 3 });
    const { client, states } = connect({ address: server.address, token });
    await using _ = client;
    await client.connect();
    await eventually(() => client.state.kind === "closed" || undefined, "the end");
    const last = states.at(-1);
    assert(last?.kind === "closed");
    assertEquals(last.error?.code, "TOKEN_EXPIRED");
  },
});

Deno.test({
  ...needsServer(
    "two clients of one subject see the same thread, and one's stop ends the other's run",
  ),
  async fn() {
    await using server = await ServerProcess.start();
    const options = { address: server.address, token: await mintToken() };
    await using one = connect(options).client;
    await using other = connect(options).client;
    const { run } = await one.send("t", "/count 1000 20");
    await seen(run, "1 2 3 ");
    const { activeRun } = await other.thread("t").opened();
    assertEquals(activeRun?.id, run.id);
    await seen(activeRun!, "1 2 3 ");
    await other.thread("t").cancel(run.id);
    assertEquals((await run.answer).outcome, "cancelled");
    assertEquals(await activeRun!.answer, await run.answer);
    const again = await one.thread("t").regenerate();
    await other.thread("t").cancel(again.id);
    assertEquals((await again.answer).outcome, "cancelled");
  },
});
