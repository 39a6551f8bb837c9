import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { AppError } from "../../lib/errors.ts";
import { put, type Store, type StoreKey, UnknownCommitError } from "../../lib/threads/store.ts";
import { transact } from "../../lib/threads/transaction.ts";
import { pass } from "../support/instance.ts";
import { memoryStore, seededRandom } from "../support/kv.ts";

const COUNTER: StoreKey<number> = ["counter"];

/** Adds one to the counter, once for each `id`; resolves to what the counter then was. */
function addOnce(store: Store, id: string): Promise<number> {
  const done: StoreKey<number> = ["done", id];
  return transact<number>(store, `add ${id}`, async () => {
    const [counter, own] = await store.getMany([COUNTER, done]);
    if (own.value !== null) return { done: own.value };
    const next = (counter.value ?? 0) + 1;
    return {
      commit: {
        checks: [{ key: COUNTER, version: counter.version }],
        writes: [put(COUNTER, next), put(done, next)],
      },
      result: () => next,
    };
  });
}

async function counter(store: Store): Promise<number> {
  return (await store.get(COUNTER)).value ?? 0;
}

Deno.test("transact reads and plans again where another writer was faster", async () => {
  using opened = await memoryStore();
  const { kv, store } = opened;
  store.before = async () => {
    store.before = () => Promise.resolve();
    await addOnce(kv, "other");
  };
  assertEquals(await addOnce(store, "own"), 2);
  assertEquals(await counter(store), 2);
});

Deno.test("transact lets each of many writers of one key succeed once", async () => {
  using opened = await memoryStore();
  const ids = Array.from({ length: 12 }, (_, at) => `id-${at}`);
  const results = await Promise.all(ids.map((id) => addOnce(opened.store, id)));
  assertEquals(results.sort((a, b) => a - b), ids.map((_, at) => at + 1));
});

Deno.test("transact says that nothing is stored where others are faster again and again", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const { store } = opened;
  store.plan = () => "conflicts";
  const error = await pass(time, assertRejects(() => addOnce(store, "a"), AppError));
  assertEquals([error.code, error.retryAfterMs], ["STORE_UNAVAILABLE", 1_000]);
  assertStringIncludes(String(error.cause), "Cannot add a: other writers were faster 30 times");
  assertEquals(store.commits.length, 30);
});

Deno.test("transact waits for no further try once its signal aborts", async () => {
  using _time = new FakeTime();
  using opened = await memoryStore();
  const { store } = opened;
  for (const outcome of ["conflicts", "unknown-lost"] as const) {
    const left = new AbortController();
    store.plan = () => outcome;
    const plan = () =>
      Promise.resolve({
        commit: { checks: [{ key: COUNTER, version: null }], writes: [put(COUNTER, 1)] },
        result: () => 1,
      });
    const going = transact<number>(store, "add", plan, { signal: left.signal });
    left.abort(new DOMException("left", "AbortError"));
    // Time stands still: a wait would last for ever.
    await assertRejects(() => going, DOMException, "left");
  }
});

Deno.test("transact recognises an unknown commit that was applied, and does not repeat it", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  opened.store.next("unknown-applied");
  assertEquals(await pass(time, addOnce(opened.store, "a")), 1);
  assertEquals([await counter(opened.store), opened.store.commits.length], [1, 1]);
});

Deno.test("transact repeats an unknown commit that was not applied", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  opened.store.next("unknown-lost", "unknown-lost");
  assertEquals(await pass(time, addOnce(opened.store, "a")), 1);
  assertEquals([await counter(opened.store), opened.store.commits.length], [1, 3]);
});

Deno.test("transact cannot be duplicated by a commit that is applied after its repetition", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const { store } = opened;
  store.next("unknown-late");
  assertEquals(await pass(time, addOnce(store, "a")), 1);
  assertEquals(await store.applyLate(), [false]);
  assertEquals(await counter(store), 1);
});

Deno.test("transact recognises a commit that is applied just before its repetition", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const { store } = opened;
  store.next("unknown-late");
  store.before = async () => {
    if (store.commits.length === 2) await store.applyLate();
  };
  assertEquals(await pass(time, addOnce(store, "a")), 1);
  assertEquals([await counter(store), store.commits.length], [1, 2]);
});

Deno.test("transact says that it does not know when its budget is over", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const { store } = opened;
  store.plan = () => "unknown-lost";
  const startedMs = Date.now();
  await pass(time, assertRejects(() => addOnce(store, "a"), UnknownCommitError));
  assertEquals(Date.now() - startedMs >= 10_000, true);
});

Deno.test("transact goes on looking for an unknown commit while the store refuses", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const { store } = opened;
  store.next("unknown-applied");
  const adding = addOnce(store, "a");
  await pass(time, () => store.commits.length === 1);
  store.readsFail = true;
  await time.tickAsync(2_000);
  store.readsFail = false;
  assertEquals(await pass(time, adding), 1);
});

Deno.test("transact says that it does not know where the store refuses after an unknown commit", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const { store } = opened;
  store.next("unknown-applied");
  const refused = assertRejects(() => addOnce(store, "a"), UnknownCommitError);
  await pass(time, () => store.commits.length === 1);
  store.readsFail = true;
  await pass(time, refused);
  store.readsFail = false;
  assertEquals(await counter(store), 1);
});

Deno.test("transact says that it does not know where conflicts follow an unknown commit", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const { store } = opened;
  store.next("unknown-lost");
  store.plan = () => "conflicts";
  await pass(time, assertRejects(() => addOnce(store, "a"), UnknownCommitError));
});

Deno.test("transact fails at once, and for certain, where the store refuses a commit", async () => {
  using opened = await memoryStore();
  const { store } = opened;
  store.next("fails");
  const error = await assertRejects(() => addOnce(store, "a"), AppError);
  assertEquals([error.code, store.commits.length], ["STORE_UNAVAILABLE", 1]);
  assertEquals(await counter(store), 0);
});

Deno.test("transact passes on what its plan throws, after an unknown commit too", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const { store } = opened;
  let plans = 0;
  store.next("unknown-lost");
  const running = transact(store, "fail", () => {
    if (plans++ > 0) throw new AppError("RUN_ACTIVE");
    return Promise.resolve({ commit: { checks: [], writes: [] }, result: () => {} });
  });
  assertEquals((await pass(time, assertRejects(() => running, AppError))).code, "RUN_ACTIVE");
});

Deno.test("transact stores each of many changes once, whatever becomes of the commits", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const { store } = opened;
  const random = seededRandom(20_260_301);
  const faults = ["unknown-applied", "unknown-lost", "unknown-late", "conflicts"] as const;
  store.plan = () => random() < 0.4 ? faults[Math.floor(random() * faults.length)] : undefined;
  store.before = async () => {
    if (random() < 0.3) await store.applyLate();
  };
  const ids = Array.from({ length: 10 }, (_, at) => `id-${at}`);
  const results = await pass(time, Promise.all(ids.map((id) => addOnce(store, id))));
  await store.applyLate();
  assertEquals(results.sort((a, b) => a - b), ids.map((_, at) => at + 1));
  assertEquals(await counter(store), ids.length);
});
