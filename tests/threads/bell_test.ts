import { assert, assertEquals, assertRejects } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { AppError } from "../../lib/errors.ts";
import { Bell } from "../../lib/threads/bell.ts";
import { followerPrefix, type Incarnation, instanceKey } from "../../lib/threads/keys.ts";
import { put, type Store } from "../../lib/threads/store.ts";
import { pass } from "../support/instance.ts";
import { memoryStore } from "../support/kv.ts";

const threadOf = (threadId: string): Incarnation => ({
  subject: "alice",
  threadId,
  generation: "g",
});
const [A, B, C] = ["a", "b", "c"].map(threadOf) as [Incarnation, Incarnation, Incarnation];

/** Counts the lists that are asked of a store. */
function countingLists(store: Store): { store: Store; lists: string[] } {
  const lists: string[] = [];
  const counting = new Proxy(store, {
    get(target, name) {
      const member = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      return (...args: unknown[]) => {
        if (name === "list") lists.push(String((args[0] as { prefix: unknown[] }).prefix[0]));
        return member.apply(target, args);
      };
    },
  });
  return { store: counting, lists };
}

/** A bell that listens, and what it hears. */
function listening(store: Store, instanceId: string): { bell: Bell; heard: string[] } {
  const bell = new Bell(store, instanceId);
  const heard: string[] = [];
  bell.start({
    onRing: ({ threadId }, ring) => heard.push(`${threadId} ${ring}`),
    onFault: (error) => heard.push(`fault ${error}`),
  });
  return { bell, heard };
}

Deno.test("Bell tells the followers of a thread, and nobody else", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const [one, two, three] = ["one", "two", "three"].map((id) => listening(opened.kv, id));
  await two!.bell.follow(A);
  await three!.bell.follow(B);
  one!.bell.ring(A);
  await pass(time, () => two!.heard.length > 0);
  assertEquals([one!.heard, two!.heard, three!.heard], [[], ["a moved"], []]);
  for (const { bell } of [one!, two!, three!]) await pass(time, bell.stop());
});

Deno.test("Bell tells of all threads that changed while others were told of, each once", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const [one, two] = [listening(opened.kv, "one"), listening(opened.kv, "two")];
  for (const thread of [A, B, C]) await two.bell.follow(thread);
  one.bell.ring(A);
  for (const thread of [B, C, B]) one.bell.ring(thread);
  one.bell.ring(C, "released");
  one.bell.ring(C);
  await pass(time, () => two.heard.length >= 3);
  await time.tickAsync(5_000);
  assertEquals(two.heard.toSorted(), ["a moved", "b moved", "c released"]);
  for (const { bell } of [one, two]) await pass(time, bell.stop());
});

Deno.test("Bell looks at the living alone, for all changes at once, where nobody else lives", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const { store, lists } = countingLists(opened.kv);
  const bell = new Bell(store, "one");
  for (const thread of [A, B, C]) await bell.follow(thread);
  for (const thread of [A, B, C]) bell.ring(thread);
  await pass(time, () => lists.length === 3);
  await time.tickAsync(100);
  // The first time, whoever followed and died is looked for.
  assertEquals(lists, ["follower", "follower", "follower"]);
  for (let round = 0; round < 3; round++) {
    lists.length = 0;
    for (const thread of [A, B, C, B, A]) bell.ring(thread);
    await pass(time, () => lists.length > 0);
    for (let turn = 0; turn < 20; turn++) await time.tickAsync(10);
    // For the first change, and for those that came meanwhile; or all of them together.
    assertEquals(new Set(lists), new Set(["instance"]));
    assert(lists.length <= 2);
  }
  await pass(time, bell.stop());
});

Deno.test("Bell tells a follower that came after it had found nobody else alive", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const one = listening(opened.kv, "one");
  await one.bell.follow(A);
  for (let round = 0; round < 3; round++) {
    one.bell.ring(A);
    await time.tickAsync(100);
  }
  // It never gives a sign of life besides the one that comes with following.
  const two = new Bell(opened.kv, "two");
  await two.follow(A);
  one.bell.ring(A);
  await pass(
    time,
    async () => (await opened.kv.list({ prefix: ["note", "two"], limit: 9 })).length === 1,
  );
  for (const bell of [one.bell, two]) await pass(time, bell.stop());
});

Deno.test("Bell removes followers that died, with the first change that it tells of", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  await new Bell(opened.kv, "dead").follow(A);
  await opened.kv.commit({
    checks: [],
    writes: [put(instanceKey("dead"), Date.now() - 61_000)],
  });
  const bell = new Bell(opened.kv, "one");
  await bell.follow(A);
  bell.ring(A);
  await pass(
    time,
    async () => (await opened.kv.list({ prefix: followerPrefix(A), limit: 9 })).length === 1,
  );
  await pass(time, bell.stop());
});

Deno.test("Bell stores that it follows a thread once, however many follow it here", async () => {
  using opened = await memoryStore();
  const { store, kv } = opened;
  const bell = new Bell(store, "one");
  await Promise.all([bell.follow(A), bell.follow(A)]);
  await bell.follow(A);
  // The sign of life, and the follower.
  assertEquals(store.commits.length, 2);
  for (const _ of [1, 2]) bell.unfollow(A);
  assertEquals((await kv.list({ prefix: followerPrefix(A), limit: 9 })).length, 1);
  bell.unfollow(A);
  await bell.stop();
  assertEquals(await kv.list({ prefix: followerPrefix(A), limit: 9 }), []);
});

Deno.test("Bell follows no more once all have left, in whatever order the commits come", async () => {
  using opened = await memoryStore();
  const { store, kv } = opened;
  const bell = new Bell(store, "one");
  const following = bell.follow(A);
  bell.unfollow(A);
  await following;
  await bell.stop();
  assertEquals(await kv.list({ prefix: followerPrefix(A), limit: 9 }), []);
});

Deno.test("Bell fails to follow where the store does, and follows at the next try", async () => {
  using opened = await memoryStore();
  const { store, kv } = opened;
  const bell = new Bell(store, "one");
  store.next("fails");
  await assertRejects(() => bell.follow(A), AppError);
  await bell.follow(A);
  assert((await kv.get(instanceKey("one"))).value !== null);
  store.next("fails");
  await assertRejects(() => bell.follow(B), AppError);
  await bell.follow(B);
  assertEquals((await kv.list({ prefix: followerPrefix(B), limit: 9 })).length, 1);
  await bell.stop();
});

Deno.test("Bell knows since when a thread is heard", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const { bell } = listening(opened.kv, "one");
  assertEquals(bell.hasHeardFor(A, 0), false);
  const following = bell.follow(A);
  assertEquals(bell.hasHeardFor(A, 0), false);
  await pass(time, following);
  assertEquals([bell.hasHeardFor(A, 0), bell.hasHeardFor(A, 60_000)], [true, false]);
  bell.unfollow(A);
  assertEquals(bell.hasHeardFor(A, 0), false);
  await pass(time, bell.stop());
});

/** Two instances on one database, the second's behind faults; both listen. */
async function pair(time: FakeTime) {
  const opened = await memoryStore();
  const [near, far] = [listening(opened.kv, "near"), listening(opened.store, "far")];
  return {
    store: opened.store,
    near,
    far,
    async end(): Promise<void> {
      for (const { bell } of [near, far]) await pass(time, bell.stop());
      opened[Symbol.dispose]();
    },
  };
}

Deno.test("Bell follows later what it could not follow, and has it looked at", async () => {
  using time = new FakeTime();
  const { store, near, far, end } = await pair(time);
  await pass(time, far.bell.follow(B));
  store.next("fails");
  await assertRejects(() => far.bell.follow(A), AppError);
  near.bell.ring(A);
  await pass(time, () => far.heard.includes("a moved"));
  far.heard.length = 0;
  near.bell.ring(A);
  await pass(time, () => far.heard.includes("a moved"));
  assertEquals(far.heard.includes("b moved"), false);
  await end();
});

Deno.test("Bell follows anew once it was silent for so long that others took it for dead", async () => {
  using time = new FakeTime();
  const { store, near, far, end } = await pair(time);
  for (const thread of [A, B]) await pass(time, far.bell.follow(thread));
  // None of its writes comes through, while the other finds it dead.
  store.plan = () => "fails";
  await time.tickAsync(70_000);
  near.bell.ring(A);
  await pass(
    time,
    async () => (await store.list({ prefix: followerPrefix(A), limit: 9 })).length === 0,
  );
  store.plan = () => {};
  far.heard.length = 0;
  // What it missed is looked at, also where nobody says so any more.
  await pass(time, () => ["a moved", "b moved"].every((ring) => far.heard.includes(ring)));
  far.heard.length = 0;
  near.bell.ring(A);
  await pass(time, () => far.heard.includes("a moved"));
  await end();
});

Deno.test("Bell tells again of what it could not tell", async () => {
  using time = new FakeTime();
  const { store, near, far, end } = await pair(time);
  await pass(time, near.bell.follow(A));
  await pass(time, far.bell.follow(A));
  store.plan = ({ writes }) => writes.some(({ key }) => key[0] === "note") ? "fails" : undefined;
  far.bell.ring(A);
  await time.tickAsync(500);
  assertEquals(near.heard.filter((ring) => ring.startsWith("a")), []);
  store.plan = () => {};
  await pass(time, () => near.heard.includes("a moved"));
  // At its end it does not try for ever.
  store.plan = ({ writes }) => writes.some(({ key }) => key[0] === "note") ? "fails" : undefined;
  far.bell.ring(A);
  await end();
});

Deno.test("Bell acts on notes of which nobody can tell whether they are removed", async () => {
  using time = new FakeTime();
  const { store, near, far, end } = await pair(time);
  await pass(time, far.bell.follow(A));
  store.plan = ({ writes }) =>
    writes.some(({ key }) => key[0] === "note") ? "unknown-applied" : undefined;
  near.bell.ring(A);
  await pass(time, () => far.heard.includes("a moved"));
  store.plan = () => {};
  await end();
});
