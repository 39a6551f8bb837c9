import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { AppError } from "../../lib/errors.ts";
import type { ThreadRef } from "../../lib/threads/records.ts";
import type { Store } from "../../lib/threads/store.ts";
import { ThreadEdit } from "../../lib/threads/thread_edit.ts";
import { Logs, pass, THREAD } from "../support/instance.ts";
import { memoryStore, seededRandom } from "../support/kv.ts";

function thread(threadId: string, subject = "alice"): ThreadRef {
  return { subject, threadId };
}

async function codeOf(work: () => Promise<unknown>): Promise<string> {
  return (await assertRejects(work, AppError)).code;
}

/** Appends a message without a run. */
async function append(store: Store, ref: ThreadRef, id: string, text: string): Promise<void> {
  const edit = await ThreadEdit.open(store, ref);
  const parts = [{ type: "text", text }];
  const entry = { kind: "message", role: "user", id, parts, createdAt: edit.now } as const;
  await edit.appendMessage(entry, "r");
  assert(await store.commit(edit.toCommit()) !== null);
}

Deno.test("ThreadLog creates a thread once, and gives it unchanged after that", async () => {
  using opened = await memoryStore();
  const { threads } = new Logs(opened.store, "one");
  const first = await threads.create(THREAD, { title: "First" });
  const again = await threads.create(THREAD, { title: "Second" });
  assertEquals([first.created, again.created], [true, false]);
  assertEquals(again.thread, first.thread);
  assertEquals(await threads.get(THREAD), first.thread);
  const { id, title, headSeq, activeRun } = first.thread;
  assertEquals([id, title, headSeq, activeRun], ["thread-1", "First", 0, null]);
});

Deno.test("ThreadLog creates one thread where many create it at once", async () => {
  using opened = await memoryStore();
  const { threads } = new Logs(opened.store, "one");
  const titles = Array.from({ length: 10 }, (_, at) => `title ${at}`);
  const all = await Promise.all(titles.map((title) => threads.create(THREAD, { title })));
  assertEquals(all.filter(({ created }) => created).length, 1);
  assertEquals(new Set(all.map(({ thread }) => thread.title)).size, 1);
  assertEquals((await threads.list("alice", { limit: 9 })).threads.length, 1);
});

Deno.test("ThreadLog says that it created a thread whose commit was unknown", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  opened.store.next("unknown-applied");
  const { threads } = new Logs(opened.store, "one");
  const { created, thread } = await pass(time, threads.create(THREAD, { title: "T" }));
  assertEquals([created, thread.title], [true, "T"]);
  assertEquals((await threads.create(THREAD, { title: null })).created, false);
});

Deno.test("ThreadLog does not know a thread that was never created", async () => {
  using opened = await memoryStore();
  const { threads } = new Logs(opened.store, "one");
  assertEquals(await threads.head(THREAD), null);
  assertEquals(await codeOf(() => threads.get(THREAD)), "NOT_FOUND");
  assertEquals(await codeOf(() => threads.rename(THREAD, "x")), "NOT_FOUND");
});

Deno.test("ThreadLog lists threads by their newest activity", async () => {
  using time = new FakeTime("2026-01-01T00:00:00Z");
  using opened = await memoryStore();
  const logs = new Logs(opened.store, "one");
  for (const id of ["a", "b", "c"]) {
    await logs.threads.create(thread(id), { title: null });
    time.tick(1_000);
  }
  await logs.send("m", { ref: thread("a") });
  const { threads, nextCursor } = await logs.threads.list("alice", { limit: 10 });
  assertEquals(threads.map(({ id }) => id), ["a", "c", "b"]);
  assertEquals(nextCursor, null);
  assertEquals(threads[0]!.createdAt, "2026-01-01T00:00:00.000Z");
  assertEquals(threads[0]!.updatedAt, "2026-01-01T00:00:03.000Z");
  assertEquals(threads[0]!.activeRun?.attempt, 1);
});

Deno.test("ThreadLog pages through threads without gap or repeat, also of one instant", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const { threads } = new Logs(opened.store, "one");
  const random = seededRandom(7);
  const ids = Array.from({ length: 37 }, (_, at) => `t-${at}`);
  for (const id of ids) {
    await threads.create(thread(id), { title: null });
    if (random() < 0.5) time.tick(Math.floor(random() * 5_000));
  }
  for (const limit of [1, 5, 12, 36, 37, 38]) {
    const seen: string[] = [];
    const times: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await threads.list("alice", { limit, cursor });
      assert(page.threads.length <= limit);
      seen.push(...page.threads.map(({ id }) => id));
      times.push(...page.threads.map(({ updatedAt }) => updatedAt));
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    assertEquals([...seen].sort(), [...ids].sort());
    assertEquals(times, [...times].sort().reverse());
  }
});

Deno.test("ThreadLog refuses a cursor that it did not give", async () => {
  using opened = await memoryStore();
  const { threads } = new Logs(opened.store, "one");
  for (const cursor of ["", "x", ".", "1.", ".a", "1.a b", "-1.a", "zzzzzzzzzzzz.a", "1.a.b"]) {
    assertEquals(
      await codeOf(() => threads.list("alice", { limit: 5, cursor })),
      "INVALID_REQUEST",
    );
  }
});

Deno.test("ThreadLog keeps a thread's place and time when it is renamed", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const { threads } = new Logs(opened.store, "one");
  await threads.create(thread("a"), { title: "A" });
  time.tick(1_000);
  await threads.create(thread("b"), { title: "B" });
  time.tick(1_000);
  const before = await threads.get(thread("a"));
  const renamed = await threads.rename(thread("a"), "Ä");
  assertEquals(renamed, { ...before, title: "Ä" });
  const { threads: listed } = await threads.list("alice", { limit: 5 });
  assertEquals(listed.map(({ title }) => title), ["B", "Ä"]);
});

Deno.test("ThreadLog keeps a title through a message, and a rename beside appends", async () => {
  using opened = await memoryStore();
  const logs = new Logs(opened.store, "one");
  await logs.threads.create(THREAD, { title: "Mine" });
  await Promise.all([
    ...["a", "b", "c", "d"].map((id) => logs.send(id)),
    logs.threads.rename(THREAD, "Renamed"),
  ]);
  const { title, headSeq } = await logs.threads.get(THREAD);
  assertEquals([title, headSeq], ["Renamed", 5]);
});

Deno.test("ThreadLog reads entries behind a cursor, a page at a time", async () => {
  using opened = await memoryStore();
  const { threads, incarnation } = bind(new Logs(opened.store, "one"));
  for (let at = 1; at <= 7; at++) await append(opened.kv, THREAD, `m${at}`, `text ${at}`);
  const ref = await incarnation();
  const read = async (afterSeq: number, limit: number) => {
    const { entries, more } = await threads.entries(ref, { afterSeq, limit });
    return [...entries.map(({ seq }) => seq), more];
  };
  assertEquals(await read(0, 3), [1, 2, 3, true]);
  assertEquals(await read(3, 3), [4, 5, 6, true]);
  assertEquals(await read(6, 3), [7, false]);
  assertEquals(await read(7, 3), [false]);
  const newest = await threads.newestEntries(ref, { throughSeq: 5, limit: 2 });
  assertEquals(newest.map(({ seq }) => seq), [5, 4]);
});

Deno.test("ThreadLog gives entries of any size back whole", async () => {
  using opened = await memoryStore();
  const logs = new Logs(opened.store, "one");
  const random = seededRandom(3);
  const alphabet = ["a", "é", "€", "😀", '"', "\\", "\u0001"];
  const texts = [0, 59_900, 60_000, 66_000, 131_072, 1_100_000].map((length) => {
    let text = "";
    while (text.length < length) text += alphabet[Math.floor(random() * alphabet.length)];
    return text;
  });
  for (const [at, text] of texts.entries()) await append(opened.kv, THREAD, `m${at}`, text);
  const entries = await logs.entries();
  for (const [at, text] of texts.entries()) {
    const entry = entries[at]!;
    assert(entry.kind === "message" && entry.parts[0]!.text === text, `entry ${at} differs`);
  }
});

Deno.test("ThreadLog stops a read after about a megabyte, and says that more follows", async () => {
  using opened = await memoryStore();
  const { threads, incarnation } = bind(new Logs(opened.store, "one"));
  for (let at = 1; at <= 4; at++) await append(opened.kv, THREAD, `m${at}`, "x".repeat(600_000));
  const ref = await incarnation();
  const first = await threads.entries(ref, { afterSeq: 0, limit: 100 });
  assertEquals(first.entries.map(({ seq }) => seq), [1, 2]);
  assertEquals(first.more, true);
  const rest = await threads.entries(ref, { afterSeq: 2, limit: 100 });
  assertEquals(rest.entries.map(({ seq }) => seq), [3, 4]);
});

Deno.test("ThreadLog shows no subject another's thread, whatever their names", async () => {
  using opened = await memoryStore();
  const logs = new Logs(opened.store, "one");
  const subjects = [
    "alice",
    "Alice",
    "alice ",
    "alice\u0000",
    "\ud800",
    "\ud801",
    "\udc00",
    "\ufffd",
    "x\ud800",
    "x\ufffd",
    "\ud800\udc00",
    "é",
    "e\u0301",
  ];
  for (const [at, subject] of subjects.entries()) {
    const { created } = await logs.threads.create(thread("t", subject), { title: `of ${at}` });
    assertEquals(created, true, `subject ${at} met another's thread`);
    await logs.send("m", { ref: thread("t", subject), text: `says ${at}` });
  }
  for (const [at, subject] of subjects.entries()) {
    const { threads } = await logs.threads.list(subject, { limit: 50 });
    assertEquals(threads.map(({ title }) => title), [`of ${at}`]);
    assertEquals((await logs.story(thread("t", subject)))[0], `user says ${at}`);
  }
});

Deno.test("ThreadLog fails where the store does", async () => {
  using opened = await memoryStore();
  const { threads } = new Logs(opened.store, "one");
  opened.store.readsFail = true;
  assertEquals(await codeOf(() => threads.list("alice", { limit: 5 })), "STORE_UNAVAILABLE");
  assertEquals(await codeOf(() => threads.get(THREAD)), "STORE_UNAVAILABLE");
  opened.store.readsFail = false;
  opened.store.next("fails");
  assertEquals(await codeOf(() => threads.create(THREAD, { title: null })), "STORE_UNAVAILABLE");
  assertEquals(await threads.head(THREAD), null);
});

Deno.test("ThreadRemoval removes a thread at once, and its id begins anew from seq 1", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const logs = new Logs(opened.store, "one");
  await logs.finish(await logs.start("old"));
  const before = await logs.incarnation();
  const deleted = await logs.removal.delete(THREAD);
  assertEquals(deleted, before);
  assertEquals(await logs.threads.head(THREAD), null);
  assertEquals((await logs.threads.list("alice", { limit: 5 })).threads, []);
  assertEquals(await codeOf(() => logs.removal.delete(THREAD)), "NOT_FOUND");
  time.tick(1);
  const again = await logs.send("old", { text: "another text" });
  assertEquals([again.seq, again.duplicate], [1, false]);
  assertEquals(await logs.story(), ["user another text", "run 1 attempt 1 on old"]);
  assertNotEquals((await logs.incarnation()).generation, before.generation);
  assertEquals((await logs.threads.list("alice", { limit: 5 })).threads.length, 1);
});

Deno.test("ThreadRemoval fences the runs of a deleted thread", async () => {
  using opened = await memoryStore();
  const logs = new Logs(opened.store, "one");
  const claim = await logs.start("a");
  await logs.send("b");
  await logs.removal.delete(THREAD);
  const check = async () => {
    assertEquals(await logs.finish(claim), null);
    assertEquals(await logs.chunks.save(claim, 0, ["{}"]), false);
    assertEquals(await logs.chunks.renew(claim, "one"), false);
  };
  await check();
  assertEquals(await opened.kv.list({ prefix: ["lease"], limit: 9 }), []);
  assertEquals(await logs.ends.takeOver(THREAD, { partsOf: never }), { kind: "idle" });
  const { runId } = await logs.start("anew");
  await check();
  assertEquals((await logs.threads.get(THREAD)).activeRun, { runId, attempt: 1 });
});

Deno.test("ThreadRemoval recognises its own deletion whose commit was unknown", async () => {
  using time = new FakeTime();
  using opened = await memoryStore();
  const logs = new Logs(opened.store, "one");
  await logs.start("a");
  const thread = await logs.incarnation();
  opened.store.next("unknown-applied");
  assertEquals(await pass(time, logs.removal.delete(THREAD)), thread);
  assertEquals(await logs.threads.head(THREAD), null);
});

Deno.test("ThreadRemoval sweeps every row of a deleted thread and nothing else", async () => {
  using opened = await memoryStore();
  const { kv } = opened;
  const logs = new Logs(kv, "one");
  // Long names: the keys of one commit have a bound too.
  const subject = "€".repeat(256);
  const [gone, stays] = [thread("t".repeat(64), subject), thread("u".repeat(64), subject)];
  for (const ref of [gone, stays]) {
    const claim = await logs.start("a", ref);
    await logs.chunks.save(claim, 0, ['{"type":"x"}']);
    for (let at = 0; at < 20; at++) await append(kv, ref, `m${at}`, "x");
    await append(kv, ref, "big", "x".repeat(200_000));
  }
  const chunks = Array.from({ length: 1_200 }, (_, at) => at);
  const claim = (await logs.send("b", { ref: gone, onBusy: "interrupt" })).thread;
  for (let from = 0; from < chunks.length; from += 50) {
    const writes = chunks.slice(from, from + 50).map((at) => ({
      kind: "set" as const,
      key: ["data", subject, gone.threadId, claim.generation, "chunk", "r", 1, at],
      value: at,
    }));
    await kv.commit({ checks: [], writes });
  }
  const untouched = await rows(kv, stays);
  const removed = await logs.removal.delete(gone);
  await logs.removal.sweep();
  assertEquals(await rows(kv, gone), []);
  assertEquals(await kv.list({ prefix: ["trash"], limit: 9 }), []);
  assertEquals(await rows(kv, stays), untouched);
  assert(untouched.length > 25);
  assertEquals(removed.threadId, gone.threadId);
});

Deno.test("ThreadRemoval goes on with a sweep that was interrupted", async () => {
  using opened = await memoryStore();
  const { kv, store } = opened;
  const logs = new Logs(store, "one");
  for (const id of ["a", "b"]) {
    await logs.start("m", thread(id));
    await logs.removal.delete(thread(id));
  }
  store.next("fails");
  assertEquals(await codeOf(() => logs.removal.sweep()), "STORE_UNAVAILABLE");
  await logs.removal.sweep();
  assertEquals([...await rows(kv, thread("a")), ...await rows(kv, thread("b"))], []);
});

function never(): Promise<never> {
  return Promise.reject(new Error("nobody was to be asked"));
}

/** The keys of a thread's data. */
async function rows(store: Store, { subject, threadId }: ThreadRef): Promise<string[]> {
  const all = await store.list({ prefix: ["data", subject, threadId], limit: 10_000 });
  return all.map(({ key }) => JSON.stringify(key));
}

function bind(logs: Logs): Pick<Logs, "threads" | "incarnation"> {
  return { threads: logs.threads, incarnation: (ref) => logs.incarnation(ref) };
}
