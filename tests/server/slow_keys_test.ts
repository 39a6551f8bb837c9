import { assert, assertEquals, assertGreater, assertMatch } from "@std/assert";
import { ChatClient } from "../support/chat_client.ts";
import { type RawResponse, RawSocket } from "../support/raw_socket.ts";
import { needsServer, ServerProcess } from "../support/server_process.ts";
import { HeldJwks } from "./held_jwks.ts";

/** Far beyond what these tests take. */
const PATIENT = { STARTUP_WAIT_MS: "60000" };

/** A caller at the gate, by its token. */
function knock(server: ServerProcess, token: string): Promise<RawSocket> {
  return RawSocket.knock(server.address, { authorization: `Bearer ${token}` });
}

/** Asserts that an answer refuses with that status and code, to be tried again. */
function assertRetryable(
  { status, headers, body }: RawResponse,
  expected: readonly [number, string],
): void {
  const problem = JSON.parse(body);
  assertEquals([status, problem.code, problem.retryable], [...expected, true]);
  assertMatch(headers.get("retry-after") ?? "", /^[1-9]\d*$/);
}

Deno.test({
  ...needsServer(
    "200 sockets that come before the keys all wait, and all are served when they come",
  ),
  async fn() {
    const count = 200;
    await using jwks = await HeldJwks.start();
    await using server = await ServerProcess.start({ env: { ...jwks.env, ...PATIENT } });
    const subjects = Array.from({ length: count }, (_, at) => `subject-${at}`);
    const tokens = await Promise.all(subjects.map((subject) => jwks.token(subject)));
    await using stack = new AsyncDisposableStack();
    const clients = tokens.map((token) => stack.use(new ChatClient(server.address, token)));
    await server.waiting(count);
    assertEquals(clients.flatMap(({ frames }) => frames.items), []);
    assertEquals((await server.request("/health/live")).status, 200);
    const startup = await server.request("/health/startup");
    assertEquals(startup.status, 503);
    const phases: { name: string; status: string }[] = JSON.parse(startup.body).startup.phases;
    const statusOf = (name: string) => phases.find((phase) => phase.name === name)?.status;
    assertEquals([statusOf("keys"), statusOf("store")], ["running", "ok"]);

    jwks.release();
    for (const [at, client] of clients.entries()) {
      const ready = await client.next("session.ready");
      assertEquals(ready.subject, subjects[at]);
      assertGreater(ready.waitedMs, 0);
      assertEquals((await client.request({ type: "ping" })).type, "pong");
    }
    assertEquals(await server.metric("gate_waiting"), 0);
    assertEquals(await server.metric("connections"), count);
    assertEquals((await server.request("/health/startup")).status, 200);
    const { body } = await server.request("/metrics");
    assertEquals(/gate_refusals_total\{[^}]*\} [1-9]/.test(body), false);
  },
});

Deno.test({
  ...needsServer(
    "a full waiting room refuses with 503, and whoever leaves it frees a place, half-closed too",
  ),
  async fn() {
    await using jwks = await HeldJwks.start();
    await using server = await ServerProcess.start({
      env: { ...jwks.env, ...PATIENT, LIMIT_WAITING: "2" },
    });
    const [ada, bob, eve] = await Promise.all(["ada", "bob", "eve"].map((sub) => jwks.token(sub)));
    const first = await knock(server, ada!);
    using second = await knock(server, bob!);
    await server.waiting(2);
    {
      using third = await knock(server, eve!);
      assertRetryable(await third.response(), [503, "ADMISSION_FULL"]);
    }

    first[Symbol.dispose]();
    await server.waiting(1);
    using fourth = await knock(server, eve!);
    await server.waiting(2);

    await second.closeWrite();
    await server.waiting(1);
    using fifth = await knock(server, ada!);
    await server.waiting(2);

    jwks.release();
    for (const socket of [fourth, fifth]) {
      assertEquals((await socket.response()).status, 101);
      assertEquals((await socket.json()).type, "session.ready");
    }
    // Nothing was upgraded for those who had left.
    assertEquals(await server.metric("connections"), 2);
  },
});

Deno.test({
  ...needsServer(
    "a token that waited for the keys and is no good is 401, the others beside it are served",
  ),
  async fn() {
    await using jwks = await HeldJwks.start();
    await using server = await ServerProcess.start({ env: { ...jwks.env, ...PATIENT } });
    await using stranger = await HeldJwks.start();
    using good = await knock(server, await jwks.token("ada"));
    using forged = await knock(server, await stranger.token("ada"));
    using expired = await knock(server, await jwks.token("ada", { exp: 1 }));
    await server.waiting(3);
    jwks.release();
    for (
      const [socket, code] of [[forged, "UNAUTHENTICATED"], [expired, "TOKEN_EXPIRED"]] as const
    ) {
      const { status, headers, body } = await socket.response();
      assertEquals([status, JSON.parse(body).code], [401, code]);
      assert(headers.has("www-authenticate"));
    }
    assertEquals((await good.response()).status, 101);
  },
});

Deno.test({
  ...needsServer(
    "callers whose keys never come get HTTP 503 at their deadline, sockets and /api alike",
  ),
  async fn() {
    await using jwks = await HeldJwks.start();
    await using server = await ServerProcess.start({
      env: { ...jwks.env, STARTUP_WAIT_MS: "700", STARTUP_TIMEOUT_MS: "60000" },
    });
    const token = await jwks.token("ada");
    using socket = await knock(server, token);
    const headers = { authorization: `Bearer ${token}` };
    const answers = await Promise.all([
      socket.response(),
      server.request("/api/threads", { headers }),
    ]);
    for (const answer of answers) assertRetryable(answer, [503, "STARTUP_INCOMPLETE"]);
    assertEquals(await server.metric("gate_waiting"), 0);
    // The start-up goes on without them.
    jwks.release();
    await using client = await ChatClient.connect(server.address, token);
    assertEquals((await client.request({ type: "ping" })).type, "pong");
  },
});
