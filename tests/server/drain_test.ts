import { assert, assertEquals, assertGreater, assertMatch } from "@std/assert";
import { ChatClient, chunksOf, textOf } from "../support/chat_client.ts";
import { KvAddress } from "../support/hanging_kv.ts";
import { type RawResponse, RawSocket } from "../support/raw_socket.ts";
import { needsServer, ServerProcess, TempFolder } from "../support/server_process.ts";
import { mintToken } from "../support/tokens.ts";
import { HeldJwks } from "./held_jwks.ts";

/** Far beyond what these tests take. */
const PATIENT = { STARTUP_WAIT_MS: "60000" };

const RESTART = { code: 1012, reason: "Service restart" };

/** Asserts that the process drains once, within its time, and ends with 0. */
async function assertDrained(server: ServerProcess): Promise<void> {
  const { code, signal } = await server.exited();
  assertEquals({ code, signal }, { code: 0, signal: null });
  assertEquals(server.logs.filter(({ msg }) => msg === "draining").length, 1);
  assertEquals(server.logs.filter(({ msg }) => msg === "drained").length, 1);
  // The limit is the server's own: a drain that was cut short says so.
  assertEquals(server.logs.at(-1)?.msg, "drained");
  assertEquals(server.logs.at(-1)?.inTime, true);
  assertEquals(server.logs.filter(({ level }) => level === "error"), []);
  console.log(`drained in ${server.drainMs} ms`);
}

/** Asserts that a socket is told when to come back, and closed. */
async function assertSentAway(client: ChatClient): Promise<void> {
  const { reconnectAfterMs } = await client.next("session.draining");
  assert(reconnectAfterMs >= 0 && reconnectAfterMs <= 60_000);
  assertEquals(await client.closed(), RESTART);
  assertEquals(client.frames.items.at(-1)?.type, "session.draining");
}

function assertDraining({ status, headers, body }: RawResponse): void {
  const { code, retryable } = JSON.parse(body);
  assertEquals([status, code, retryable], [503, "DRAINING", true]);
  assertMatch(headers.get("retry-after") ?? "", /^[1-9]\d*$/);
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.test({
    ...needsServer(`${signal} ends an idle server with 0, and its sockets with 1012`),
    async fn() {
      await using idle = await ServerProcess.start();
      await idle.state("ready");
      idle.signal(signal);
      await assertDrained(idle);
      assertEquals(idle.stderr, "");

      await using server = await ServerProcess.start();
      const token = await mintToken();
      await using first = await ChatClient.connect(server.address, token);
      await using second = await ChatClient.connect(server.address, token);
      server.signal(signal);
      await Promise.all([assertSentAway(first), assertSentAway(second)]);
      await assertDrained(server);
      assertEquals(server.stderr, "");
    },
  });
}

Deno.test({
  ...needsServer(
    "a signal right after the listening line, before any service, ends the server with 0",
  ),
  async fn() {
    await using server = await ServerProcess.start();
    server.signal("SIGTERM");
    await assertDrained(server);
  },
});

Deno.test({
  ...needsServer(
    "a server that drains refuses newcomers, is not ready but alive, and waits for no client without end",
  ),
  async fn() {
    await using server = await ServerProcess.start();
    const authorization = `Bearer ${await mintToken()}`;
    // It answers no close frame, and does not leave.
    using stubborn = await RawSocket.knock(server.address, { authorization });
    assertEquals((await stubborn.response()).status, 101);
    assertEquals((await stubborn.json()).type, "session.ready");
    server.signal("SIGINT");
    assertEquals((await stubborn.json()).type, "session.draining");

    const knock = async (headers: Record<string, string>) => {
      using socket = await RawSocket.knock(server.address, headers);
      return await socket.response();
    };
    const [withToken, withoutToken, api, ready, live] = await Promise.all([
      knock({ authorization }),
      knock({}),
      server.request("/api/threads", { headers: { authorization } }),
      server.request("/health/ready"),
      server.request("/health/live"),
    ]);
    for (const answer of [withToken, withoutToken, api]) assertDraining(answer);
    assertEquals([ready.status, JSON.parse(ready.body).status], [503, "fail"]);
    assertEquals([live.status, JSON.parse(live.body).status], [200, "pass"]);
    assertEquals(await stubborn.closed(), RESTART);
    await assertDrained(server);
  },
});

Deno.test({
  ...needsServer(
    "a run that streams when the server drains goes on in the next one, as another attempt",
  ),
  async fn() {
    await using folder = new TempFolder();
    const env = { KV_PATH: `${folder.path}/chat.db` };
    const token = await mintToken();
    const numbers = 150;
    let runId: string;
    {
      await using server = await ServerProcess.start({ env });
      await using client = await ChatClient.connect(server.address, token);
      const ack = await client.say("t1", { id: "m1", text: `/count ${numbers} 20` });
      runId = ack.runId;
      const at = await client.frames.find((frame) =>
        chunksOf([frame]).some(({ chunk }) => chunk.delta === " 3")
      );
      assertGreater(at, 0);
      server.signal("SIGTERM");
      await assertSentAway(client);
      await assertDrained(server);
      assertEquals(server.stderr, "");
      const answered = client.frames.items.some((frame) =>
        frame.type === "entry" && frame.entry.kind === "message" && frame.entry.role === "assistant"
      );
      assertEquals(answered, false);
    }
    await using server = await ServerProcess.start({ env });
    await using client = await ChatClient.connect(server.address, token);
    await client.request({ type: "thread.open", threadId: "t1", afterSeq: 0 });
    const answer = await client.answer("t1");
    const { entry } = answer;
    assert(entry.kind === "message" && entry.role === "assistant");
    assertEquals([entry.runId, entry.attempt, entry.outcome], [runId, 2, "completed"]);
    const counted = Array.from({ length: numbers }, (_, index) => index + 1).join(" ");
    assertEquals(textOf(answer), counted);
  },
});

Deno.test({
  ...needsServer("a drain during the start-up answers those who wait unverified with 503 DRAINING"),
  async fn() {
    await using jwks = await HeldJwks.start();
    await using server = await ServerProcess.start({ env: { ...jwks.env, ...PATIENT } });
    const authorization = `Bearer ${await jwks.token("ada")}`;
    using first = await RawSocket.knock(server.address, { authorization });
    using second = await RawSocket.knock(server.address, { authorization });
    const api = server.request("/api/threads", { headers: { authorization } });
    await server.waiting(3);
    server.signal("SIGINT");
    for (const answer of [first.response(), second.response(), api]) assertDraining(await answer);
    await assertDrained(server);
  },
});

Deno.test({
  ...needsServer("a drain during the start-up sends those who wait verified away with 1012"),
  async fn() {
    await using kv = new KvAddress({ kind: "hang" });
    await using server = await ServerProcess.start({ env: { ...kv.env, ...PATIENT } });
    await server.log("startup phase ready", { phase: "keys" });
    const token = await mintToken();
    await using first = new ChatClient(server.address, token);
    await using second = new ChatClient(server.address, token);
    const api = server.request("/api/threads", { headers: { authorization: `Bearer ${token}` } });
    await server.waiting(3);
    server.signal("SIGTERM");
    for (const client of [first, second]) {
      await assertSentAway(client);
      assertEquals(client.frames.items.map(({ type }) => type), ["session.draining"]);
    }
    assertDraining(await api);
    await assertDrained(server);
  },
});

Deno.test({
  ...needsServer("further signals change nothing about a drain"),
  async fn() {
    await using server = await ServerProcess.start();
    const authorization = `Bearer ${await mintToken()}`;
    // Holds the drain up, so that the others come within it.
    using stubborn = await RawSocket.knock(server.address, { authorization });
    assertEquals((await stubborn.response()).status, 101);
    server.signal("SIGINT");
    await server.log("draining");
    server.signal("SIGINT");
    server.signal("SIGTERM");
    assertEquals(await stubborn.closed(), RESTART);
    await assertDrained(server);
  },
});
