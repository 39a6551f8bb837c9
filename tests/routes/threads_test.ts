import { assert, assertEquals, assertFalse, assertMatch } from "@std/assert";
import { delay } from "@std/async/delay";
import { entrySchema } from "../../lib/chat/protocol.ts";
import type { EntryPage } from "../../lib/http/threads.ts";
import type { Thread } from "../../lib/threads/thread_log.ts";
import { AppError } from "../../lib/errors.ts";
import { type Asked, eventually, overriding, World } from "../support/in_process.ts";
import { PuppetModel, saying } from "../support/puppet_model.ts";
import { problemIn } from "./problems.ts";

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** Asks, expects a status and reads the JSON. */
async function ask<T = Record<string, unknown>>(
  world: World,
  line: string,
  status: number,
  asked: Asked = {},
): Promise<T> {
  const [method = "GET", path = "/"] = line.split(" ");
  const response = await world.request(path, { method, ...asked });
  const text = await response.text();
  assertEquals(response.status, status, `${line}: ${text}`);
  assertMatch(response.headers.get("content-type") ?? "", /^application\/json/);
  assert(response.headers.get("x-request-id"));
  return JSON.parse(text) as T;
}

/** Creates a thread of that id. */
function create(world: World, id: string, sub = "alice"): Promise<Thread> {
  return ask<Thread>(world, "POST /api/threads", 201, { json: { id }, sub });
}

/** Sends a message and waits until it is answered. */
async function converse(world: World, threadId: string, id: string, sub = "alice"): Promise<void> {
  const path = `/api/threads/${threadId}`;
  await ask(world, `POST ${path}/messages`, 202, { json: { id, text: "hello" }, sub });
  await eventually(async () =>
    (await ask<Thread>(world, `GET ${path}`, 200, { sub })).activeRun === null
  );
}

Deno.test("POST /api/threads creates a thread: 201, with an id of its own where none is given", async () => {
  await using world = await World.open();
  const { createdAt, updatedAt, ...thread } = await ask<Thread>(world, "POST /api/threads", 201, {
    json: { id: "t-1", title: " My thread " },
  });
  assertEquals(thread, { id: "t-1", title: "My thread", headSeq: 0, activeRun: null });
  assertMatch(createdAt, TIME);
  assertEquals(updatedAt, createdAt);
  for (const json of [undefined, {}, { title: null }]) {
    const { id, title } = await ask<Thread>(world, "POST /api/threads", 201, { json });
    assertMatch(id, /^[A-Za-z0-9_-]{1,64}$/);
    assertEquals(title, null);
  }
});

Deno.test("POST /api/threads with an id that the caller has answers 200 with that thread, unchanged", async () => {
  await using world = await World.open();
  const first = await create(world, "t-1");
  const again = await ask(world, "POST /api/threads", 200, { json: { id: "t-1", title: "new" } });
  assertEquals<unknown>(again, first);
});

Deno.test("POST /api/threads refuses what is no thread", async () => {
  await using world = await World.open();
  const bodies: unknown[] = [
    [],
    "x",
    1,
    null,
    { id: "" },
    { id: "a b" },
    { id: "a".repeat(65) },
    { id: 1 },
    { id: null },
    { title: "" },
    { title: "  " },
    { title: 1 },
    { title: "a".repeat(201) },
    { title: "\ud83d" },
  ];
  for (const json of bodies) {
    const response = await world.request("/api/threads", { method: "POST", json });
    await problemIn(response, "INVALID_REQUEST");
  }
  for (const body of ["{", "id=1", "\u0000"]) {
    const response = await world.request("/api/threads", { method: "POST", body });
    await problemIn(response, "INVALID_REQUEST");
  }
  assertEquals(await ask(world, "GET /api/threads", 200), { threads: [], nextCursor: null });
});

Deno.test("GET /api/threads lists the caller's threads, newest activity first, page by page", async () => {
  const model = new PuppetModel(saying("hi"));
  await using world = await World.open({ model });
  const ids = ["a", "b", "c", "d", "e"];
  for (const id of ids) {
    await create(world, id);
    await delay(2);
  }
  await create(world, "bobs", "bob");
  await converse(world, "b", "m1");
  const expected = ["b", "e", "d", "c", "a"];
  type Page = { threads: Thread[]; nextCursor: string | null };
  const whole = await ask<Page>(world, "GET /api/threads", 200);
  assertEquals([whole.threads.map(({ id }) => id), whole.nextCursor], [expected, null]);
  assertEquals(whole.threads[0], await ask<Thread>(world, "GET /api/threads/b", 200));
  assertEquals([whole.threads[0]?.title, whole.threads[0]?.headSeq], ["hello", 3]);

  for (const limit of [1, 2, 3, 5, 100]) {
    const seen: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const query: string = `limit=${limit}${cursor && `&cursor=${encodeURIComponent(cursor)}`}`;
      const page: Page = await ask<Page>(world, `GET /api/threads?${query}`, 200);
      assert(page.threads.length <= limit);
      seen.push(...page.threads.map(({ id }) => id));
      cursor = page.nextCursor;
    }
    assertEquals(seen, expected, `pages of ${limit}`);
  }
});

Deno.test("GET /api/threads refuses limits and cursors that are none", async () => {
  await using world = await World.open();
  const queries = ["limit=0", "limit=101", "limit=-1", "limit=x", "limit=1.5", "limit="];
  for (const query of [...queries, "cursor=%00", "cursor=!", `cursor=${"a".repeat(200)}`]) {
    await problemIn(await world.request(`/api/threads?${query}`), "INVALID_REQUEST");
  }
});

Deno.test("PATCH /api/threads/{id} renames a thread and moves nothing", async () => {
  await using world = await World.open();
  const thread = await create(world, "t");
  const renamed = await ask(world, "PATCH /api/threads/t", 200, { json: { title: "New" } });
  assertEquals<unknown>(renamed, { ...thread, title: "New" });
  assertEquals<unknown>(await ask(world, "GET /api/threads/t", 200), renamed);
  const bare = await ask(world, "PATCH /api/threads/t", 200, { json: { title: null } });
  assertEquals<unknown>(bare, { ...thread, title: null });
  for (const json of [{}, { title: "" }, { title: 1 }, { title: "x".repeat(201) }]) {
    const response = await world.request("/api/threads/t", { method: "PATCH", json });
    await problemIn(response, "INVALID_REQUEST");
  }
});

Deno.test("DELETE /api/threads/{id} removes a thread, cancels its run and frees its id from seq 1", async () => {
  await using world = await World.open();
  const message = { json: { id: "m1", text: "hello" } };
  await ask(world, "POST /api/threads/t/messages", 202, message);
  const call = await world.puppet.nextCall();
  call.begin();
  const response = await world.request("/api/threads/t", { method: "DELETE" });
  assertEquals([response.status, await response.text()], [204, ""]);
  assert(response.headers.get("x-request-id"));
  await problemIn(await world.request("/api/threads/t"), "NOT_FOUND");
  await problemIn(await world.request("/api/threads/t", { method: "DELETE" }), "NOT_FOUND");
  assertEquals(await ask(world, "GET /api/threads", 200), { threads: [], nextCursor: null });
  await eventually(() => call.request.context.signal.aborted);
  const again = await ask(world, "POST /api/threads/t/messages", 202, message);
  assertEquals([again["seq"], again["duplicate"]], [1, false]);
  (await world.puppet.nextCall()).begin().finish();
});

Deno.test("GET /api/threads/{id}/entries gives the log in order, from any seq, a page at a time", async () => {
  const model = new PuppetModel(saying("hi"));
  await using world = await World.open({ model });
  await converse(world, "t", "m1");
  await converse(world, "t", "m2");
  type Page = { entries: { seq: number; entry: unknown }[]; headSeq: number };
  const get = (query: string): Promise<Page> =>
    ask<Page>(world, `GET /api/threads/t/entries${query}`, 200);
  const whole = await get("");
  assertEquals(whole.entries.map(({ seq }) => seq), [1, 2, 3, 4, 5, 6]);
  assertEquals(whole.headSeq, 6);
  for (const { entry } of whole.entries) assertEquals<unknown>(entrySchema.parse(entry), entry);
  for (let afterSeq = 0; afterSeq <= 7; afterSeq++) {
    const rest = await get(`?afterSeq=${afterSeq}`);
    assertEquals(rest, { entries: whole.entries.slice(afterSeq), headSeq: 6 });
    const two = await get(`?afterSeq=${afterSeq}&limit=2`);
    assertEquals(two, { entries: whole.entries.slice(afterSeq, afterSeq + 2), headSeq: 6 });
  }
  const bad = [
    "afterSeq=-1",
    "afterSeq=x",
    "afterSeq=1.5",
    "afterSeq=1e30",
    "limit=0",
    "limit=501",
  ];
  for (const query of bad) {
    await problemIn(await world.request(`/api/threads/t/entries?${query}`), "INVALID_REQUEST");
  }
});

Deno.test("POST /api/threads/{id}/messages stores a message: 202 with its seq and run, and once only", async () => {
  await using world = await World.open();
  const post = (json: unknown): Promise<Response> =>
    world.request("/api/threads/t/messages", { method: "POST", json });
  const first = await ask(world, "POST /api/threads/t/messages", 202, {
    json: { id: "m1", text: "hello", agent: "other", onBusy: "reject" },
  });
  const { runId, ...rest } = first;
  assertEquals(rest, { threadId: "t", seq: 1, duplicate: false });
  const again = await ask(world, "POST /api/threads/t/messages", 202, {
    json: { id: "m1", text: "hello" },
  });
  assertEquals(again, { ...first, duplicate: true });
  await problemIn(await post({ id: "m1", text: "other" }), "IDEMPOTENCY_CONFLICT");
  await problemIn(await post({ id: "m2", text: "x", onBusy: "reject" }), "RUN_ACTIVE");
  const call = await world.puppet.nextCall();
  assertEquals([call.request.runId, call.request.agent.name], [runId, "other"]);
  const { activeRun, headSeq } = await ask<Thread>(world, "GET /api/threads/t", 200);
  assertEquals([activeRun, headSeq], [{ runId, attempt: 1 }, 2]);
  call.begin().finish();
});

Deno.test("POST /api/threads/{id}/messages refuses what is no message, and stores nothing", async () => {
  await using world = await World.open();
  const bodies: unknown[] = [
    {},
    { id: "m" },
    { text: "hello" },
    { id: "m", text: "" },
    { id: "m", text: " \n\u00a0" },
    { id: "m", text: "\udc00" },
    { id: "m m", text: "hello" },
    { id: "m", text: ["hello"] },
    { id: "m", text: "hello", agent: "nobody" },
    { id: "m", text: "hello", agent: "" },
    { id: "m", text: "hello", onBusy: "wait" },
  ];
  for (const json of bodies) {
    const response = await world.request("/api/threads/t/messages", { method: "POST", json });
    await problemIn(response, "INVALID_REQUEST");
  }
  await problemIn(await world.request("/api/threads/t"), "NOT_FOUND");
});

Deno.test("POST /api/threads/{id}/messages answers 413 to a message and to a body that is too large", async () => {
  await using world = await World.open({
    env: { LIMIT_MESSAGE_BYTES: "100", LIMIT_FRAME_BYTES: "1000" },
  });
  const post = (asked: Asked): Promise<Response> =>
    world.request("/api/threads/t/messages", { method: "POST", ...asked });
  // 100 bytes of UTF-8 are allowed, not 100 characters.
  await problemIn(
    await post({ json: { id: "m", text: "ä".repeat(50) + "x" } }),
    "MESSAGE_TOO_LARGE",
  );
  await problemIn(await post({ json: { id: "m", text: "x".repeat(9_000) } }), "MESSAGE_TOO_LARGE");
  const body = (): ReadableStream<Uint8Array<ArrayBuffer>> =>
    ReadableStream.from([new TextEncoder().encode(`{"id":"m","text":"`), new Uint8Array(9_000)]);
  await problemIn(await post({ body: body() }), "MESSAGE_TOO_LARGE");
  await problemIn(await world.request("/api/threads/t"), "NOT_FOUND");
  await ask(world, "POST /api/threads/t/messages", 202, {
    json: { id: "m", text: "ä".repeat(50) },
  });
  (await world.puppet.nextCall()).begin().finish();
});

Deno.test("POST /api/threads/{id}/messages takes a message within its limit however JSON writes it", async () => {
  const limits = { LIMIT_MESSAGE_BYTES: "20000", LIMIT_FRAME_BYTES: "20000" };
  await using world = await World.open({ env: limits });
  const text = "\u0001".repeat(20_000);
  await ask(world, "POST /api/threads/t/messages", 202, { json: { id: "m", text } });
  const { entries } = await ask<EntryPage>(world, "GET /api/threads/t/entries", 200);
  const [{ entry }] = entries as [EntryPage["entries"][number]];
  assert(entry.kind === "message" && entry.parts[0]?.text === text);
});

Deno.test("POST /api/threads/{id}/messages refuses a body that is no UTF-8, and one that breaks off", async () => {
  await using world = await World.open();
  const post = (body: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<Response> =>
    world.request("/api/threads/t/messages", { method: "POST", body });
  const start = new TextEncoder().encode(`{"id":"m","text":"a`);
  const latin = ReadableStream.from([new Uint8Array([...start, 0xff, 0x22, 0x7d])]);
  await problemIn(await post(latin), "INVALID_REQUEST");
  const broken = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start: (controller) => controller.enqueue(start),
    pull: (controller) => controller.error(new TypeError("secret")),
  });
  const { detail } = await problemIn(await post(broken), "INVALID_REQUEST");
  assertEquals(detail, "The body could not be read");
  await problemIn(await world.request("/api/threads/t"), "NOT_FOUND");
});

Deno.test("/api names the part of a path that is no id", async () => {
  await using world = await World.open();
  for (
    const [line, part] of [
      ["GET /api/threads/a%20b", "threadId"],
      ["POST /api/chat/a%20b/stop", "threadId"],
      ["POST /api/threads/t/runs/a%20b/cancel", "runId"],
    ] as const
  ) {
    const [method, path] = line.split(" ") as [string, string];
    const { detail } = await problemIn(await world.request(path, { method }), "INVALID_REQUEST");
    assertMatch(detail, new RegExp(part), line);
  }
});

Deno.test("nothing of /api is to be kept by a cache", async () => {
  await using world = await World.open();
  await create(world, "t-1");
  for (const path of ["/api/threads", "/api/threads/t-1", "/api/threads/t-1/entries"]) {
    const response = await world.request(path);
    await response.body?.cancel();
    assertEquals(response.headers.get("cache-control"), "no-store", path);
  }
});

Deno.test("POST /api/threads/{id}/messages answers TOO_MANY_RUNS over the limit, and stores nothing", async () => {
  await using world = await World.open({ env: { LIMIT_RUNS_PER_SUBJECT: "1" } });
  await ask(world, "POST /api/threads/t/messages", 202, { json: { id: "m", text: "hello" } });
  const post = (): Promise<Response> =>
    world.request("/api/threads/u/messages", { method: "POST", json: { id: "m", text: "hello" } });
  await problemIn(await post(), "TOO_MANY_RUNS");
  await problemIn(await world.request("/api/threads/u"), "NOT_FOUND");
  (await world.puppet.nextCall()).begin().finish();
});

Deno.test("POST /api/threads/{id}/runs/{runId}/cancel ends a run: 202", async () => {
  await using world = await World.open();
  const { runId } = await ask<{ runId: string }>(world, "POST /api/threads/t/messages", 202, {
    json: { id: "m", text: "hello" },
  });
  (await world.puppet.nextCall()).begin().words("so far");
  const line = `POST /api/threads/t/runs/${runId}/cancel`;
  assertEquals<unknown>(await ask(world, line, 202), { runId });
  await eventually(async () =>
    (await ask<Thread>(world, "GET /api/threads/t", 200)).activeRun === null
  );
  const { entries } = await ask<{ entries: { entry: { outcome?: string } }[] }>(
    world,
    "GET /api/threads/t/entries",
    200,
  );
  assertEquals(entries.at(-1)?.entry.outcome, "cancelled");
  assertEquals<unknown>(await ask(world, line, 202), { runId });
  const cancel = (path: string): Promise<Response> => world.request(path, { method: "POST" });
  await problemIn(await cancel("/api/threads/t/runs/r-invented/cancel"), "NOT_FOUND");
  await problemIn(await cancel(`/api/threads/u/runs/${runId}/cancel`), "NOT_FOUND");
  await problemIn(await cancel("/api/threads/t/runs/a.b/cancel"), "INVALID_REQUEST");
});

/** Every route that names a thread, with the body that it takes. */
const THREAD_ROUTES: readonly (readonly [string, string, unknown?])[] = [
  ["GET", ""],
  ["PATCH", "", { title: "mine" }],
  ["DELETE", ""],
  ["GET", "/entries"],
  ["POST", "/runs/RUN/cancel"],
];

Deno.test("another subject's thread is one that does not exist: the same 404 as for an invented id", async () => {
  await using world = await World.open();
  const { runId } = await ask<{ runId: string }>(world, "POST /api/threads/t/messages", 202, {
    json: { id: "m", text: "a secret" },
  });
  const before = await ask(world, "GET /api/threads/t", 200);
  for (const [method, rest, json] of THREAD_ROUTES) {
    const refusals = ["t", "invented"].map(async (threadId) => {
      const path = `/api/threads/${threadId}${rest.replace("RUN", runId)}`;
      const headers = { "X-Request-Id": "same" };
      const response = await world.request(path, { method, json, sub: "bob", headers });
      return [await problemIn(response, "NOT_FOUND"), Object.fromEntries(response.headers)];
    });
    const [others, invented] = await Promise.all(refusals);
    assertEquals(others, invented, `${method} ${rest}`);
  }
  assertEquals<unknown>(await ask(world, "GET /api/threads", 200, { sub: "bob" }), {
    threads: [],
    nextCursor: null,
  });
  // The id is free for him, message ids as well.
  await ask(world, "POST /api/threads", 201, { json: { id: "t" }, sub: "bob" });
  const own = await ask(world, "POST /api/threads/t/messages", 202, {
    json: { id: "m", text: "my own" },
    sub: "bob",
  });
  assertEquals([own["seq"], own["duplicate"]], [1, false]);
  const deleted = await world.request("/api/threads/t", { method: "DELETE", sub: "bob" });
  assertEquals(deleted.status, 204);
  assertEquals(await ask(world, "GET /api/threads/t", 200), before);
  const texts = JSON.stringify(await ask(world, "GET /api/threads/t/entries", 200));
  assertFalse(texts.includes("my own"));
});

Deno.test("subjects that look alike, or like keys of a store, share nothing", async () => {
  await using world = await World.open();
  const subjects = [
    "alice",
    "Alice",
    "alice ",
    "alice/t",
    "alice t",
    "al\u0000ice",
    "é",
    "e\u0301",
  ];
  for (const sub of subjects) await create(world, "t", sub);
  for (const [at, sub] of subjects.entries()) {
    await ask(world, "PATCH /api/threads/t", 200, { json: { title: `${at}` }, sub });
  }
  for (const [at, sub] of subjects.entries()) {
    assertEquals((await ask<Thread>(world, "GET /api/threads/t", 200, { sub })).title, `${at}`);
  }
});

Deno.test("ids that are none are INVALID_REQUEST on every route that names a thread", async () => {
  await using world = await World.open();
  for (const id of ["a.b", "a%20b", "%00", "a".repeat(65), "%C3%A4", "a%2Fb"]) {
    for (const [method, rest, json] of THREAD_ROUTES) {
      const path = `/api/threads/${id}${rest.replace("RUN", "r-1")}`;
      await problemIn(await world.request(path, { method, json }), "INVALID_REQUEST");
    }
  }
});

Deno.test("a store that is lost answers 503 STORE_UNAVAILABLE on /api, and nothing else", async () => {
  let lost = false;
  await using world = await World.open({
    wrap: (store) =>
      overriding(store, {
        get: (key) =>
          lost
            ? Promise.reject(new AppError("STORE_UNAVAILABLE", { retryAfterMs: 2_500 }))
            : store.get(key),
      }),
  });
  await create(world, "t");
  lost = true;
  const { retryAfterMs } = await problemIn(
    await world.request("/api/threads/t"),
    "STORE_UNAVAILABLE",
  );
  assertEquals(retryAfterMs, 2_500);
  lost = false;
  await ask(world, "GET /api/threads/t", 200);
  world.available = false;
  await problemIn(await world.request("/api/threads"), "STORE_UNAVAILABLE");
});

Deno.test("a fault that nobody foresaw is 500 INTERNAL, logged with its request and told to nobody", async () => {
  let broken = false;
  await using world = await World.open({
    wrap: (store) =>
      overriding(store, {
        get: (key) => broken ? Promise.reject(new Error("s3cr3t")) : store.get(key),
      }),
  });
  broken = true;
  const response = await world.request("/api/threads/t", { headers: { "X-Request-Id": "req-7" } });
  const problem = await problemIn(response, "INTERNAL");
  broken = false;
  assertFalse(JSON.stringify(problem).includes("s3cr3t"));
  assertEquals(problem.requestId, "req-7");
  const [record] = world.logged.filter(({ level }) => level === "error");
  assertEquals(record?.properties["requestId"], "req-7");
});
