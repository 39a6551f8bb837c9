/**
 * Promise 7.4 of the contract: an answer that was cut anywhere is the same answer, to the byte.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import type { RunPosition } from "../../lib/chat/protocol.ts";
import { ChatClient, chunksOf, type PlacedChunk, textOf } from "../support/chat_client.ts";
import { needsServer, ServerProcess } from "../support/server_process.ts";
import { mintToken } from "../support/tokens.ts";

/** The answer is cut after each of so many of its chunks. */
const CUTS = 40;

const THREAD = "t1";

const WHOLE = Array.from({ length: 60 }, (_, at) => at + 1).join(" ");

Deno.test({
  ...needsServer(
    `an answer cut at each of ${CUTS} positions while it streams is resumed to the byte`,
  ),
  async fn() {
    await using server = await ServerProcess.start();
    const token = await mintToken();
    await using author = await ChatClient.connect(server.address, token);
    await author.say(THREAD, { id: "m1", text: "/count 60 50" });

    const resumed = await Promise.all(
      Array.from({ length: CUTS }, async (_, cut) => {
        const before = await readUntil(server, { token, cut });
        return { before, after: await readOn(server, { token, position: before.at(-1)! }) };
      }),
    );

    resumed.forEach(({ before, after }, cut) => {
      assertEquals(after.recovered, true);
      const chunks = [...before, ...after.chunks];
      assertEquals(chunks.map(({ index }) => index), chunks.map((_, index) => index));
      assertEquals(before.length, cut + 1);
      assertEquals(spoken(chunks), WHOLE, `cut ${cut}`);
      assertEquals(after.answer, WHOLE);
    });
    assertEquals(spoken(chunksOf(author.frames.items)), WHOLE);
  },
});

Deno.test({
  ...needsServer(`an answer cut at each of ${CUTS} positions is in its entry once it has ended`),
  async fn() {
    await using server = await ServerProcess.start();
    const token = await mintToken();
    await using author = await ChatClient.connect(server.address, token);
    await author.say(THREAD, { id: "m1", text: "/count 60 5" });
    await author.answer(THREAD);
    const chunks = chunksOf(author.frames.items);

    for (let cut = 0; cut < CUTS; cut++) {
      const after = await readOn(server, { token, position: chunks[cut]! });
      assertEquals(after.recovered, true);
      // The entry holds the answer, so its chunks do not come again.
      assertEquals(after.chunks, []);
      assertEquals(after.answer, WHOLE);
      assertEquals(WHOLE.startsWith(spoken(chunks.slice(0, cut + 1))), true);
    }
  },
});

/** The message and the start of its run. */
const SEEN = 2;

/** Opens the thread, and drops the socket after the chunk number `cut`; chunks behind it are not seen. */
async function readUntil(
  { address }: ServerProcess,
  { token, cut }: { readonly token: string; readonly cut: number },
): Promise<readonly PlacedChunk[]> {
  await using client = await ChatClient.connect(address, token);
  client.send({ type: "thread.open", threadId: THREAD });
  await client.collect((frame) => chunksOf([frame]).some(({ index }) => index >= cut), `${cut}`);
  return chunksOf(client.frames.items).slice(0, cut + 1);
}

/** Opens the thread behind a chunk, and reads to the answer. */
async function readOn(
  { address }: ServerProcess,
  { token, position }: { readonly token: string; readonly position: RunPosition },
): Promise<{ recovered: boolean; chunks: readonly PlacedChunk[]; answer: string }> {
  await using client = await ChatClient.connect(address, token);
  const { runId, attempt, index } = position;
  const run = { runId, attempt, index };
  client.send({ type: "thread.open", threadId: THREAD, afterSeq: SEEN, run });
  const { recovered } = await client.next("thread.opened");
  const answer = textOf(await client.answer(THREAD));
  return { recovered, chunks: chunksOf(client.frames.items), answer };
}

function spoken(chunks: readonly PlacedChunk[]): string {
  return chunks.map(({ chunk }) => chunk.type === "text-delta" ? String(chunk["delta"]) : "")
    .join("");
}
