/**
 * Section 9 and promise 7.5 of the contract: whoever streams while an instance is drained gets its
 * whole answer from the next one.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { LEASE_PREFIX } from "../../lib/threads/keys.ts";
import type { LeaseRecord } from "../../lib/threads/records.ts";
import { ChatClient, chunksOf, type PlacedChunk, textOf } from "../support/chat_client.ts";
import { needsServer, ServerProcess, TempFolder } from "../support/server_process.ts";
import { mintToken } from "../support/tokens.ts";

const CLIENTS = 50;

const SUBJECTS = ["alice", "bob", "carol", "dave", "erin"];

const WHOLE = Array.from({ length: 150 }, (_, at) => at + 1).join(" ");

/** Counts far enough to outlive the drain. */
const MESSAGE = { id: "m1", text: "/count 150 40" };

Deno.test({
  ...needsServer(`${CLIENTS} clients that stream when their instance is drained get their answers`),
  async fn() {
    await using folder = new TempFolder();
    const env = { KV_PATH: `${folder.path}/chat.db` };
    const tokens = await Promise.all(SUBJECTS.map((sub) => mintToken({ sub })));
    const seats = Array.from({ length: CLIENTS }, (_, at) => ({
      token: tokens[at % tokens.length]!,
      threadId: `t${Math.floor(at / tokens.length) + 1}`,
    }));

    await using first = await ServerProcess.start({ env });
    const clients = await Promise.all(
      seats.map(({ token }) => ChatClient.connect(first.address, token)),
    );
    await Promise.all(clients.map(async (client, at) => {
      await client.say(seats[at]!.threadId, MESSAGE);
      await client.collect((frame) => chunksOf([frame]).some(isSpoken), "the first words");
    }));

    first.signal("SIGINT");
    const closings = await Promise.all(clients.map((client) => client.closed()));
    const { code } = await first.exited();

    assertEquals([code, first.logs.at(-1)?.inTime], [0, true]);
    assertEquals(new Set(closings.map((closing) => closing.code)), new Set([1012]));
    // Nobody has to wait for a lease to run out.
    assertEquals(await leaseOwners(env.KV_PATH), clients.map(() => null));

    await using next = await ServerProcess.start({ env });
    await Promise.all(clients.map(async (former, at) => {
      const { token, threadId } = seats[at]!;
      const frames = former.frames.items;
      assertEquals(frames.at(-1)!.type, "session.draining");
      const { runId, attempt, index } = chunksOf(frames).at(-1)!;
      const seqs = frames.flatMap((frame) => frame.type === "entry" ? [frame.seq] : []);
      assertEquals(seqs, [1, 2]);

      await using client = await ChatClient.connect(next.address, token);
      const run = { runId, attempt, index };
      client.send({ type: "thread.open", threadId, afterSeq: 2, run });
      const answer = await client.answer(threadId);

      assertEquals(textOf(answer), WHOLE);
      assert("outcome" in answer.entry);
      assertEquals([answer.entry.runId, answer.entry.outcome], [runId, "completed"]);
      assertEquals(answer.entry.attempt, 2);
      const own = chunksOf(client.frames.items).filter((chunk) => chunk.attempt === 2);
      assertEquals(own.map((chunk) => chunk.index), own.map((_, place) => place));
      assertEquals(own.map(({ chunk }) => chunk["delta"] ?? "").join(""), WHOLE);
    }));
  },
});

function isSpoken({ chunk }: PlacedChunk): boolean {
  return chunk.type === "text-delta";
}

/** Who holds the leases of the runs in a database that nobody else has open. */
async function leaseOwners(path: string): Promise<(string | null)[]> {
  using kv = await Deno.openKv(path);
  const leases = await Array.fromAsync(kv.list<LeaseRecord>({ prefix: [...LEASE_PREFIX] }));
  return leases.map(({ value }) => value.owner);
}
