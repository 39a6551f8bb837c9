import { assert, assertEquals, assertRejects } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { AppError } from "../../lib/errors.ts";
import { GroupedStore } from "../../lib/threads/group_commit.ts";
import { type Commit, put, type StoreKey, UnknownCommitError } from "../../lib/threads/store.ts";
import { type FaultyStore, type MemoryStore, memoryStore } from "../support/kv.ts";
import { testStoreContract } from "./store_contract.ts";

testStoreContract("GroupedStore", async () => {
  const { kv } = await memoryStore();
  const store = new GroupedStore(kv);
  return {
    store,
    [Symbol.asyncDispose]: () => {
      store.close();
      return Promise.resolve();
    },
  };
});

interface Rig extends Disposable {
  readonly grouped: GroupedStore;
  readonly store: FaultyStore;
  /** What each commit to the database wrote: the last parts of its keys. */
  readonly sent: () => unknown[][];
}

async function rig(options?: ConstructorParameters<typeof GroupedStore>[1]): Promise<Rig> {
  const opened: MemoryStore = await memoryStore();
  const { store } = opened;
  return {
    store,
    grouped: new GroupedStore(store, options),
    sent: () => store.commits.map(({ writes }) => writes.map(({ key }) => key.at(-1))),
    [Symbol.dispose]: () => opened[Symbol.dispose](),
  };
}

const write = (key: string, value: unknown = 1): Commit => ({
  checks: [],
  writes: [put([key], value)],
});

const ifAbsent = (key: string): Commit => ({
  checks: [{ key: [key], version: null }],
  writes: [put([key], 1)],
});

/** How each ended: its version, `null`, or the code or name of its error. */
async function outcomes(commits: readonly Promise<string | null>[]): Promise<unknown[]> {
  const settled = await Promise.allSettled(commits);
  return settled.map((one) => {
    if (one.status === "fulfilled") return one.value === null ? null : "stored";
    return one.reason instanceof AppError ? one.reason.code : one.reason.name;
  });
}

async function untilHanging(store: FaultyStore): Promise<void> {
  while (store.hanging === 0) await Promise.resolve();
}

Deno.test("GroupedStore sends a commit at once where none is under way", async () => {
  using opened = await rig();
  const { grouped, sent } = opened;
  const first = grouped.commit(write("a"));
  assertEquals(sent(), [["a"]]);
  await first;
  const second = grouped.commit(write("b"));
  assertEquals(sent(), [["a"], ["b"]]);
  await second;
});

Deno.test("GroupedStore sends as one what came while a commit was under way, in its order", async () => {
  using opened = await rig();
  const { grouped, sent } = opened;
  const commits = ["a", "b", "c", "d"].map((key) => grouped.commit(write(key)));
  assertEquals(await outcomes(commits), ["stored", "stored", "stored", "stored"]);
  assertEquals(sent(), [["a"], ["b", "c", "d"]]);
  const versions = await Promise.all(commits);
  const rows = await grouped.getMany([["a"], ["b"], ["c"], ["d"]] as StoreKey<number>[]);
  assertEquals(rows.map(({ version }) => version), versions);
});

Deno.test("GroupedStore lets a commit that nobody waits for go with the next, and with no other", async () => {
  using time = new FakeTime();
  using opened = await rig();
  const { grouped, sent } = opened;
  const lingering = ["a", "b"].map((key) => grouped.commit({ ...write(key), mayLinger: true }));
  await time.tickAsync(9);
  assertEquals(sent(), []);
  const urgent = grouped.commit(write("c"));
  assertEquals(sent(), [["a", "b", "c"]]);
  assertEquals(await outcomes([...lingering, urgent]), ["stored", "stored", "stored"]);
  await grouped.commit(write("d"));
  assertEquals(sent(), [["a", "b", "c"], ["d"]]);
});

Deno.test("GroupedStore lets a commit linger for 10 ms at most", async () => {
  using time = new FakeTime();
  using opened = await rig();
  const { grouped, sent } = opened;
  const commits = [grouped.commit({ ...write("a"), mayLinger: true })];
  await time.tickAsync(5);
  commits.push(grouped.commit({ ...write("b"), mayLinger: true }));
  await time.tickAsync(5);
  assertEquals(sent(), [["a", "b"]]);
  assertEquals(await outcomes(commits), ["stored", "stored"]);
});

Deno.test("GroupedStore sends what lingers as soon as a commit that was under way is over", async () => {
  using _time = new FakeTime();
  using opened = await rig();
  const { grouped, sent } = opened;
  const commits = [grouped.commit(write("a")), grouped.commit({ ...write("b"), mayLinger: true })];
  assertEquals(await outcomes(commits), ["stored", "stored"]);
  assertEquals(sent(), [["a"], ["b"]]);
});

Deno.test("GroupedStore does not send what still lingers when it closes", async () => {
  using opened = await rig();
  const { grouped, sent } = opened;
  const lingering = grouped.commit({ ...write("a"), mayLinger: true });
  grouped.close();
  assertEquals(await outcomes([lingering]), ["STORE_UNAVAILABLE"]);
  assertEquals(sent(), []);
});

Deno.test("GroupedStore tells nobody before the commit is durable", async () => {
  using opened = await rig();
  const { grouped, store } = opened;
  store.next("hangs", "hangs");
  const told: string[] = [];
  const commits = ["a", "b", "c"].map((key) =>
    grouped.commit(write(key)).then(() => told.push(key))
  );
  await untilHanging(store);
  assertEquals(told, []);
  store.resume();
  await commits[0];
  await untilHanging(store);
  assertEquals(told, ["a"]);
  store.resume();
  await Promise.all(commits);
  assertEquals(told, ["a", "b", "c"]);
});

Deno.test("GroupedStore keeps as many commits under way as it has lanes", async () => {
  using opened = await rig({ lanes: 2 });
  const { grouped, store, sent } = opened;
  store.next("hangs", "hangs");
  const commits = ["a", "b", "c", "d"].map((key) => grouped.commit(write(key)));
  await untilHanging(store);
  assertEquals(sent(), [["a"], ["b"]]);
  store.resume();
  await Promise.all(commits);
  assertEquals(sent(), [["a"], ["b"], ["c", "d"]]);
});

Deno.test("GroupedStore fails the commit whose check does not hold, and no other of its batch", async () => {
  using opened = await rig();
  const { grouped, store } = opened;
  await store.commit(write("stale-1"));
  await store.commit(write("stale-2"));
  const keys = ["a", "b", "stale-1", "c", "d", "stale-2", "e"];
  const commits = [
    grouped.commit(write("first")),
    ...keys.map((key) => grouped.commit(ifAbsent(key))),
  ];
  assertEquals(await outcomes(commits), [
    "stored",
    ...["stored", "stored", null, "stored", "stored", null, "stored"],
  ]);
});

Deno.test("GroupedStore answers without asking whoever waits with a check that was overruled", async () => {
  using opened = await rig();
  const { grouped, store, sent } = opened;
  const version = await store.commit(write("a"));
  const update = (other: string): Commit => ({
    checks: [{ key: ["a"], version }],
    writes: [put(["a"], 2), put([other], 1)],
  });
  const commits = [update("x"), update("y"), update("z"), write("b")]
    .map((commit) => grouped.commit(commit));
  assertEquals(await outcomes(commits), ["stored", null, null, "stored"]);
  assertEquals(sent(), [["a"], ["a", "x"], ["b"]]);
});

Deno.test("GroupedStore answers without asking who comes later with a check that was overruled", async () => {
  using opened = await rig();
  const { grouped, store, sent } = opened;
  const version = await store.commit(write("a"));
  const update: Commit = { checks: [{ key: ["a"], version }], writes: [put(["a"], 2)] };
  assertEquals(await outcomes([grouped.commit(update)]), ["stored"]);
  assertEquals(await outcomes([grouped.commit(update)]), [null]);
  assertEquals(sent(), [["a"], ["a"]]);
});

Deno.test("GroupedStore asks for a check on a key that was absent and is written: it may be so again", async () => {
  using opened = await rig();
  const { grouped } = opened;
  const gone: Commit = { checks: [], writes: [{ kind: "delete", key: ["a"] }] };
  const commits = [ifAbsent("a"), gone, ifAbsent("a"), ifAbsent("a")]
    .map((commit) => grouped.commit(commit));
  assertEquals(await outcomes(commits), ["stored", "stored", "stored", null]);
});

Deno.test("GroupedStore says of a whole batch that nobody knows, and of what waits behind it nothing", async () => {
  using opened = await rig();
  const { grouped, store } = opened;
  await store.commit(write("x"));
  store.next("hangs");
  const batch = [
    grouped.commit(write("a")),
    grouped.commit(write("b")),
    grouped.commit(write("c")),
  ];
  await untilHanging(store);
  const version = (await store.get(["x"])).version;
  const behind = grouped.commit({ checks: [{ key: ["x"], version }], writes: [put(["b"], 2)] });
  store.next("unknown-applied");
  store.resume();
  assertEquals(await outcomes([...batch, behind]), [
    "stored",
    "UnknownCommitError",
    "UnknownCommitError",
    "stored",
  ]);
  const rows = await grouped.getMany([["b"], ["c"]] as StoreKey<number>[]);
  assertEquals(rows.map(({ value }) => value), [2, 1]);
});

Deno.test("GroupedStore sends an unknown batch no second time", async () => {
  using opened = await rig();
  const { grouped, store, sent } = opened;
  store.next("hangs");
  const commits = ["a", "b", "c"].map((key) => grouped.commit(write(key)));
  await untilHanging(store);
  store.next("unknown-late");
  store.resume();
  assertEquals((await outcomes(commits)).slice(1), ["UnknownCommitError", "UnknownCommitError"]);
  await grouped.commit(write("d"));
  assertEquals(sent(), [["a"], ["b", "c"], ["d"]]);
});

Deno.test("GroupedStore fails all of a batch of which certainly nothing was written", async () => {
  using opened = await rig();
  const { grouped, store, sent } = opened;
  store.next("hangs");
  const commits = ["a", "b", "c"].map((key) => grouped.commit(write(key)));
  await untilHanging(store);
  store.next("fails");
  store.resume();
  assertEquals(await outcomes(commits), ["stored", "STORE_UNAVAILABLE", "STORE_UNAVAILABLE"]);
  assertEquals(sent(), [["a"], ["b", "c"]]);
});

Deno.test("GroupedStore gives a fault of one caller to that caller alone", async () => {
  using opened = await rig();
  const { grouped } = opened;
  const commits = ["a", "b", "x".repeat(3_000), "c"].map((key) => grouped.commit(write(key)));
  assertEquals(await outcomes(commits), ["stored", "stored", "TypeError", "stored"]);
});

Deno.test("GroupedStore serves many commits on one key in the order in which they came", async () => {
  using opened = await rig();
  const { grouped, sent } = opened;
  const commits = Array.from({ length: 20 }, (_, at) => grouped.commit(write("a", at)));
  const versions = await Promise.all(commits);
  assertEquals(new Set(versions).size, 20);
  assertEquals(versions, versions.toSorted());
  assertEquals(sent().length, 20);
  assertEquals((await grouped.get(["a"])).value, 19);
});

Deno.test("GroupedStore serves everybody in turn: nobody who asks again comes before one who waits", async () => {
  using opened = await rig();
  const { grouped, sent } = opened;
  // More than a batch holds: 100 checks.
  const rounds = Array.from({ length: 250 }, async (_, who) => {
    for (let round = 0; round < 3; round++) await grouped.commit(ifAbsent(`${who}-${round}`));
  });
  await Promise.all(rounds);
  const order = sent().flat() as string[];
  const places = new Map(order.map((name, at) => [name, at]));
  for (let who = 0; who < 250; who++) {
    for (let round = 0; round < 2; round++) {
      // Between two turns of one, nobody else has more than two.
      const turn = order.slice(
        places.get(`${who}-${round}`)! + 1,
        places.get(`${who}-${round + 1}`),
      );
      const others = Map.groupBy(turn, (name) => name.split("-")[0]);
      assert([...others.values()].every((turns) => turns.length <= 2));
    }
  }
  assertEquals(sent().length < 20, true);
});

Deno.test("GroupedStore refuses a commit that waited past its deadline, and never sends it", async () => {
  let nowMs = 0;
  using opened = await rig({ deadlineMs: 1_000, nowMs: () => nowMs });
  const { grouped, store, sent } = opened;
  store.next("hangs");
  const first = grouped.commit(write("a"));
  await untilHanging(store);
  const early = grouped.commit(write("b"));
  nowMs += 500;
  const late = grouped.commit(write("c"));
  nowMs += 500;
  store.resume();
  assertEquals(await outcomes([first, early, late]), ["stored", "STORE_UNAVAILABLE", "stored"]);
  assertEquals(sent(), [["a"], ["c"]]);
});

Deno.test("GroupedStore refuses what waits when it is closed, and never sends it", async () => {
  using opened = await rig();
  const { grouped, store, sent } = opened;
  store.next("hangs");
  const commits = ["a", "b"].map((key) => grouped.commit(write(key)));
  await untilHanging(store);
  grouped.close();
  const after = grouped.commit(write("c"));
  assertEquals(await outcomes([commits[1]!, after]), ["STORE_UNAVAILABLE", "STORE_UNAVAILABLE"]);
  store.resume();
  // It was under way when its database was closed.
  assertEquals(await outcomes([commits[0]!]), ["STORE_UNAVAILABLE"]);
  assertEquals(sent(), [["a"]]);
});

Deno.test("GroupedStore goes on after a batch that failed", async () => {
  using opened = await rig();
  const { grouped, store } = opened;
  store.next("unknown-lost", "fails", "conflicts");
  await assertRejects(() => grouped.commit(write("a")), UnknownCommitError);
  await assertRejects(() => grouped.commit(write("a")), AppError);
  assertEquals(await grouped.commit(write("a")), null);
  assert(await grouped.commit(write("a")) !== null);
});
