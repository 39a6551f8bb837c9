import { assertEquals } from "@std/assert";
import fc from "npm:fast-check@^4.10.2";
import type { Incarnation } from "../../lib/threads/keys.ts";
import { type SizedEntry, Tails } from "../../lib/threads/tails.ts";
import { Logs, THREAD } from "../support/instance.ts";
import { memoryStore } from "../support/kv.ts";

const THREAD_A: Incarnation = { subject: "alice", threadId: "a", generation: "g" };
const THREAD_B: Incarnation = { ...THREAD_A, threadId: "b" };

function entriesOf(from: number, through: number, characters = 10): SizedEntry[] {
  return Array.from({ length: through - from + 1 }, (_, at) => ({
    seq: from + at,
    entry: { kind: "run.started", runId: `r${from + at}`, attempt: 1, agent: "a", replyTo: "m" },
    characters,
  }));
}

function seqs(tails: Tails, throughSeq: number, limit = 200, thread = THREAD_A): unknown {
  return tails.newest(thread, { throughSeq, limit })?.map(({ seq }) => seq);
}

Deno.test("Tails knows a log that was written from its start", () => {
  const tails = new Tails();
  tails.append(THREAD_A, entriesOf(1, 2));
  tails.append(THREAD_A, entriesOf(3, 3));
  assertEquals(seqs(tails, 3), [1, 2, 3]);
  assertEquals(seqs(tails, 2), [1, 2]);
  assertEquals(seqs(tails, 3, 2), [2, 3]);
  assertEquals(seqs(tails, 4), undefined);
  assertEquals(seqs(tails, 1, 200, { ...THREAD_A, generation: "other" }), undefined);
});

Deno.test("Tails begins anew behind entries of another instance", () => {
  const tails = new Tails();
  tails.append(THREAD_A, entriesOf(1, 2));
  tails.append(THREAD_A, entriesOf(5, 6));
  assertEquals([seqs(tails, 6), seqs(tails, 6, 2)], [undefined, [5, 6]]);
  tails.fill(THREAD_A, entriesOf(1, 5));
  assertEquals(seqs(tails, 6), [1, 2, 3, 4, 5, 6]);
});

Deno.test("Tails takes what was read, and not what lies before a gap", () => {
  const tails = new Tails();
  tails.fill(THREAD_A, entriesOf(3, 6));
  assertEquals(seqs(tails, 6, 4), [3, 4, 5, 6]);
  tails.append(THREAD_A, entriesOf(9, 9));
  tails.fill(THREAD_A, entriesOf(1, 6));
  assertEquals([seqs(tails, 9, 1), seqs(tails, 6, 1)], [[9], undefined]);
});

Deno.test("Tails keeps 200 entries of a thread", () => {
  const long = new Tails();
  long.append(THREAD_A, entriesOf(1, 300));
  assertEquals([(seqs(long, 300) as number[])[0], seqs(long, 100)], [101, undefined]);
});

for (const bounds of [{ threads: 1, characters: 10_000 }, { threads: 10, characters: 1_000 }]) {
  Deno.test(`Tails keeps within ${JSON.stringify(bounds)} those that fit, until they have rested for a minute`, () => {
    let nowMs = 0;
    const tails = new Tails(bounds, () => nowMs);
    tails.append(THREAD_A, entriesOf(1, 1, 600));
    nowMs = 59_999;
    tails.append(THREAD_B, entriesOf(1, 1, 600));
    assertEquals([seqs(tails, 1), seqs(tails, 1, 1, THREAD_B)], [[1], undefined]);
    nowMs = 60_000;
    tails.append(THREAD_B, entriesOf(1, 1, 600));
    assertEquals([seqs(tails, 1), seqs(tails, 1, 1, THREAD_B)], [undefined, [1]]);
    // What was dropped is not counted.
    tails.append(THREAD_B, entriesOf(2, 2, 300));
    assertEquals(seqs(tails, 2, 2, THREAD_B), [1, 2]);
  });
}

Deno.test("Tails keeps no thread that is too large by itself", () => {
  const tails = new Tails({ threads: 10, characters: 1_000 });
  tails.append(THREAD_A, entriesOf(1, 1, 600));
  tails.append(THREAD_A, entriesOf(2, 2, 600));
  assertEquals(seqs(tails, 2, 1), undefined);
  tails.append(THREAD_B, entriesOf(1, 1, 900));
  assertEquals(seqs(tails, 1, 1, THREAD_B), [1]);
});

Deno.test("Tails tells what the log holds or nothing, whatever it is told of", () => {
  const part = fc.record({
    kind: fc.constantFrom("append" as const, "fill" as const),
    from: fc.integer({ min: 1, max: 30 }),
    length: fc.integer({ min: 0, max: 8 }),
  });
  fc.assert(fc.property(fc.array(part), (parts) => {
    const tails = new Tails();
    for (const { kind, from, length } of parts) {
      tails[kind](THREAD_A, entriesOf(from, from + length - 1));
    }
    for (let through = 1; through <= 40; through++) {
      const known = seqs(tails, through, 5);
      const all = entriesOf(Math.max(1, through - 4), through).map(({ seq }) => seq);
      if (known !== undefined) assertEquals(known, all);
    }
  }));
});

Deno.test("ThreadLog reads a conversation that its instance wrote once, and then not at all", async () => {
  await using opened = await memoryStore();
  const [one, two] = [new Logs(opened.store, "one"), new Logs(opened.store, "two")];
  const claim = await one.start("a");
  await one.finish(claim, "A");
  const thread = await one.incarnation(THREAD);
  const range = { throughSeq: 3, limit: 200 };
  const stored = await two.threads.conversation(thread, range);
  assertEquals(stored.map(({ seq }) => seq), [1, 2, 3]);
  const lists = opened.store.list;
  opened.store.list = () => Promise.reject(new Error("read"));
  for (const { threads } of [one, two]) {
    const again = await threads.conversation(thread, range);
    assertEquals(
      again.map(({ seq, entry }) => ({ seq, entry })),
      stored.map(({ seq, entry }) => ({ seq, entry })),
    );
  }
  opened.store.list = lists;
});
