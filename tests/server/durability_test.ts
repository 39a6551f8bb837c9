import { assert, assertEquals } from "@std/assert";
import { ChatClient } from "../support/chat_client.ts";
import { needsServer, ServerProcess, TempFolder } from "../support/server_process.ts";
import { mintToken } from "../support/tokens.ts";

const KILLS = 20;

/** Few enough messages in each that none of them is one run too many. */
const THREADS = ["t0", "t1", "t2", "t3"];

/** Before the others in the order of keys. */
const UNOPENED = "a-thread-that-nobody-opens";

interface Acknowledged {
  readonly threadId: string;
  readonly message: { readonly id: string; readonly text: string };
  readonly seq: number;
  readonly runId: string;
}

interface StoredEntry {
  readonly seq: number;
  readonly entry: {
    readonly kind: string;
    readonly role?: string;
    readonly id: string;
    readonly runId?: string;
  };
}

/** A thread's whole log. Empty where there is no such thread. */
async function logOf(
  server: ServerProcess,
  token: string,
  threadId: string,
): Promise<readonly StoredEntry[]> {
  const { status, body } = await server.request(`/api/threads/${threadId}/entries?limit=500`, {
    headers: { authorization: `Bearer ${token}` },
  });
  return status === 404 ? [] : JSON.parse(body).entries;
}

function idsOf(log: readonly StoredEntry[], role: "user" | "assistant"): readonly string[] {
  return log.filter(({ entry }) => entry.role === role).map(({ entry }) => entry.id);
}

Deno.test({
  ...needsServer(
    `a server that is killed after each of ${KILLS} acknowledged messages has all of them, once, in order`,
  ),
  async fn() {
    await using folder = new TempFolder();
    const token = await mintToken({ sub: "ada" });
    const start = () => ServerProcess.start({ env: { KV_PATH: `${folder.path}/chat.db` } });
    const acknowledged: Acknowledged[] = [];
    const unanswered: string[] = [];

    for (let kill = 0; kill < KILLS; kill++) {
      await using server = await start();
      await using client = await ChatClient.connect(server.address, token);
      const last = acknowledged.at(-1);
      if (last !== undefined) {
        const { threadId, message, seq, runId } = last;
        const again = await client.say(threadId, message);
        assertEquals([again.seq, again.runId, again.duplicate], [seq, runId, true]);
      }
      const threadId = THREADS[kill % THREADS.length]!;
      const message = { id: `m${kill}`, text: `number ${kill}` };
      const { seq, runId, duplicate } = await client.say(threadId, message);
      assertEquals(duplicate, false);
      acknowledged.push({ threadId, message, seq, runId });
      if (kill === KILLS - 1) {
        await client.say(UNOPENED, { id: "m", text: "/count 10000 100" });
      }
      // Nobody waits for the answer to this one: it may be stored or not.
      unanswered.push(`u${kill}`);
      client.send({
        type: "message.send",
        threadId: `u-${threadId}`,
        message: { id: `u${kill}`, text: "in flight" },
      });
      await server.kill();
    }

    await using server = await start();
    await using client = await ChatClient.connect(server.address, token);
    for (const threadId of THREADS) {
      const own = acknowledged.filter((one) => one.threadId === threadId);
      const log = await logOf(server, token, threadId);
      assertEquals(log.map(({ seq }) => seq), log.map((_, at) => at + 1));
      assertEquals(idsOf(log, "user"), own.map(({ message }) => message.id));
      for (const { message, seq } of own) assertEquals(log[seq - 1]?.entry.id, message.id);

      const inFlight = idsOf(await logOf(server, token, `u-${threadId}`), "user");
      assertEquals(new Set(inFlight).size, inFlight.length);
      // In the order in which they were sent, some of them missing.
      assertEquals(unanswered.filter((id) => inFlight.includes(id)), inFlight);
    }
    for (const { threadId, message, seq, runId } of acknowledged) {
      const again = await client.say(threadId, message);
      assertEquals([again.seq, again.runId, again.duplicate], [seq, runId, true]);
    }
    const changed = { ...acknowledged[0]!.message, text: "another text" };
    const conflict = await client.request({
      type: "message.send",
      threadId: THREADS[0]!,
      message: changed,
    });
    assert(conflict.type === "error" && conflict.code === "IDEMPOTENCY_CONFLICT");

    // Every run ends, with one answer each: sending a message again opened its thread, and that
    // is soon enough. The thread that nobody opened comes later.
    for (const threadId of THREADS) {
      const own = acknowledged.filter((one) => one.threadId === threadId);
      await client.answer(threadId, own.length);
      const log = await logOf(server, token, threadId);
      const answers = log.filter(({ entry }) => entry.role === "assistant");
      assertEquals(answers.map(({ entry }) => entry.runId), own.map(({ runId }) => runId));
    }
    const left = await logOf(server, token, UNOPENED);
    assertEquals(left.map(({ entry }) => entry.kind), ["message", "run.started"]);
    assertEquals(server.stderr, "");
  },
});
