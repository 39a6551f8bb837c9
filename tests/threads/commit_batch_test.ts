import { assert, assertEquals } from "@std/assert";
import fc from "npm:fast-check@^4.10.2";
import { Batch, batchItem, merge } from "../../lib/threads/commit_batch.ts";
import { type Check, type Commit, type KeyPart, put, remove } from "../../lib/threads/store.ts";

/** A commit by the names of its keys: checked ones with their version, written ones. */
function commitOf(checks: Record<string, string | null>, ...writes: string[]): Commit {
  return {
    checks: Object.entries(checks).map(([key, version]): Check => ({ key: [key], version })),
    writes: writes.map((key) => put([key], 1)),
  };
}

/** Which of `commits` one batch takes, by their places. */
function taken(...commits: Commit[]): number[] {
  const batch = new Batch<ReturnType<typeof batchItem>>();
  return commits.flatMap((commit, at) => batch.take(batchItem(commit)) ? [at] : []);
}

Deno.test("Batch takes commits on different keys, and those that check the same key alike", () => {
  assertEquals(taken(commitOf({ a: "1" }, "a"), commitOf({ b: "1" }, "b"), commitOf({}, "c")), [
    0,
    1,
    2,
  ]);
  assertEquals(taken(commitOf({ a: "1" }, "b"), commitOf({ a: "1" }, "c")), [0, 1]);
});

Deno.test("Batch passes over a commit that checks or writes what an earlier one writes", () => {
  assertEquals(taken(commitOf({}, "a"), commitOf({ a: "1" }, "b"), commitOf({}, "c")), [0, 2]);
  assertEquals(taken(commitOf({}, "a"), commitOf({}, "a")), [0]);
  assertEquals(taken({ checks: [], writes: [remove(["a"])] }, commitOf({}, "a")), [0]);
});

Deno.test("Batch takes a commit that writes what an earlier one checks: it comes after it", () => {
  assertEquals(taken(commitOf({ a: "1" }, "b"), commitOf({}, "a")), [0, 1]);
});

Deno.test("Batch passes over a commit that checks another version than an earlier one", () => {
  assertEquals(taken(commitOf({ a: "1" }, "b"), commitOf({ a: null }, "c")), [0]);
});

Deno.test("Batch lets nobody overtake on the keys of a commit that was passed over", () => {
  const first = commitOf({}, "a");
  const passedOver = commitOf({ a: "1", b: "1" }, "c");
  // Written before its turn, `b` would fail its check, and `c` would be written in another order.
  assertEquals(taken(first, passedOver, commitOf({}, "b")), [0]);
  assertEquals(taken(first, passedOver, commitOf({}, "c")), [0]);
  assertEquals(taken(first, passedOver, commitOf({ c: null }, "d")), [0]);
  assertEquals(taken(first, passedOver, commitOf({ b: "1" }, "d")), [0, 2]);
});

Deno.test("Batch takes the first commit however large it is, and then nothing more", () => {
  const writes = Array.from({ length: 1_000 }, (_, at) => put(["k", at], 1));
  assertEquals(taken({ checks: [], writes }, commitOf({}, "a")), [0]);
});

Deno.test("Batch lets nobody pass a commit for which there is no room", () => {
  const writes = Array.from({ length: 999 }, (_, at) => put(["k", at], 1));
  assertEquals(taken(commitOf({}, "a", "b"), { checks: [], writes }, commitOf({}, "c")), [0]);
});

Deno.test("merge asks for one check once, and keeps the order of the writes", () => {
  const items = [commitOf({ a: "1", b: null }, "x", "y"), commitOf({ a: "1" }, "z")].map(batchItem);
  assertEquals(merge(items), commitOf({ a: "1", b: null }, "x", "y", "z"));
});

const keyPart: fc.Arbitrary<KeyPart> = fc.oneof(
  fc.string({ unit: "binary", minLength: 1, maxLength: 60 }),
  fc.string({ minLength: 1, maxLength: 60 }),
  fc.double({ noNaN: true }),
  fc.uint8Array({ maxLength: 60 }),
);

const value = fc.oneof(
  fc.integer({ min: 0, max: 60_000 }).map((length) => new Uint8Array(length)),
  fc.tuple(fc.constantFrom("a", "é", "€", "😀"), fc.integer({ min: 0, max: 9_000 }))
    .map(([unit, length]) => unit.repeat(length)),
  fc.record({ id: fc.string(), at: fc.double(), on: fc.boolean(), no: fc.constant(null) }),
);

const shape = fc.record({
  key: fc.array(keyPart, { minLength: 1, maxLength: 5 }),
  value,
  checks: fc.integer({ min: 0, max: 40 }),
  writes: fc.integer({ min: 1, max: 300 }),
});

Deno.test("Batch never grows over what Deno KV takes, whatever the keys and values", async () => {
  using kv = await Deno.openKv(":memory:");
  let full = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(shape, { minLength: 2, maxLength: 12 }), async (shapes) => {
      const batch = new Batch<ReturnType<typeof batchItem>>();
      for (const [at, { key, value, checks, writes }] of shapes.entries()) {
        const keys = (count: number) => Array.from({ length: count }, (_, n) => [...key, at, n]);
        batch.take(batchItem({
          checks: keys(checks).map((own) => ({ key: own, version: "0".repeat(20) })),
          writes: keys(writes).map((own) => put(own, value)),
        }));
      }
      // A single one may be too large by itself.
      if (batch.items.length < 2) return;
      if (batch.full) full++;
      const { checks, writes } = merge(batch.items);
      if (checks.length === 0) return;
      const atomic = kv.atomic();
      for (const { key, version } of checks) atomic.check({ key, versionstamp: version });
      for (const write of writes) {
        if (write.kind === "set") atomic.set(write.key, write.value);
      }
      // No check holds, so nothing is stored: the bounds come first.
      assertEquals((await atomic.commit()).ok, false);
    }),
    { numRuns: 100 },
  );
  assert(full > 10, `only ${full} batches were full`);
});
