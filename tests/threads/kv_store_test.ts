import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { AppError } from "../../lib/errors.ts";
import { KvStore, type KvStoreOptions } from "../../lib/threads/kv_store.ts";
import { put, UnknownCommitError } from "../../lib/threads/store.ts";
import { memoryStore } from "../support/kv.ts";
import { testStoreContract } from "./store_contract.ts";

testStoreContract("KvStore", async () => {
  const { kv } = await memoryStore();
  return {
    store: kv,
    [Symbol.asyncDispose]: () => {
      kv.close();
      return Promise.resolve();
    },
  };
});

/** A database whose every operation does what `work` says; counts what it was asked. */
function scriptedKv(work: (operation: string) => Promise<unknown>): {
  kv: Deno.Kv;
  asked: string[];
} {
  const asked: string[] = [];
  const ask = (operation: string) => {
    asked.push(operation);
    return work(operation);
  };
  const atomic = {
    check: () => atomic,
    set: () => atomic,
    delete: () => atomic,
    commit: () => ask("commit"),
  };
  const kv = {
    get: () => ask("get"),
    set: () => ask("set"),
    atomic: () => atomic,
    close: () => void asked.push("close"),
  };
  // Only what these tests call is there.
  return { kv: kv as unknown as Deno.Kv, asked };
}

const ROW = { key: ["k"], value: 1, versionstamp: "v1" };
const COMMIT = { checks: [], writes: [put<number>(["k"], 1)] };
const locked = (): Promise<never> => Promise.reject(new Error("database is locked"));
const never = (): Promise<never> => new Promise<never>(() => {});

function storeOn(
  work: (operation: string) => Promise<unknown>,
  options: Partial<KvStoreOptions> = {},
): { store: KvStore; asked: string[]; told: boolean[] } & Disposable {
  const { kv, asked } = scriptedKv(work);
  const told: boolean[] = [];
  const store = new KvStore(kv, {
    remote: false,
    instanceId: "test",
    deadlineMs: 5_000,
    onAvailability: (available) => told.push(available),
    ...options,
  });
  return { store, asked, told, [Symbol.dispose]: () => store.close() };
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return (await assertRejects(() => promise, AppError)).code;
}

/** Lets fake time pass; whatever comes of the last step sets its timers while time is still fake. */
async function elapse(
  time: FakeTime,
  { steps, stepMs }: { steps: number; stepMs: number },
): Promise<void> {
  for (let step = 0; step < steps; step++) await time.tickAsync(stepMs);
  await time.runMicrotasks();
}

Deno.test("KvStore tries an operation again while SQLite is locked", async () => {
  using time = new FakeTime();
  let tries = 0;
  using opened = storeOn(() => ++tries < 4 ? locked() : Promise.resolve(ROW));
  const read = opened.store.get(["k"]);
  await elapse(time, { steps: 40, stepMs: 25 });
  assertEquals((await read).value, 1);
  assertEquals([tries, opened.told], [4, []]);
});

Deno.test("KvStore gives a database up that stays locked, and says that nothing is stored", async () => {
  using time = new FakeTime();
  using opened = storeOn(locked);
  const refused = codeOf(opened.store.commit(COMMIT));
  await elapse(time, { steps: 40, stepMs: 50 });
  assertEquals(await refused, "STORE_UNAVAILABLE");
  assertEquals(opened.told, [false]);
});

Deno.test("KvStore never repeats a commit that it has reported as failed", async () => {
  using time = new FakeTime();
  using opened = storeOn(locked, { deadlineMs: 5 });
  const refused = codeOf(opened.store.commit(COMMIT));
  await time.tickAsync(5);
  assertEquals(await refused, "STORE_UNAVAILABLE");
  const before = opened.asked.filter((operation) => operation === "commit").length;
  await elapse(time, { steps: 40, stepMs: 20 });
  const after = opened.asked.filter((operation) => operation === "commit").length;
  assertEquals([before, after], [1, 1]);
});

Deno.test("KvStore calls a commit unknown whose second try got no answer", async () => {
  using time = new FakeTime();
  let tries = 0;
  using opened = storeOn((operation) =>
    operation === "commit" && tries++ === 0 ? locked() : never()
  );
  const unknown = assertRejects(() => opened.store.commit(COMMIT), UnknownCommitError);
  await elapse(time, { steps: 60, stepMs: 100 });
  await unknown;
  assertEquals(tries, 2);
});

Deno.test("KvStore calls a commit unknown that got no answer in time", async () => {
  using time = new FakeTime();
  using opened = storeOn(never);
  const unknown = assertRejects(() => opened.store.commit(COMMIT), UnknownCommitError);
  await time.tickAsync(4_999);
  assertEquals(opened.store.available, true);
  await time.tickAsync(1);
  await unknown;
  assertEquals(opened.store.available, false);
});

Deno.test("KvStore calls a commit unknown that a remote database rejected", async () => {
  const failing = () => Promise.reject(new Error("connection reset"));
  using remote = storeOn(failing, { remote: true });
  await assertRejects(() => remote.store.commit(COMMIT), UnknownCommitError);
  using local = storeOn(failing, { remote: false });
  assertEquals(await codeOf(local.store.commit(COMMIT)), "STORE_UNAVAILABLE");
});

Deno.test("KvStore gives a read up at its deadline", async () => {
  using time = new FakeTime();
  using opened = storeOn(never);
  const refused = codeOf(opened.store.get(["k"]));
  await time.tickAsync(5_000);
  assertEquals(await refused, "STORE_UNAVAILABLE");
});

Deno.test("KvStore refuses at once while it is lost, and is back with its first good probe", async () => {
  using time = new FakeTime();
  let works = false;
  const answer = (operation: string) => Promise.resolve(operation === "get" ? ROW : { ok: true });
  using opened = storeOn((operation) => works ? answer(operation) : Promise.reject(new Error("x")));
  const { store, asked } = opened;
  assertEquals(await codeOf(store.get(["k"])), "STORE_UNAVAILABLE");
  const before = asked.length;
  assertEquals(await codeOf(store.get(["k"])), "STORE_UNAVAILABLE");
  assertEquals(await codeOf(store.commit(COMMIT)), "STORE_UNAVAILABLE");
  assertEquals([store.available, asked.length], [false, before]);
  await time.tickAsync(1_000);
  await time.runMicrotasks();
  assertEquals(store.available, false);
  works = true;
  await time.tickAsync(1_000);
  await time.runMicrotasks();
  assertEquals([store.available, opened.told], [true, [false, true]]);
  assertEquals((await store.get(["k"])).value, 1);
});

Deno.test("KvStore takes a key that is too large as a fault of the caller", async () => {
  using opened = await memoryStore();
  const key = ["x".repeat(3_000)];
  await assertRejects(
    () => opened.kv.commit({ checks: [], writes: [put(key, 1)] }),
    TypeError,
    "too large",
  );
  assertEquals(opened.kv.available, true);
});

Deno.test("KvStore tells how long each operation took, the failed ones too", async () => {
  const told: string[] = [];
  using opened = storeOn(() => Promise.reject(new Error("x")), {
    onOperation: (operation, seconds) => told.push(`${operation} ${seconds >= 0}`),
  });
  await assertRejects(() => opened.store.commit(COMMIT), AppError);
  await assertRejects(() => opened.store.probe(), AppError);
  assertEquals(told, ["commit true", "probe true"]);
});

Deno.test("KvStore fails after it was closed, and closing again does nothing", async () => {
  using opened = await memoryStore();
  opened.kv.close();
  opened.kv.close();
  assertInstanceOf(await opened.kv.get(["k"]).catch((error) => error), AppError);
});

Deno.test("KvStore stops probing when it is closed", async () => {
  using time = new FakeTime();
  const opened = storeOn(() => Promise.reject(new Error("x")));
  await assertRejects(() => opened.store.get(["k"]), AppError);
  opened.store.close();
  const before = opened.asked.length;
  await time.tickAsync(10_000);
  assertEquals(opened.asked.length, before);
});
