/** The contract's section 8, a database on this machine that is lost after the start-up. */
import { assert, assertEquals } from "@std/assert";
import { type Answer, ChatClient } from "../support/chat_client.ts";
import { FrozenFiles, needsImmutableFiles, needsSmallDisk, SmallDisk } from "../support/disk.ts";
import { LockedDatabase } from "../support/locked_db.ts";
import { needsServer, ServerProcess, TempFolder } from "../support/server_process.ts";
import { mintToken } from "../support/tokens.ts";
import {
  assertKept,
  assertPasses,
  assertStoreLost,
  assertUnavailable,
  metric,
  untilServing,
} from "./observed.ts";

/** More than a page of the database, so that none fits into one that is there already. */
const LARGE = "full ".repeat(4_000);

/** Sends messages until one is refused; returns the ids of those that were acknowledged. */
async function sayUntilRefused(client: ChatClient, threadId: string): Promise<string[]> {
  const acked: string[] = [];
  while (true) {
    const id = `m${acked.length + 1}`;
    const message = { id, text: LARGE };
    const answer = await client.request({ type: "message.send", threadId, message });
    if (answer.type === "error") {
      assertUnavailable(answer);
      return acked;
    }
    assert(answer.type === "ack");
    acked.push(id);
    await client.answer(threadId, acked.length);
  }
}

/** Asserts that nothing new is taken while the store is lost, on a socket that was open before. */
async function assertNothingTaken(
  client: ChatClient,
  { threadId, ids }: { threadId: string; ids: readonly string[] },
): Promise<void> {
  for (const id of ids) {
    const message = { id, text: "lost" };
    assertUnavailable(await client.request({ type: "message.send", threadId, message }));
  }
  assertUnavailable(await client.request({ type: "thread.open", threadId: "another" }));
  assertEquals((await client.request({ type: "ping" })).type, "pong");
}

Deno.test({
  ...needsSmallDisk(
    "a disk that fills up: nothing is acknowledged that is not stored, and room is all that heals it",
  ),
  async fn() {
    await using disk = await SmallDisk.mount(16);
    await using server = await ServerProcess.start({ env: { KV_PATH: `${disk.path}/chat.db` } });
    const token = await mintToken();
    await using client = await ChatClient.connect(server.address, token);
    await client.say("t", { id: "before", text: "hello" });
    await client.answer("t");
    // This run streams while the disk is full, and ends after it.
    await client.say("running", { id: "m1", text: "/count 60 50" });

    await disk.fill();
    const acked = await sayUntilRefused(client, "until");
    await server.log("The store is lost");
    const stored = await metric(server, "messages_stored_total");
    assertEquals(stored, 2 + acked.length);
    await assertNothingTaken(client, { threadId: "t", ids: ["lost-1", "lost-2"] });
    await assertStoreLost(server, token);
    assertEquals(await metric(server, "messages_stored_total"), stored);

    await disk.free();
    await untilServing(server, token);
    // The same socket goes on, and so does a message that had an error.
    assertEquals((await client.say("t", { id: "lost-1", text: "again" })).duplicate, false);
    await client.say("t", { id: "after", text: "hello" });
    await client.answer("running");
    await assertKept(server, token, { threadId: "t", acked: ["before", "lost-1", "after"] });
    await assertKept(server, token, { threadId: "until", acked });
    await assertKept(server, token, { threadId: "running", acked: ["m1"] });
    assertEquals(server.logs.filter(({ level }) => level === "error").map(({ msg }) => msg), [
      "The store is lost",
    ]);
  },
});

Deno.test({
  ...needsImmutableFiles(
    "a database that can only be read: nothing is acknowledged, and it heals when it can be written",
  ),
  async fn() {
    await using folder = new TempFolder();
    await using server = await ServerProcess.start({ env: { KV_PATH: `${folder.path}/chat.db` } });
    const token = await mintToken();
    await using client = await ChatClient.connect(server.address, token);
    await client.say("t", { id: "before", text: "hello" });
    await client.answer("t");
    await client.say("running", { id: "m1", text: "/count 60 50" });
    {
      // What was found a moment ago does not count any more once the store is lost.
      await assertPasses(server);
      await using _frozen = await FrozenFiles.in(folder.path);
      await assertNothingTaken(client, { threadId: "t", ids: ["lost-1", "lost-2"] });
      await assertStoreLost(server, token);
    }
    await untilServing(server, token);
    await client.say("t", { id: "after", text: "hello" });
    await client.answer("running");
    await assertKept(server, token, { threadId: "t", acked: ["before", "after"] });
    await assertKept(server, token, { threadId: "running", acked: ["m1"] });
  },
});

Deno.test({
  ...needsSmallDisk(
    "a database on a disk that is read-only at the start refuses everybody, until the disk is not",
  ),
  async fn() {
    await using disk = await SmallDisk.mount(16);
    const env = { KV_PATH: `${disk.path}/chat.db` };
    const token = await mintToken();
    {
      await using server = await ServerProcess.start({ env });
      await using client = await ChatClient.connect(server.address, token);
      await client.say("t", { id: "before", text: "hello" });
      await client.answer("t");
    }
    await disk.turn("ro");
    await using server = await ServerProcess.start({ env: { ...env, STARTUP_WAIT_MS: "20000" } });
    await using refused = new ChatClient(server.address, token);
    assertEquals(await refused.closed(), { code: 1011, reason: "Service unavailable" });
    assertEquals(refused.frames.items.map(({ type }) => type), ["error"]);

    await disk.turn("rw");
    await using client = await ChatClient.connect(server.address, token);
    await client.say("t", { id: "after", text: "hello" });
    await assertKept(server, token, { threadId: "t", acked: ["before", "after"] });
    await assertPasses(server);
  },
});

Deno.test({
  ...needsServer("a database that another process locks for a moment only delays what is sent"),
  async fn() {
    await using folder = new TempFolder();
    const path = `${folder.path}/chat.db`;
    await using server = await ServerProcess.start({ env: { KV_PATH: path } });
    const token = await mintToken();
    await using client = await ChatClient.connect(server.address, token);
    await client.say("t", { id: "m1", text: "hello" });
    await client.answer("t");
    let sent: Promise<Answer>;
    {
      await using _lock = await LockedDatabase.lock(path);
      const message = { id: "m2", text: "hello" };
      sent = client.request({ type: "message.send", threadId: "t", message });
      assertEquals((await client.request({ type: "ping" })).type, "pong");
    }
    assertEquals((await sent).type, "ack");
    await assertKept(server, token, { threadId: "t", acked: ["m1", "m2"] });
    await assertPasses(server);
    assertEquals(server.logs.filter(({ level }) => level === "error"), []);
  },
});

Deno.test({
  ...needsServer(
    "a database that another process keeps locked: nothing is acknowledged that is not stored",
  ),
  async fn() {
    await using folder = new TempFolder();
    const path = `${folder.path}/chat.db`;
    await using server = await ServerProcess.start({ env: { KV_PATH: path } });
    const token = await mintToken();
    await using client = await ChatClient.connect(server.address, token);
    await using other = await ChatClient.connect(server.address, token);
    await client.say("t", { id: "m1", text: "hello" });
    await client.answer("t");
    let sent: Promise<Answer>;
    {
      await using _lock = await LockedDatabase.lock(path);
      const message = { id: "m2", text: "hello" };
      sent = client.request({ type: "message.send", threadId: "t", message });
      await server.log("The store is lost");
      await assertStoreLost(server, token);
      await assertNothingTaken(other, { threadId: "t", ids: ["lost-1", "lost-2"] });
      assert(!client.frames.items.some((frame) => frame.type === "ack" && frame.seq !== 1));
    }
    await untilServing(server, token);
    // Refused where SQLite had refused it; else nobody knew, and it was tried until somebody did.
    const answer = await sent;
    if (answer.type === "error") assertUnavailable(answer);
    await other.say("t", { id: "m3", text: "hello" });
    const acked = answer.type === "ack" ? ["m1", "m2", "m3"] : ["m1", "m3"];
    await assertKept(server, token, { threadId: "t", acked });
  },
});
