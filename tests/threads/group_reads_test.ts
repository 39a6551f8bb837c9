import { assertEquals, assertRejects } from "@std/assert";
import { AppError } from "../../lib/errors.ts";
import { GroupedReads } from "../../lib/threads/group_reads.ts";
import type { KeyPart, Store, Stored, StoreKey } from "../../lib/threads/store.ts";

/** A store whose reads wait until they are let go; what stands under a key is its last part. */
class HeldReads implements Pick<Store, "get" | "getMany"> {
  /** The keys of each read, by their last parts. */
  readonly asked: KeyPart[][] = [];
  readonly #held: (() => void)[] = [];
  fault: ((keys: readonly KeyPart[]) => Error | null) | null = null;

  async get<T>(key: StoreKey<T>): Promise<Stored<T>> {
    return (await this.#read([key]))[0] as Stored<T>;
  }

  async getMany(keys: readonly StoreKey<unknown>[]): Promise<never> {
    return await this.#read(keys) as never;
  }

  /** Lets what is asked now be answered, and what comes of that be asked. */
  async letGo(): Promise<void> {
    for (const resolve of this.#held.splice(0)) resolve();
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  }

  async #read(keys: readonly StoreKey<unknown>[]): Promise<Stored<unknown>[]> {
    const names = keys.map((key) => key.at(-1)!);
    this.asked.push(names);
    await new Promise<void>((resolve) => this.#held.push(resolve));
    const fault = this.fault?.(names);
    if (fault) throw fault;
    return keys.map((key, at) => ({ key, value: names[at], version: "v" }));
  }
}

Deno.test("GroupedReads asks at once where nothing is under way", async () => {
  const store = new HeldReads();
  const reads = new GroupedReads(store, 1);
  for (const name of ["a", "b"]) {
    const read = reads.get([name]);
    assertEquals(store.asked.at(-1), [name]);
    await store.letGo();
    assertEquals((await read).value, name);
  }
});

Deno.test("GroupedReads asks for ten keys at once of those that came meanwhile, in their order", async () => {
  const store = new HeldReads();
  const reads = new GroupedReads(store, 1);
  const keys = Array.from({ length: 23 }, (_, at) => at);
  const all = keys.map((key) => reads.get<number>([key]));
  for (let turn = 0; turn < 4; turn++) await store.letGo();
  assertEquals((await Promise.all(all)).map(({ value }) => value), keys);
  assertEquals(store.asked, [[0], keys.slice(1, 11), keys.slice(11, 21), [21, 22]]);
});

Deno.test("GroupedReads has as many reads under way as lanes", async () => {
  const store = new HeldReads();
  const reads = new GroupedReads(store, 2);
  const all = [1, 2, 3, 4].map((key) => reads.get<number>([key]));
  assertEquals(store.asked, [[1], [2]]);
  for (let turn = 0; turn < 2; turn++) await store.letGo();
  await Promise.all(all);
  assertEquals(store.asked, [[1], [2], [3, 4]]);
});

Deno.test("GroupedReads fails all that were asked together where the store does, and goes on", async () => {
  const store = new HeldReads();
  const reads = new GroupedReads(store, 1);
  store.fault = (keys) => keys.length > 1 ? new AppError("STORE_UNAVAILABLE") : null;
  const all = ["a", "b", "c"].map((key) => reads.get([key]));
  const failed = Promise.all(all.slice(1).map((read) => assertRejects(() => read, AppError)));
  for (let turn = 0; turn < 2; turn++) await store.letGo();
  assertEquals((await all[0]!).value, "a");
  await failed;
  assertEquals(store.asked, [["a"], ["b", "c"]]);
  const next = reads.get(["d"]);
  await store.letGo();
  assertEquals((await next).value, "d");
});

Deno.test("GroupedReads gives a fault of one reader to that reader alone", async () => {
  const store = new HeldReads();
  const reads = new GroupedReads(store, 1);
  store.fault = (keys) => keys.includes("large") ? new TypeError("too large") : null;
  const all = ["a", "b", "large", "c"].map((key) => reads.get([key]));
  const failed = assertRejects(() => all[2]!, TypeError);
  for (let turn = 0; turn < 6; turn++) await store.letGo();
  await failed;
  const rest = await Promise.all([all[0]!, all[1]!, all[3]!]);
  assertEquals(rest.map(({ value }) => value), ["a", "b", "c"]);
});
