/**
 * What every adapter of the {@linkcode Store} port must do.
 *
 * @module
 */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { put, remove, type Store, type StoreKey } from "../../lib/threads/store.ts";

/** An adapter on an empty database of its own. */
export interface OpenedStore extends AsyncDisposable {
  readonly store: Store;
}

/** Registers the contract's tests for one adapter, named in each. */
export function testStoreContract(name: string, open: () => Promise<OpenedStore>): void {
  const test = (criterion: string, run: (store: Store) => Promise<void>) =>
    Deno.test(`${name} ${criterion}`, async () => {
      await using opened = await open();
      await run(opened.store);
    });

  test("reads what was committed, with the version that the commit told", async (store) => {
    const key: StoreKey<{ a: number }> = ["k", "one"];
    assertEquals(await store.get(key), { key: ["k", "one"], value: null, version: null });
    const version = await store.commit({ checks: [], writes: [put(key, { a: 1 })] });
    assert(version !== null);
    assertEquals(await store.get(key), { key: ["k", "one"], value: { a: 1 }, version });
  });

  test("gives every write of a key another version, the same value included", async (store) => {
    const write = { checks: [], writes: [put<number>(["k"], 1)] };
    assertNotEquals(await store.commit(write), await store.commit(write));
  });

  test("gives all keys of one commit the version that it told", async (store) => {
    const writes = [put<number>(["a"], 1), put<number>(["b"], 2)];
    const version = await store.commit({ checks: [], writes });
    const rows = await store.getMany([["a"], ["b"]]);
    assertEquals(rows.map((row) => row.version), [version, version]);
  });

  test("keeps bytes, strings and objects as they are", async (store) => {
    const values = [new Uint8Array([0, 255, 10]), "", "ünï\u0000", { deep: { list: [1, null] } }];
    for (const [at, value] of values.entries()) {
      await store.commit({ checks: [], writes: [put(["v", at], value)] });
      assertEquals((await store.get(["v", at])).value, value);
    }
  });

  test("writes nothing where one check of several does not hold", async (store) => {
    const version = await store.commit({ checks: [], writes: [put<number>(["a"], 1)] });
    const refused = await store.commit({
      checks: [{ key: ["a"], version }, { key: ["b"], version: "00000000000000990000" }],
      writes: [put<number>(["a"], 2), put<number>(["c"], 3)],
    });
    assertEquals(refused, null);
    const rows = await store.getMany([["a"], ["c"]] as StoreKey<number>[]);
    assertEquals(rows.map(({ value }) => value), [1, null]);
  });

  test("holds a check that a key is absent, until it is there", async (store) => {
    const commit = (value: number) =>
      store.commit({
        checks: [{ key: ["a"], version: null }],
        writes: [put<number>(["a"], value)],
      });
    assert(await commit(1) !== null);
    assertEquals(await commit(2), null);
    await store.commit({ checks: [], writes: [remove(["a"])] });
    assert(await commit(3) !== null);
    assertEquals((await store.get<number>(["a"])).value, 3);
  });

  test("lets one of many commits under the same check win", async (store) => {
    const won = await Promise.all(
      Array.from({ length: 20 }, (_, value) =>
        store.commit({
          checks: [{ key: ["a"], version: null }],
          writes: [put<number>(["a"], value)],
        })),
    );
    assertEquals(won.filter((version) => version !== null).length, 1);
    assertEquals((await store.get<number>(["a"])).value, won.findIndex((v) => v !== null));
  });

  test("lets the later of two writes on one key in a commit win", async (store) => {
    await store.commit({
      checks: [],
      writes: [put<number>(["a"], 1), put<number>(["a"], 2), put<number>(["b"], 1), remove(["b"])],
    });
    const rows = await store.getMany([["a"], ["b"]] as StoreKey<number>[]);
    assertEquals(rows.map(({ value }) => value), [2, null]);
  });

  test("lists a prefix in key order, within its bounds and its limit", async (store) => {
    const prefix: StoreKey<number> = ["p", "x"];
    const keys = [10, 9, 100, 1, 2].map((part) => ["p", "x", part]);
    const beside = [["p", "w", 5], ["p", "xx", 5], ["p", "y", 5], ["p", "x"]];
    await store.commit({ checks: [], writes: [...keys, ...beside].map((key) => put(key, 0)) });
    const list = async (range: object, limit = 99) =>
      (await store.list({ prefix, limit, ...range })).map(({ key }) => key.at(-1));
    assertEquals(await list({}), [1, 2, 9, 10, 100]);
    assertEquals(await list({ reverse: true }), [100, 10, 9, 2, 1]);
    assertEquals(await list({ start: ["p", "x", 9] }), [9, 10, 100]);
    assertEquals(await list({ end: ["p", "x", 9] }), [1, 2]);
    assertEquals(await list({ end: ["p", "x", 10], reverse: true }, 2), [9, 2]);
    assertEquals(await list({}, 2), [1, 2]);
  });

  test("lists more rows than a batch holds", async (store) => {
    for (let from = 0; from < 1_200; from += 400) {
      const writes = Array.from({ length: 400 }, (_, at) => put(["many", from + at], from + at));
      await store.commit({ checks: [], writes });
    }
    const prefix: StoreKey<number> = ["many"];
    const rows = await store.list({ prefix, limit: 1_100 });
    assertEquals(rows.map(({ value }) => value), Array.from({ length: 1_100 }, (_, at) => at));
  });

  test("takes a commit of 1,000 writes, and a value of 60,000 bytes", async (store) => {
    const writes = Array.from({ length: 999 }, (_, at) => put(["w", at], at));
    const bytes = new Uint8Array(60_000).fill(7);
    assert(await store.commit({ checks: [], writes: [...writes, put(["big"], bytes)] }) !== null);
    assertEquals((await store.get(["big"])).value, bytes);
  });

  test("tells keys apart by the type of their parts", async (store) => {
    const keys = [["1"], [1], [new Uint8Array([49])]];
    await store.commit({ checks: [], writes: keys.map((key, at) => put(key, at)) });
    const rows = await store.getMany(keys);
    assertEquals(rows.map(({ value }) => value), [0, 1, 2]);
  });

  test("yields when a watched key changes, and ends when the signal aborts", async (store) => {
    const over = new AbortController();
    const seen: (number | null)[] = [];
    const changes = Promise.withResolvers<void>();
    const watching = (async () => {
      for await (const _ of store.watch(["w"], over.signal)) {
        const { value } = await store.get<number>(["w"]);
        seen.push(value);
        if (value === 2) changes.resolve();
      }
    })();
    for (const value of [1, 2]) {
      await store.commit({ checks: [], writes: [put<number>(["w"], value)] });
    }
    await changes.promise;
    over.abort();
    await watching;
    assertEquals(seen.at(-1), 2);
  });

  test("ends a watch whose signal had aborted before", async (store) => {
    for await (const _ of store.watch(["w"], AbortSignal.abort())) throw new Error("yielded");
  });

  test("is available, and its probe says so", async (store) => {
    await store.probe();
    assertEquals(store.available, true);
  });
}
