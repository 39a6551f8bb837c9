import { assert, assertEquals, assertRejects } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { type ClientState, DrawbridgeError } from "../../lib/client/mod.ts";
import { assertRefused, kinds, opened, pass, ScriptedServer, turns } from "./scripted_server.ts";

/** The state that says when the next try is. */
function waitOf(states: readonly ClientState[]): Extract<ClientState, { kind: "reconnecting" }> {
  const state = states.at(-1);
  assert(state?.kind === "reconnecting", `not reconnecting but ${state?.kind}`);
  return state;
}

Deno.test("a client does nothing before it is asked for something, and closes all the same", async () => {
  const server = new ScriptedServer();
  const { client, states } = server.client();
  assertEquals([client.state.kind, server.sockets.length], ["idle", 0]);
  await client.close();
  assertEquals(kinds(states), ["closed"]);
  await assertRefused(client.connect(), "CLOSED");
});

Deno.test("a handshake offers the protocol and the token, and nothing of it in the address", async () => {
  const server = new ScriptedServer();
  await using client = server.client({ address: "https://chat.test/app?x=1" }).client;
  void client.connect();
  await turns();
  const { url, protocols } = server.socket;
  assertEquals(url, "wss://chat.test/ws");
  assertEquals(protocols, ["drawbridge.v1", "bearer.token-1"]);
});

Deno.test("connect resolves when the server has greeted, not when the socket opens", async () => {
  const server = new ScriptedServer();
  const { client, states } = server.client();
  let isConnected = false;
  const connected = client.connect().then((session) => {
    isConnected = true;
    return session;
  });
  await turns();
  server.socket.open();
  await turns();
  assert(!isConnected);
  server.socket.greet();
  assertEquals((await connected).subject, "alice");
  assertEquals(kinds(states), ["connecting", "ready"]);
  await client.close();
  assertEquals([kinds(states).at(-1), server.socket.closedWith], ["closed", 1000]);
});

Deno.test("a session that lacks services is degraded, and says which", async () => {
  const { client } = await new ScriptedServer().ready({}, { degraded: ["model"] });
  assertEquals(client.state.kind === "degraded" && client.state.services, ["model"]);
  await client.close();
});

for (const code of [1000, 1001, 1006, 1011, 1012, 1013, 4999]) {
  Deno.test(`a socket that ends with ${code} is followed by another with the same token`, async () => {
    using time = new FakeTime();
    const server = new ScriptedServer();
    const reasons: string[] = [];
    const { client, states, socket } = await server.ready({
      token: (reason) => {
        reasons.push(reason);
        return `token-${reasons.length}`;
      },
    });
    socket.end(code);
    await turns();
    assertEquals(waitOf(states).attempt, 1);
    assertEquals(waitOf(states).end, { code, wasOpen: true });
    await pass(time, 500);
    assertEquals([server.sockets.length, server.socket.token], [2, "token-1"]);
    server.socket.greet();
    await turns();
    assertEquals(client.state.kind, "ready");
    assertEquals(reasons, ["connect"]);
    await client.close();
  });
}

for (
  const [code, error] of [[1003, "INVALID_FRAME"], [1009, "MESSAGE_TOO_LARGE"], [
    4400,
    "INVALID_FRAME",
  ]] as const
) {
  Deno.test(`a socket that ends with ${code} is the last, and the client says why`, async () => {
    using time = new FakeTime();
    const server = new ScriptedServer();
    const { client, states, socket } = await server.ready();
    socket.end(code);
    await pass(time, 600_000);
    assertEquals(server.sockets.length, 1);
    const last = states.at(-1);
    assert(last?.kind === "closed");
    assertEquals(last.error?.code, error);
    await assertRejects(() => client.send("thread-1", "hello"), DrawbridgeError);
    await client.close();
  });
}

Deno.test("after 4429 the client stays away for seconds, and longer each time", async () => {
  using time = new FakeTime();
  const server = new ScriptedServer();
  const { client, states } = await server.ready({ backoff: { random: () => 0 } });
  server.socket.end(4429);
  await turns();
  assertEquals(waitOf(states).delayMs, 5_000);
  await client.close();
  const { client: other, states: more } = await server.ready();
  const waits: number[] = [];
  for (let round = 0; round < 5; round++) {
    server.socket.end(4429);
    await turns();
    waits.push(Math.round(waitOf(more).delayMs));
    await pass(time, waits.at(-1)!);
    server.socket.greet();
    await turns();
  }
  assertEquals(waits, [15_000, 25_000, 45_000, 65_000, 65_000]);
  await other.close();
});

Deno.test("tries that fail one after another wait anywhere below a bound that doubles to 30 s", async () => {
  using time = new FakeTime();
  const server = new ScriptedServer();
  const { client, states } = server.client();
  void client.connect().catch(() => {});
  await turns();
  const waits: number[] = [];
  for (let round = 0; round < 9; round++) {
    server.socket.end();
    await turns();
    waits.push(Math.round(waitOf(states).delayMs));
    await pass(time, waits.at(-1)!);
  }
  assertEquals(waits, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
  await client.close();
  const { client: other, states: more } = new ScriptedServer().client({
    backoff: { random: () => 0 },
    WebSocket: server.WebSocket!,
  });
  void other.connect().catch(() => {});
  await turns();
  server.socket.end();
  await turns();
  assertEquals(waitOf(more).delayMs, 0);
  await other.close();
});

Deno.test("a session that lasted 5 s makes the waits short again, a shorter one does not", async () => {
  using time = new FakeTime();
  const server = new ScriptedServer();
  const { client, states } = await server.ready();
  const cutAfter = async (ms: number): Promise<number> => {
    await pass(time, ms);
    server.socket.end();
    await turns();
    const { delayMs } = waitOf(states);
    await pass(time, Math.ceil(delayMs));
    server.socket.greet();
    await turns();
    return Math.round(delayMs);
  };
  assertEquals(await cutAfter(4_999), 500);
  assertEquals(await cutAfter(4_999), 1_000);
  assertEquals(await cutAfter(5_000), 500);
  await client.close();
});

Deno.test("a refusal at the gate is waited out for retryAfterMs and a jitter, and its error is shown", async () => {
  using _time = new FakeTime();
  const server = new ScriptedServer();
  const { client, states } = server.client();
  void client.connect().catch(() => {});
  await turns();
  server.socket.open();
  const error = { code: "STARTUP_INCOMPLETE", message: "Not yet", retryable: true } as const;
  server.socket.tell({ type: "error", ...error, retryAfterMs: 2_500 });
  server.socket.end(1011, "Service startup incomplete");
  await turns();
  const { delayMs, error: shown } = waitOf(states);
  assertEquals([Math.round(delayMs), shown?.code], [3_000, "STARTUP_INCOMPLETE"]);
  await client.close();
});

Deno.test("after a drain the client returns after reconnectAfterMs, which the server has spread", async () => {
  using time = new FakeTime();
  const server = new ScriptedServer();
  const { client, states, socket } = await server.ready();
  await pass(time, 6_000);
  socket.tell({ type: "session.draining", reconnectAfterMs: 877 });
  assertEquals(client.state.kind, "ready");
  socket.end(1012, "Service restart");
  await turns();
  assertEquals(waitOf(states).delayMs, 877);
  await pass(time, 876);
  assertEquals(server.sockets.length, 1);
  await pass(time, 1);
  assertEquals(server.sockets.length, 2);
  await client.close();
});

Deno.test("hurry tries at once where the client waits", async () => {
  using _time = new FakeTime();
  const server = new ScriptedServer();
  const { client, socket } = await server.ready();
  socket.end();
  await turns();
  client.hurry();
  await turns();
  assertEquals(server.sockets.length, 2);
  await client.close();
});

Deno.test("a server that drops frames for their rate is left, and asked again later", async () => {
  using time = new FakeTime();
  const server = new ScriptedServer();
  const { client, states, socket } = await server.ready();
  const error = { code: "RATE_LIMITED", message: "Too many", retryable: true } as const;
  socket.tell({ type: "error", ...error, retryAfterMs: 1_000 });
  await turns();
  assertEquals(socket.closedWith, 1000);
  assertEquals(Math.round(waitOf(states).delayMs), 1_500);
  await pass(time, 1_500);
  assertEquals(server.sockets.length, 2);
  await client.close();
});

Deno.test("a connection that is silent and answers no ping is left after 30 s", async () => {
  using time = new FakeTime();
  const server = new ScriptedServer();
  const { client, states, socket } = await server.ready();
  socket.answersPings = false;
  for (let ms = 0; ms < 15_000; ms += 5_000) await pass(time, 5_000);
  assertEquals(socket.all("ping").length, 0);
  await pass(time, 5_000);
  assertEquals(socket.all("ping").length, 1);
  socket.tell({ type: "pong", ref: socket.last("ping").id });
  for (let ms = 0; ms < 25_000; ms += 5_000) await pass(time, 5_000);
  assertEquals(client.state.kind, "ready");
  await pass(time, 5_000);
  assertEquals(kinds(states).at(-1), "reconnecting");
  await client.close();
});

Deno.test("a device that slept asks whether its connection survived before it gives it up", async () => {
  using time = new FakeTime();
  const server = new ScriptedServer();
  const { client, socket } = await server.ready();
  // All that was due while it slept runs as one, late.
  const wake = Date.now() + 3_600_000;
  const { now } = Date;
  Date.now = () => wake;
  try {
    time.tick(5_000);
    assertEquals([client.state.kind, socket.all("ping").length], ["ready", 1]);
    time.tick(5_000);
    assertEquals(client.state.kind, "ready");
  } finally {
    Date.now = now;
  }
  await client.close();
});

Deno.test("a handshake that nobody answers is given up after 60 s", async () => {
  using time = new FakeTime();
  const server = new ScriptedServer();
  const { client, states } = server.client();
  void client.connect().catch(() => {});
  await pass(time, 59_999);
  assertEquals(kinds(states), ["connecting"]);
  await pass(time, 1);
  assertEquals(kinds(states).at(-1), "reconnecting");
  assertEquals(server.socket.closedWith, 1000);
  await client.close();
});

Deno.test("what a socket says after it was left changes nothing", async () => {
  using time = new FakeTime();
  const server = new ScriptedServer();
  const { client, states, socket: old } = await server.ready();
  const late = old.onmessage;
  old.end();
  await pass(time, 500);
  server.socket.greet();
  await turns();
  const before = kinds(states);
  const { session } = client;
  late?.({ data: JSON.stringify({ type: "session.ready", ...session, degraded: ["all"] }) });
  old.onclose?.({ code: 4400, reason: "" });
  await turns();
  assertEquals(kinds(states), before);
  await client.close();
});

Deno.test("a socket that cannot be made at all closes the client", async () => {
  const { client, states } = new ScriptedServer().client({
    WebSocket: class {
      constructor() {
        throw new DOMException("bad characters", "SyntaxError");
      }
    } as never,
  });
  await assertRefused(client.connect(), "INVALID_REQUEST");
  assertEquals(kinds(states), ["connecting", "closed"]);
  await client.close();
});

Deno.test("frames that are none of the protocol's are passed over", async () => {
  const server = new ScriptedServer();
  const { client, socket } = await server.ready();
  for (
    const text of ["", "null", "[]", "{", '{"type":"news"}', '{"type":"entry"}', new Uint8Array(1)]
  ) {
    socket.tellText(text);
  }
  socket.tellText('{"type":"ack","ref":"nobody asked"}');
  const thread = client.thread("thread-1");
  opened(socket);
  assertEquals(await thread.opened(), { exists: true, activeRun: null });
  await client.close();
});

Deno.test("a listener that throws stops neither the client nor the other listeners", async () => {
  const { client, states } = new ScriptedServer().client();
  const thrown = new Error("a listener's own");
  const reported = Promise.withResolvers<unknown>();
  const onError = (event: ErrorEvent): void => {
    event.preventDefault();
    reported.resolve(event.error);
  };
  globalThis.addEventListener("error", onError);
  client.subscribe(() => {
    throw thrown;
  });
  const seen: string[] = [];
  const leave = client.subscribe(({ kind }) => seen.push(kind));
  void client.connect().catch(() => {});
  assertEquals(await reported.promise, thrown);
  leave();
  globalThis.removeEventListener("error", onError);
  assertEquals([seen, kinds(states)], [["connecting"], ["connecting"]]);
  globalThis.addEventListener("error", (event) => event.preventDefault(), { once: true });
  await client.close();
  await turns();
  assertEquals(seen, ["connecting"]);
});
