import { assertEquals, assertRejects } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import type { ThreadSummary } from "../../routes/page/app/state/api.ts";
import {
  type ChangeChannel,
  merge,
  type ThreadApi,
  ThreadList,
} from "../../routes/page/app/state/thread_list.ts";

function thread(id: string, minute: number, title: string | null = id): ThreadSummary {
  const updatedAt = new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString();
  return { id, title, createdAt: updatedAt, updatedAt, headSeq: 1, activeRun: null };
}

function ids({ threads }: { readonly threads: readonly ThreadSummary[] }): string[] {
  return threads.map(({ id }) => id);
}

Deno.test("merge takes the only page for all there is", () => {
  const before = { threads: [thread("gone", 5)], nextCursor: null, isRead: true };
  assertEquals(ids(merge({ threads: [thread("a", 9)], nextCursor: null }, before)), ["a"]);
});

Deno.test("merge keeps older threads that were read, and where to go on", () => {
  const before = {
    threads: [thread("a", 9), thread("b", 8), thread("c", 7), thread("d", 6)],
    nextCursor: "after d",
    isRead: true,
  };
  const page = {
    threads: [thread("new", 10), thread("a", 9), thread("b", 8)],
    nextCursor: "after b",
  };
  const merged = merge(page, before);
  assertEquals([ids(merged), merged.nextCursor], [["new", "a", "b", "c", "d"], "after d"]);
});

Deno.test("merge moves a thread up and drops one that was deleted from the page's range", () => {
  const before = {
    threads: [thread("a", 9), thread("b", 8), thread("c", 7), thread("d", 6)],
    nextCursor: "after d",
    isRead: true,
  };
  const page = {
    threads: [thread("d", 11), thread("a", 9), thread("c", 7)],
    nextCursor: "after c",
  };
  assertEquals(ids(merge(page, before)), ["d", "a", "c"]);
});

/** A server's list, and the pages that share it. */
function shared() {
  const state = { threads: [] as ThreadSummary[], fails: false, told: 0 };
  const listeners: (() => void)[] = [];
  const channel = (): ChangeChannel => ({
    tell() {
      state.told++;
    },
    listen: (listener) => void listeners.push(listener),
    close() {},
  });
  const api: ThreadApi = {
    threads: () =>
      state.fails
        ? Promise.reject(new Error("offline"))
        : Promise.resolve({ threads: state.threads, nextCursor: null }),
    rename: (id, title) => {
      state.threads = state.threads.map((one) => one.id === id ? { ...one, title } : one);
      return Promise.resolve();
    },
    remove: (id) => {
      state.threads = state.threads.filter((one) => one.id !== id);
      return Promise.resolve();
    },
  };
  return { state, api, channel, hear: () => listeners.forEach((listener) => listener()) };
}

Deno.test("ThreadList reads once for changes in a row, and tells the other pages once", async () => {
  using time = new FakeTime();
  const { state, api, channel } = shared();
  const list = new ThreadList(api, channel(), () => {});
  state.threads = [thread("a", 1)];
  for (let change = 0; change < 5; change++) list.changed();
  await time.tickAsync(200);
  assertEquals([ids(list.state.value), list.state.value.isRead, state.told], [["a"], true, 1]);
  list.close();
});

Deno.test("ThreadList reads again when another page tells, and does not tell in turn", async () => {
  using time = new FakeTime();
  const { state, api, channel, hear } = shared();
  const list = new ThreadList(api, channel(), () => {});
  state.threads = [thread("a", 1)];
  hear();
  await time.tickAsync(200);
  assertEquals([ids(list.state.value), state.told], [["a"], 0]);
  list.close();
});

Deno.test("ThreadList says which threads others have deleted, and not those that its own page has", async () => {
  using time = new FakeTime();
  const { state, api, channel } = shared();
  const gone: string[] = [];
  const list = new ThreadList(api, channel(), (id) => void gone.push(id));
  state.threads = [thread("a", 3), thread("b", 2), thread("c", 1)];
  await list.refresh();
  await list.remove("a");
  await time.tickAsync(200);
  assertEquals([ids(list.state.value), gone], [["b", "c"], []]);
  state.threads = [thread("c", 1)];
  await list.refresh();
  assertEquals([ids(list.state.value), gone], [["c"], ["b"]]);
  list.close();
});

Deno.test("ThreadList shows a new title at once, and the server's where that refuses it", async () => {
  using time = new FakeTime();
  const { state, api, channel } = shared();
  const refusing = { ...api, rename: () => Promise.reject(new Error("no")) };
  const list = new ThreadList(refusing, channel(), () => {});
  state.threads = [thread("a", 1, "old")];
  await list.refresh();
  const renamed = list.rename("a", "new");
  assertEquals(list.state.value.threads[0]?.title, "new");
  await assertRejects(() => renamed, Error, "no");
  await time.tickAsync(200);
  assertEquals(list.state.value.threads[0]?.title, "old");
  list.close();
});

Deno.test("ThreadList takes a change back that fails, though nobody says what is", async () => {
  using time = new FakeTime();
  const { state, api, channel } = shared();
  const away = () => Promise.reject(new Error("away"));
  const list = new ThreadList({ ...api, rename: away, remove: away }, channel(), () => {});
  state.threads = [thread("a", 1, "old")];
  await list.refresh();
  state.fails = true;
  await assertRejects(() => list.rename("a", "new"), Error, "away");
  await assertRejects(() => list.remove("a"), Error, "away");
  await time.tickAsync(200);
  assertEquals(list.state.value.threads.map(({ title }) => title), ["old"]);
  list.close();
});

Deno.test("ThreadList keeps what it shows where it cannot be read", async () => {
  const { state, api, channel } = shared();
  const list = new ThreadList(api, channel(), () => {});
  state.threads = [thread("a", 1)];
  await list.refresh();
  state.fails = true;
  await list.refresh();
  assertEquals([ids(list.state.value), list.state.value.hasFailed], [["a"], true]);
  state.fails = false;
  await list.refresh();
  assertEquals(list.state.value.hasFailed, false);
  list.close();
});

Deno.test("ThreadList adds the next page behind what it shows", async () => {
  const { api, channel } = shared();
  const pages: Record<string, ThreadSummary[]> = {
    "": [thread("a", 3), thread("b", 2)],
    two: [thread("b", 2), thread("c", 1)],
  };
  const list = new ThreadList(
    {
      ...api,
      threads: (cursor) =>
        Promise.resolve({
          threads: pages[cursor ?? ""]!,
          nextCursor: cursor === null ? "two" : null,
        }),
    },
    channel(),
    () => {},
  );
  await list.refresh();
  await list.more();
  assertEquals([ids(list.state.value), list.state.value.nextCursor], [["a", "b", "c"], null]);
  list.close();
});
