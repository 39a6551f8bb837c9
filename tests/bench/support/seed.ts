/**
 * Threads that are there before a server starts, written in the storage's own layout.
 *
 * @module
 */
import { activityKey, entryKey, headKey } from "../../../lib/threads/keys.ts";
import type { Entry, ThreadHead, ThreadRef } from "../../../lib/threads/records.ts";

/** Mutations of one commit; Deno KV takes 1,000, of 800 KiB. */
const PER_COMMIT = 900;

/** Writes threads of so many entries each into the database at `path`. */
export async function seed(
  path: string,
  threads: readonly ThreadRef[],
  entries: number,
): Promise<void> {
  using kv = await Deno.openKv(path);
  const encoder = new TextEncoder();
  let atomic = kv.atomic();
  let mutations = 0;
  const set = async (key: readonly unknown[], value: unknown): Promise<void> => {
    atomic.set(key as Deno.KvKey, value);
    if (++mutations < PER_COMMIT) return;
    mutations = 0;
    await atomic.commit();
    atomic = kv.atomic();
  };
  const createdAt = new Date(0).toISOString();
  for (const [index, ref] of threads.entries()) {
    const generation = `seed-${index}`;
    const head: ThreadHead = {
      generation,
      title: "Seeded",
      createdAt,
      updatedAtMs: index,
      headSeq: entries,
      active: null,
      queue: [],
      cancelRequested: false,
      lastUserMessageId: null,
    };
    await set(headKey(ref), head);
    await set(activityKey(ref, index), "");
    for (let seq = 1; seq <= entries; seq++) {
      const entry: Entry = {
        kind: "message",
        role: "user",
        id: `seed-${seq}`,
        parts: [{ type: "text", text: `The ${seq}th thing that was said here.` }],
        createdAt,
      };
      await set(entryKey({ ...ref, generation }, seq), encoder.encode(JSON.stringify(entry)));
    }
  }
  await atomic.commit();
}
