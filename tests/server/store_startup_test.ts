import { assert, assertEquals, assertGreater, assertMatch } from "@std/assert";
import { ChatClient } from "../support/chat_client.ts";
import { DENOKV, DenoKv, KvAddress, type KvMode } from "../support/hanging_kv.ts";
import { RawSocket } from "../support/raw_socket.ts";
import { needs } from "../support/permissions.ts";
import { needsServer, ServerProcess, TempFolder } from "../support/server_process.ts";
import { mintToken } from "../support/tokens.ts";

/** Far beyond what these tests take. */
const PATIENT = { STARTUP_WAIT_MS: "60000" };

/** Status and body of a health route, which is always its own document. */
async function health(
  server: ServerProcess,
  path: string,
  // deno-lint-ignore no-explicit-any
): Promise<{ status: number; body: any }> {
  const { status, headers, body } = await server.request(path);
  assertMatch(headers.get("content-type") ?? "", /^application\/health\+json\b/);
  return { status, body: JSON.parse(body) };
}

/** Asserts that the health routes say that it is not ready, and why, and that it lives. */
async function assertNotReady(server: ServerProcess): Promise<void> {
  assertEquals(await health(server, "/health/live"), { status: 200, body: { status: "pass" } });
  for (const path of ["/health", "/health/ready", "/health/startup"]) {
    const { status, body } = await health(server, path);
    assertEquals([status, body.status], [503, "fail"], path);
  }
  const { body } = await health(server, "/health/startup");
  const store = body.startup.phases.find(({ name }: { name: string }) => name === "store");
  assertEquals([store.critical, store.status === "ok"], [true, false]);
  assertGreater(store.attempts, 0);
}

async function assertReady(server: ServerProcess): Promise<void> {
  for (const path of ["/health/live", "/health", "/health/ready", "/health/startup"]) {
    const { status, body } = await health(server, path);
    assertEquals([status, body.status], [200, "pass"], path);
  }
}

/** Asserts that a socket is told to come back, and closed. */
async function assertRefused(
  client: ChatClient,
  [code, reason]: readonly [string, string],
): Promise<void> {
  const error = await client.next("error");
  assertEquals([error.code, error.retryable, error.message], [code, true, reason]);
  assertGreater(error.retryAfterMs ?? 0, 0);
  assertEquals(await client.closed(), { code: 1011, reason });
  assertEquals(client.frames.items, [error]);
}

Deno.test({
  ...needsServer(
    "a database that hangs: waiters are told STARTUP_INCOMPLETE at their deadline and closed with 1011",
  ),
  async fn() {
    await using kv = new KvAddress({ kind: "hang" });
    await using server = await ServerProcess.start({ env: { ...kv.env, STARTUP_WAIT_MS: "700" } });
    // Who first asks for metrics waits for their library: longer, perhaps, than a caller here.
    await server.waiting(0);
    await using client = new ChatClient(server.address, await mintToken());
    await server.waiting(1);
    await assertNotReady(server);
    await assertRefused(client, ["STARTUP_INCOMPLETE", "Service startup incomplete"]);
    assertGreater(kv.connections, 0);

    const headers = { authorization: `Bearer ${await mintToken()}` };
    const api = await server.request("/api/threads", { headers });
    assertEquals([api.status, JSON.parse(api.body).code], [503, "STARTUP_INCOMPLETE"]);
    assertMatch(api.headers.get("retry-after") ?? "", /^[1-9]\d*$/);
    assertEquals((await health(server, "/health/startup")).body.startup.state, "starting");
  },
});

Deno.test({
  ...needsServer(
    "verified callers who wait have limits: a subject's is 429, the room's is 503, and leaving frees both",
  ),
  async fn() {
    await using kv = new KvAddress({ kind: "hang" });
    await using server = await ServerProcess.start({
      env: { ...kv.env, ...PATIENT, LIMIT_WAITING: "3", LIMIT_WAITING_PER_SUBJECT: "2" },
    });
    const knock = async (sub: string) =>
      await RawSocket.knock(server.address, {
        authorization: `Bearer ${await mintToken({ sub })}`,
      });
    const assertFull = async (sub: string, expected: readonly [number, string]) => {
      using socket = await knock(sub);
      const { status, headers, body } = await socket.response();
      assertEquals([status, JSON.parse(body).code], expected);
      assertMatch(headers.get("retry-after") ?? "", /^[1-9]\d*$/);
    };
    await server.log("startup phase ready", { phase: "keys" });
    const first = await knock("ada");
    await server.waiting(1);
    using second = await knock("ada");
    await server.waiting(2);
    await assertFull("ada", [429, "TOO_MANY_CONNECTIONS"]);
    using third = await knock("bob");
    await server.waiting(3);
    await assertFull("eve", [503, "ADMISSION_FULL"]);
    await assertFull("ada", [429, "TOO_MANY_CONNECTIONS"]);

    first[Symbol.dispose]();
    await server.waiting(2);
    using fourth = await knock("ada");
    await server.waiting(3);
    for (const socket of [second, third, fourth]) await socket.closeWrite();
    await server.waiting(0);
  },
});

Deno.test({
  ...needsServer(
    "a database that cannot be opened refuses its waiters before their deadline, and heals without a restart",
  ),
  async fn() {
    await using folder = new TempFolder();
    // There is no such folder yet, and SQLite makes none.
    const late = `${folder.path}/late`;
    await using server = await ServerProcess.start({
      env: { ...PATIENT, APP_ENV: "test", KV_PATH: `${late}/chat.db` },
    });
    const token = await mintToken();
    await using client = new ChatClient(server.address, token);
    await server.waiting(1);
    await assertNotReady(server);
    await assertRefused(client, ["SERVICE_UNAVAILABLE", "Service unavailable"]);
    const failed = await server.state("failed");
    assertEquals(failed.attempt, 1);
    await assertNotReady(server);
    const { body } = await server.request("/health");
    assertEquals(body.includes(folder.path), false);

    // Whoever comes now waits for the next attempt.
    await using next = new ChatClient(server.address, token);
    await server.waiting(1);
    await Deno.mkdir(late);
    assertEquals((await next.next("session.ready")).degraded, []);
    await next.say("t1", { id: "m1", text: "at last" });
    await next.answer("t1");
    await assertReady(server);
  },
});

Deno.test({
  ...needsServer(
    "a database that refuses, answers 401 or answers 500: waiters are told SERVICE_UNAVAILABLE before their deadline",
  ),
  async fn() {
    const modes: readonly KvMode[] = [
      { kind: "refuse" },
      { kind: "status", status: 401 },
      { kind: "status", status: 500 },
    ];
    await Promise.all(modes.map(async (mode) => {
      await using kv = new KvAddress(mode);
      // Three retries end well before this.
      const env = { ...kv.env, STARTUP_WAIT_MS: "9000" };
      await using server = await ServerProcess.start({ env });
      await using client = new ChatClient(server.address, await mintToken());
      await assertRefused(client, ["SERVICE_UNAVAILABLE", "Service unavailable"]);
      await assertNotReady(server);
    }));
  },
});

Deno.test({
  ...needsServer(
    "a database that hangs longer than a phase may take: a waiter still gets STARTUP_INCOMPLETE at its deadline",
  ),
  async fn() {
    await using kv = new KvAddress({ kind: "hang" });
    await using server = await ServerProcess.start({
      env: { ...kv.env, STARTUP_WAIT_MS: "12000" },
    });
    await using client = new ChatClient(server.address, await mintToken());
    await assertRefused(client, ["STARTUP_INCOMPLETE", "Service startup incomplete"]);
    await assertNotReady(server);
  },
});

Deno.test({
  ...needsServer("callers who wait when the start-up succeeds are let in by order of arrival"),
  async fn() {
    const places = 5;
    await using folder = new TempFolder();
    const late = `${folder.path}/late`;
    await using server = await ServerProcess.start({
      env: {
        ...PATIENT,
        KV_PATH: `${late}/chat.db`,
        LIMIT_SOCKETS_PER_SUBJECT: String(places),
      },
    });
    await server.log("startup phase ready", { phase: "keys" });
    const authorization = `Bearer ${await mintToken()}`;
    using stack = new DisposableStack();
    const sockets: RawSocket[] = [];
    // One after another: there are sockets for the first of them only.
    for (let arrived = 1; arrived <= 2 * places; arrived++) {
      sockets.push(stack.use(await RawSocket.knock(server.address, { authorization })));
      await server.waiting(arrived);
    }
    // Within the retries of the store, the last of which comes after 3.5 s.
    await Deno.mkdir(late);
    const answers = await Promise.all(sockets.map((socket) => socket.response()));
    assertEquals(answers.map(({ status }) => status), [
      ...Array(places).fill(101),
      ...Array(places).fill(429),
    ]);
    for (const { body } of answers.slice(places)) {
      assertEquals(JSON.parse(body).code, "TOO_MANY_CONNECTIONS");
    }
    for (const socket of sockets.slice(0, places)) {
      assertEquals((await socket.json()).type, "session.ready");
    }
  },
});

const needsDenoKv = needs("net", "read", "write", "env", "run", "sys", DENOKV);

Deno.test({
  ...needsDenoKv("a remote database that comes back after refusals is used without a restart"),
  async fn() {
    await using denokv = await DenoKv.start();
    await using kv = new KvAddress({ kind: "refuse" });
    await using server = await ServerProcess.start({ env: { ...kv.env, ...PATIENT } });
    const token = await mintToken();
    await using early = new ChatClient(server.address, token);
    await assertRefused(early, ["SERVICE_UNAVAILABLE", "Service unavailable"]);

    await kv.turn({ kind: "forward", port: denokv.port });
    await using client = await ChatClient.connect(server.address, token);
    await client.say("t1", { id: "m1", text: "stored far away" });
    const { entry } = await client.answer("t1");
    assert(entry.kind === "message" && entry.role === "assistant");
    assertEquals(entry.outcome, "completed");
    await assertReady(server);
  },
});
