import { assert, assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import type { TokenReason } from "../../lib/client/mod.ts";
import { assertRefused, kinds, pass, refused, ScriptedServer, turns } from "./scripted_server.ts";

/** Gives `token-1`, `token-2`, … and remembers why. */
class Tokens {
  readonly reasons: TokenReason[] = [];
  /** What the next ones are, in place of a new one. */
  next: (string | null | Error)[] = [];

  readonly give = (reason: TokenReason): string | null => {
    this.reasons.push(reason);
    const given = this.next.length > 0 ? this.next.shift()! : `token-${this.reasons.length}`;
    if (given instanceof Error) throw given;
    return given;
  };
}

function inMs(ms: number): string {
  return new Date(Date.now() + ms).toISOString();
}

Deno.test("after a failed handshake, which nobody can read, the token callback is asked again", async () => {
  using time = new FakeTime();
  const server = new ScriptedServer();
  const tokens = new Tokens();
  const { client } = server.client({ token: tokens.give });
  void client.connect().catch(() => {});
  await turns();
  for (let round = 0; round < 3; round++) {
    server.socket.end();
    await pass(time, 30_000);
  }
  assertEquals(server.sockets.map(({ token }) => token), [
    "token-1",
    "token-2",
    "token-3",
    "token-4",
  ]);
  assertEquals(tokens.reasons, ["connect", "refused", "refused", "refused"]);
  await client.close();
});

Deno.test("a failed handshake is tried again also where there is no newer token", async () => {
  using time = new FakeTime();
  const server = new ScriptedServer();
  const { client } = server.client();
  void client.connect().catch(() => {});
  await turns();
  for (let round = 0; round < 3; round++) {
    server.socket.end();
    await pass(time, 30_000);
  }
  assertEquals(server.sockets.length, 4);
  await client.close();
});

Deno.test("after 4401 a newer token connects at once", async () => {
  using time = new FakeTime();
  const server = new ScriptedServer();
  const tokens = new Tokens();
  const { client, socket } = await server.ready({ token: tokens.give });
  socket.end(4401, "Token expired");
  await pass(time, 0);
  assertEquals([server.sockets.length, server.socket.token], [2, "token-2"]);
  assertEquals(tokens.reasons, ["connect", "expired"]);
  await client.close();
});

Deno.test("after 4401 the client closes where there is no newer token", async () => {
  using time = new FakeTime();
  const server = new ScriptedServer();
  const { client, states, socket } = await server.ready();
  socket.end(4401, "Token expired");
  await pass(time, 600_000);
  assertEquals(server.sockets.length, 1);
  const last = states.at(-1);
  assert(last?.kind === "closed");
  assertEquals(last.error?.code, "TOKEN_EXPIRED");
  await client.close();
});

Deno.test("a client whose user has left closes: the callback gave null", async () => {
  const { client, states } = new ScriptedServer().client({ token: () => null });
  await assertRefused(client.connect(), "UNAUTHENTICATED");
  assertEquals(kinds(states), ["connecting", "closed"]);
  await client.close();
});

Deno.test("a token callback that fails is asked again later", async () => {
  using time = new FakeTime();
  const server = new ScriptedServer();
  const tokens = new Tokens();
  tokens.next = [new Error("offline"), new Error("offline")];
  const { client, states } = server.client({ token: tokens.give });
  void client.connect().catch(() => {});
  await turns();
  assertEquals([kinds(states), server.sockets.length], [["connecting", "reconnecting"], 0]);
  assertEquals(states.map((state) => state.kind === "reconnecting" && state.end), [false, null]);
  await pass(time, 500);
  await pass(time, 1_000);
  assertEquals(server.socket.token, "token-3");
  await client.close();
});

Deno.test("a token callback that never answers does not keep the client from closing", async () => {
  const { client } = new ScriptedServer().client({ token: () => new Promise(() => {}) });
  void client.connect().catch(() => {});
  await turns();
  await client.close();
  assertEquals(client.state.kind, "closed");
});

Deno.test("a token is renewed a minute before its end, on the same socket", async () => {
  using time = new FakeTime();
  const server = new ScriptedServer();
  const tokens = new Tokens();
  const { client, socket } = await server.ready({ token: tokens.give }, {
    expiresAt: inMs(600_000),
  });
  await pass(time, 539_999);
  assertEquals(socket.all("auth.refresh").length, 0);
  await pass(time, 1);
  const { id: ref, token } = socket.last("auth.refresh");
  assertEquals([token, tokens.reasons], ["token-2", ["connect", "expiring"]]);
  socket.tell({ type: "ack", ref, expiresAt: inMs(660_000) });
  await pass(time, 599_999);
  assertEquals(socket.all("auth.refresh").length, 1);
  await pass(time, 1);
  assertEquals(socket.last("auth.refresh").token, "token-3");
  assertEquals(server.sockets.length, 1);
  await client.close();
});

Deno.test("a token that lives shortly is renewed when a fifth of its life is left", async () => {
  using time = new FakeTime();
  const { client, socket } = await new ScriptedServer().ready({ token: new Tokens().give }, {
    expiresAt: inMs(5_000),
  });
  await pass(time, 3_999);
  assertEquals(socket.all("auth.refresh").length, 0);
  await pass(time, 1);
  assertEquals(socket.all("auth.refresh").length, 1);
  await client.close();
});

Deno.test("a renewal that is refused, fails or brings nothing newer is tried again before the end", async () => {
  using time = new FakeTime();
  const server = new ScriptedServer();
  const tokens = new Tokens();
  const { client, socket } = await server.ready({ token: tokens.give }, {
    expiresAt: inMs(100_000),
  });
  tokens.next = ["refused", new Error("offline"), "token-1"];
  await pass(time, 80_000);
  assertEquals(socket.last("auth.refresh").token, "refused");
  refused(socket, "auth.refresh", { code: "UNAUTHENTICATED" });
  await pass(time, 10_000);
  await pass(time, 5_000);
  await pass(time, 2_500);
  assertEquals(tokens.reasons.slice(1), ["expiring", "expiring", "expiring", "expiring"]);
  const tried = socket.all("auth.refresh").map(({ token }) => token);
  assertEquals(tried, ["refused", "token-5"]);
  assertEquals([client.state.kind, server.sockets.length], ["ready", 1]);
  await client.close();
});

Deno.test("a token that never ends, as far as timers go, is not renewed", async () => {
  using time = new FakeTime();
  const tokens = new Tokens();
  const { client } = await new ScriptedServer().ready({ token: tokens.give }, {
    expiresAt: "+275760-09-13T00:00:00.000Z",
  });
  for (let day = 0; day < 60; day++) await pass(time, 86_400_000);
  assertEquals(tokens.reasons, ["connect"]);
  await client.close();
});

Deno.test("with a wrong clock a token is renewed twice a minute at most", async () => {
  using time = new FakeTime();
  const tokens = new Tokens();
  const { client, socket } = await new ScriptedServer().ready({ token: tokens.give }, {
    expiresAt: inMs(-3_600_000),
  });
  await pass(time, 25_000);
  assertEquals(socket.all("auth.refresh").length, 0);
  await pass(time, 5_000);
  const { id: ref } = socket.last("auth.refresh");
  socket.tell({ type: "ack", ref, expiresAt: inMs(-1_800_000) });
  await pass(time, 25_000);
  assertEquals(socket.all("auth.refresh").length, 1);
  await client.close();
});

Deno.test("a reconnect uses the present token until its end, and then asks for another", async () => {
  using time = new FakeTime();
  const server = new ScriptedServer();
  const tokens = new Tokens();
  const { client } = await server.ready({ token: tokens.give }, { expiresAt: inMs(100_000) });
  server.socket.end();
  await pass(time, 500);
  assertEquals(server.socket.token, "token-1");
  server.socket.greet({ expiresAt: inMs(50_000) });
  server.socket.tell({ type: "session.draining", reconnectAfterMs: 60_000 });
  server.socket.end(1012);
  await pass(time, 70_000);
  assertEquals([server.sockets.length, server.socket.token], [3, "token-2"]);
  assertEquals(tokens.reasons, ["connect", "connect"]);
  await client.close();
});
