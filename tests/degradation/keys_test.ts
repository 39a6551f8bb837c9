/** The contract's section 8, a JWKS endpoint that dies, hangs or rotates after the start-up. */
import { assert, assertEquals, assertGreater, assertMatch } from "@std/assert";
import { delay } from "@std/async/delay";
import { ChatClient } from "../support/chat_client.ts";
import { eventually } from "../support/feed.ts";
import { JwksServer } from "../support/jwks_server.ts";
import { type RawResponse, RawSocket } from "../support/raw_socket.ts";
import { needsServer, ServerProcess } from "../support/server_process.ts";
import { makeKeys, mintWith, type SigningKeys } from "../support/tokens.ts";
import { assertPasses, metric } from "./observed.ts";

async function makeThree(): Promise<readonly [SigningKeys, SigningKeys, SigningKeys]> {
  return await Promise.all([
    makeKeys("ES256", "first"),
    makeKeys("ES256", "second"),
    makeKeys("ES256", "third"),
  ]);
}

async function startWith(jwks: JwksServer): Promise<ServerProcess> {
  const server = await ServerProcess.start({ env: { JWT_SECRET: "", JWT_JWKS_URL: jwks.url } });
  await server.state("ready");
  return server;
}

/** How a handshake with a token is answered. */
async function knock(server: ServerProcess, token: string): Promise<RawResponse> {
  using socket = await RawSocket.knock(server.address, { authorization: `Bearer ${token}` });
  return await socket.response();
}

/** Asserts that a token is neither accepted nor refused for now, over a socket's handshake and HTTP. */
async function assertUnknown(server: ServerProcess, token: string): Promise<void> {
  const headers = { authorization: `Bearer ${token}` };
  const answers = [
    await knock(server, token),
    await server.request("/api/threads", { headers }),
  ];
  for (const { status, headers, body } of answers) {
    const { code, retryable, retryAfterMs } = JSON.parse(body);
    assertEquals([status, code, retryable], [503, "AUTH_UNAVAILABLE", true]);
    assertGreater(retryAfterMs, 0);
    assertMatch(headers.get("retry-after") ?? "", /^[1-9]\d*$/);
  }
}

Deno.test({
  ...needsServer(
    "a JWKS endpoint that dies takes no known key away; an unknown one is 503 until it is back",
  ),
  async fn() {
    const [first, second] = await makeThree();
    await using jwks = new JwksServer(first.jwk);
    await using server = await startWith(jwks);
    const [known, unknown] = await Promise.all([mintWith(first), mintWith(second)]);
    await using client = await ChatClient.connect(server.address, known);
    await jwks.die();

    await assertUnknown(server, unknown);
    assertEquals(await metric(server, 'gate_refusals_total{code="AUTH_UNAVAILABLE"}'), 1);
    await using newcomer = await ChatClient.connect(server.address, known);
    await newcomer.say("t", { id: "m1", text: "hello" });
    const refreshed = await client.request({ type: "auth.refresh", token: known });
    assertEquals(refreshed.type, "ack");
    const failed = await client.request({ type: "auth.refresh", token: unknown });
    assert(failed.type === "error");
    assertEquals([failed.code, failed.retryable], ["AUTH_UNAVAILABLE", true]);
    assertEquals((await client.request({ type: "ping" })).type, "pong");
    // Who knows its keys loses nothing.
    await assertPasses(server);

    jwks.rotate(first.jwk, second.jwk);
    jwks.revive();
    await eventually(async () => {
      if ((await knock(server, unknown)).status === 101) return true;
      await delay(500);
      return undefined;
    }, "the unknown key to be known");
    assertEquals((await knock(server, known)).status, 101);
    const again = await client.request({ type: "auth.refresh", token: unknown });
    assertEquals(again.type, "ack");
  },
});

Deno.test({
  ...needsServer(
    "a JWKS endpoint that rotates is asked once for all who bring the new key, and again only later",
  ),
  async fn() {
    const [first, second, third] = await makeThree();
    await using jwks = new JwksServer(first.jwk);
    await using server = await startWith(jwks);
    const [old, fresh, stranger] = await Promise.all(
      [first, second, third].map((k) => mintWith(k)),
    );
    await using client = await ChatClient.connect(server.address, old!);
    assertEquals(jwks.requests, 1);
    jwks.rotate(second.jwk);

    const answers = await Promise.all(Array.from({ length: 8 }, () => knock(server, fresh!)));
    assertEquals(answers.map(({ status }) => status), Array(8).fill(101));
    assertEquals(jwks.requests, 2);
    // The old key is withdrawn, for those who come from now on.
    for (const token of [old!, stranger!]) {
      const { status, body } = await knock(server, token);
      assertEquals([status, JSON.parse(body).code], [401, "UNAUTHENTICATED"]);
    }
    assertEquals(jwks.requests, 2);
    await client.say("t", { id: "m1", text: "hello" });
    await client.answer("t");
    await assertPasses(server);
  },
});

Deno.test({
  ...needsServer("a JWKS endpoint that hangs holds up nobody whose key is known"),
  async fn() {
    const [first, second] = await makeThree();
    await using jwks = new JwksServer(first.jwk);
    await using server = await startWith(jwks);
    const [known, unknown] = await Promise.all([mintWith(first), mintWith(second)]);
    jwks.mode = { kind: "hang" };
    const held = knock(server, unknown);
    await jwks.whenRequested(2);
    await using client = await ChatClient.connect(server.address, known);
    await client.say("t", { id: "m1", text: "hello" });
    await client.answer("t");
    await assertPasses(server);
    jwks.mode = { kind: "serve" };
    // The gate gives up before the fetch does, or the other way round.
    const { status, body } = await held;
    assertEquals([status, JSON.parse(body).code], [503, "AUTH_UNAVAILABLE"]);
  },
});
