/**
 * The AI SDK's chat, unmodified, against the real server as a process of its own: its offline model
 * with its tools, its drain, and its successor on the same database.
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { DenoKvServer, needsCluster } from "../support/denokv.ts";
import { eventually } from "../support/feed.ts";
import { openSdkChat, type SdkChat, textOf } from "../support/sdk_chat.ts";
import { needsServer, ServerProcess, TempFolder } from "../support/server_process.ts";
import { mintToken } from "../support/tokens.ts";

async function chatWith({ address }: ServerProcess, id = "t"): Promise<SdkChat> {
  return await openSdkChat({ address, token: await mintToken(), id });
}

async function shows(chat: SdkChat, text: string): Promise<void> {
  await eventually(() => chat.text().includes(text) || undefined, `${text}, not ${chat.text()}`);
}

/** What `/count` says. */
function count(to: number): string {
  return Array.from({ length: to }, (_, index) => String(index + 1)).join(" ");
}

async function assertDrained(server: ServerProcess): Promise<void> {
  const { code, signal } = await server.exited();
  assertEquals({ code, signal }, { code: 0, signal: null });
  assertEquals(server.logs.at(-1)?.msg, "drained");
  assertEquals(server.logs.at(-1)?.inTime, true);
  assertEquals([server.logs.filter(({ level }) => level === "error"), server.stderr], [[], ""]);
  console.log(`drained in ${server.drainMs} ms`);
}

Deno.test({
  ...needsServer("the SDK's chat talks to the offline model and sees its tools at work"),
  async fn() {
    await using server = await ServerProcess.start();
    const client = await chatWith(server);
    // It waits at the gate, as a socket would.
    await client.chat.sendMessage({ text: "/time UTC" });
    assertEquals([client.chat.status, client.chat.error], ["ready", undefined]);
    const { parts } = client.chat.messages.at(-1)!;
    assertEquals(
      parts.map(({ type }) => type),
      ["step-start", "tool-currentTime", "step-start", "text"],
    );
    const tool = parts[1] as Record<string, unknown>;
    assertEquals([tool.state, tool.input], ["output-available", { zone: "UTC" }]);
    assertMatch(client.text(), /\(UTC\)/);
  },
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.test({
    ...needsServer(`${signal} ends open event streams and the server, with 0`),
    async fn() {
      await using server = await ServerProcess.start();
      await server.state("ready");
      const client = await chatWith(server);
      const sent = client.chat.sendMessage({ text: "/count 1000 20" });
      await shows(client, "1 2 3");
      const second = await chatWith(server);
      const resumed = second.chat.resumeStream();
      await shows(second, "1 2 3");
      // One that is behind the active run, and one that nobody reads.
      const queued = await chatWith(server);
      const waits = queued.chat.sendMessage({ text: "later" });
      await eventually(() => queued.requests.length > 0 || undefined, "the queued stream");
      const unread = await fetch(`${server.address}/api/chat/t/stream`, {
        headers: { Authorization: `Bearer ${await mintToken()}` },
      });
      server.signal(signal);
      await Promise.all([sent, resumed, waits]);
      for (const { chat } of [client, second, queued]) {
        assertEquals([chat.status, chat.error?.message], ["error", "Service restart"]);
      }
      await assertDrained(server);
      assertStringIncludes(await unread.text(), '"Service restart"');
    },
  });
}

Deno.test({
  ...needsServer("a client that leaves gives its place back, also one that left before its answer"),
  async fn() {
    await using server = await ServerProcess.start();
    await server.state("ready");
    const client = await chatWith(server);
    const sent = client.chat.sendMessage({ text: "/count 1000 20" });
    await shows(client, "1 2 3");
    assertEquals(await server.metric("connections"), 1);
    await client.chat.stop();
    await sent;
    const left = new AbortController();
    const asked = fetch(`${server.address}/api/chat/t/stream`, {
      headers: { Authorization: `Bearer ${await mintToken()}` },
      signal: left.signal,
    });
    left.abort();
    await asked.catch(() => {});
    await eventually(
      async () => await server.metric("connections") === 0 || undefined,
      "the place to be free",
    );
    const { headers } = await server.request("/health/live");
    assert(headers.get("x-request-id"));
  },
});

Deno.test({
  ...needsServer(
    "a server that is started anew goes on with the run, and the SDK's chat resumes it",
  ),
  async fn() {
    await using folder = new TempFolder();
    const env = { KV_PATH: `${folder.path}/chat.db` };
    await using first = await ServerProcess.start({ env });
    await first.state("ready");
    const client = await chatWith(first);
    const sent = client.chat.sendMessage({ text: "/count 60 20" });
    await shows(client, "1 2 3");
    first.signal("SIGINT");
    await sent;
    await first.exited();
    assertEquals(client.chat.status, "error");

    await using second = await ServerProcess.start({ env });
    await second.state("ready");
    const reloaded = await chatWith(second);
    await reloaded.chat.resumeStream();
    assertEquals([reloaded.text(), reloaded.chat.status], [count(60), "ready"]);
  },
});

Deno.test({
  ...needsServer(
    "a server that is killed in the midst of an answer: the SDK's chat gets all of it from the next, once",
  ),
  async fn() {
    await using folder = new TempFolder();
    const env = { KV_PATH: `${folder.path}/chat.db` };
    await using first = await ServerProcess.start({ env });
    await first.state("ready");
    const client = await chatWith(first);
    const sent = client.chat.sendMessage({ text: "/count 40 20" });
    await shows(client, "1 2 3");
    await first.kill();
    await sent;
    assertEquals(client.chat.status, "error");

    await using second = await ServerProcess.start({ env });
    await second.state("ready");
    // One page is loaded anew, another sends its message again: the run is one.
    const [reloaded, again] = [await chatWith(second), await chatWith(second)];
    const { id, parts } = client.chat.messages[0]!;
    await Promise.all([
      reloaded.chat.resumeStream(),
      again.chat.sendMessage({ id, role: "user", parts }),
    ]);
    for (const page of [reloaded, again]) {
      assertEquals([page.text(), page.chat.status], [count(40), "ready"]);
    }
    const { body } = await second.request("/api/threads/t/entries", {
      headers: { authorization: `Bearer ${await mintToken()}` },
    });
    const { entries } = JSON.parse(body);
    assertEquals(
      entries.map(({ entry }: { entry: { role?: string; attempt?: number } }) =>
        entry.role ?? `attempt ${entry.attempt}`
      ),
      ["user", "attempt 1", "attempt 2", "assistant"],
    );
  },
});

Deno.test({
  ...needsServer("a server that is short of memory refuses new streams, and stores nothing"),
  async fn() {
    await using server = await ServerProcess.start({ env: { LIMIT_MEMORY_BYTES: "1" } });
    await server.state("ready");
    const client = await chatWith(server);
    await client.chat.sendMessage({ text: "hello" });
    assertStringIncludes(client.chat.error?.message ?? "", "ADMISSION_FULL");
    const { body } = await server.request("/api/threads", {
      headers: { authorization: `Bearer ${await mintToken()}` },
    });
    assertEquals(JSON.parse(body).threads, []);
  },
});

Deno.test({
  ...needsCluster(
    "the SDK's chat follows another instance's run, and its successor when that instance is killed, without a doubled word",
  ),
  async fn() {
    await using kv = await DenoKvServer.start();
    await using owner = await ServerProcess.start({ env: kv.env });
    await using other = await ServerProcess.start({ env: kv.env });
    await Promise.all([owner.state("ready"), other.state("ready")]);
    const client = await chatWith(owner);
    const sent = client.chat.sendMessage({ text: "/count 100 30" });
    await shows(client, "1 2 3");
    const far = await chatWith(other);
    const followed = far.chat.resumeStream();
    await shows(far, "1 2 3");
    await owner.kill();
    await Promise.all([sent, followed]);
    assertEquals([far.text(), far.chat.status, far.chat.error], [count(100), "ready", undefined]);
    assertEquals(far.requests, ["GET /api/chat/t/stream 200"]);
    assertEquals(client.chat.status, "error");
    // The page that lost its server posts its message again to the other.
    const again = await chatWith(other);
    const { id, parts } = client.chat.messages[0]!;
    await again.chat.sendMessage({ id, role: "user", parts });
    assertEquals(again.chat.messages.map(textOf), ["/count 100 30", count(100)]);
  },
});
