import { assert, assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { World, type WorldOptions } from "../support/in_process.ts";
import { mintToken } from "../support/tokens.ts";
import { problemIn } from "./problems.ts";

const CLOSED: WorldOptions = { closed: true, env: { STARTUP_WAIT_MS: "5000" } };

/** Whether a response is there yet. */
interface Pending {
  readonly response: Promise<Response>;
  readonly settled: () => boolean;
}

/** Asks for the caller's threads, and does not wait. */
async function askThreads(world: World, signal?: AbortSignal): Promise<Pending> {
  let settled = false;
  const headers = { Authorization: `Bearer ${await mintToken()}` };
  const asked = signal === undefined ? {} : { signal };
  const response = world.request("/api/threads", { sub: null, headers, ...asked });
  response.then(() => settled = true, () => settled = true);
  return { response, settled: () => settled };
}

/** Lets a request reach the gate: its token takes real time to verify. */
async function arrive(world: World, time: FakeTime, waiting = 1): Promise<void> {
  for (let turn = 0; turn < 500 && world.room.size !== waiting; turn++) await time.delay(1);
  assertEquals(world.room.size, waiting);
}

Deno.test("/api waits while the server starts, and answers once it is ready", async () => {
  using time = new FakeTime();
  await using world = await World.open(CLOSED);
  const { response, settled } = await askThreads(world);
  await arrive(world, time);
  await time.tickAsync(4_000);
  await time.runMicrotasks();
  assertEquals(settled(), false);
  world.barrier.open(world.services);
  await time.tickAsync(100);
  const { status } = await response;
  assertEquals(status, 200);
  assertEquals(world.room.size, 0);
});

Deno.test("/api waits for the keys as well, and verifies the token before it answers", async () => {
  using time = new FakeTime();
  await using world = await World.open({ ...CLOSED, withoutKeys: true });
  const { response } = await askThreads(world);
  const headers = { Authorization: "Bearer a.b.c" };
  const forged = world.request("/api/threads", { sub: null, headers });
  await arrive(world, time, 2);
  world.keys.open(world.services.verifier);
  world.barrier.open(world.services);
  for (let turn = 0; turn < 20; turn++) {
    await time.delay(1);
    await time.tickAsync(1);
  }
  assertEquals((await response).status, 200);
  await problemIn(await forged, "UNAUTHENTICATED");
});

Deno.test("/api answers 503 STARTUP_INCOMPLETE at its deadline, not before", async () => {
  using time = new FakeTime();
  await using world = await World.open(CLOSED);
  const { response, settled } = await askThreads(world);
  await arrive(world, time);
  await time.tickAsync(4_000);
  await time.runMicrotasks();
  assertEquals(settled(), false);
  await time.tickAsync(1_000);
  await time.tickAsync(100);
  const { retryAfterMs } = await problemIn(await response, "STARTUP_INCOMPLETE");
  assert(retryAfterMs !== undefined && retryAfterMs >= 1_000 && retryAfterMs <= 2_000);
  assertEquals(world.room.size, 0);
});

Deno.test("/api without keys by its deadline answers 503 STARTUP_INCOMPLETE, whatever the token is", async () => {
  using time = new FakeTime();
  await using world = await World.open({ ...CLOSED, withoutKeys: true });
  const headers = { Authorization: "Bearer a.b.c" };
  const response = world.request("/api/threads", { sub: null, headers });
  await arrive(world, time);
  await time.tickAsync(5_000);
  await time.tickAsync(100);
  await problemIn(await response, "STARTUP_INCOMPLETE");
});

Deno.test("/api refuses who waits at once with 503 SERVICE_UNAVAILABLE when the start-up fails, and newcomers wait for the next attempt", async () => {
  using time = new FakeTime();
  await using world = await World.open(CLOSED);
  const { response } = await askThreads(world);
  await arrive(world, time);
  world.barrier.fail({ retryAfterMs: 2_400, cause: new Error("s3cr3t") });
  await time.tickAsync(100);
  const problem = await problemIn(await response, "SERVICE_UNAVAILABLE");
  assertEquals(problem.retryAfterMs, 2_400);
  assertEquals(JSON.stringify(problem).includes("s3cr3t"), false);

  const { response: later, settled } = await askThreads(world);
  await arrive(world, time);
  assertEquals(settled(), false);
  world.barrier.restart();
  world.barrier.open(world.services);
  await time.tickAsync(100);
  assertEquals((await later).status, 200);
});

Deno.test("/api answers 503 DRAINING to who waits and to who comes, once the drain begins", async () => {
  using time = new FakeTime();
  await using world = await World.open(CLOSED);
  const { response } = await askThreads(world);
  await arrive(world, time);
  world.barrier.drain();
  await time.tickAsync(100);
  await problemIn(await response, "DRAINING");
  const { response: later } = await askThreads(world);
  await problemIn(await later, "DRAINING");
});

Deno.test("/api refuses a token that is none before it takes a place, and answers 429 over a subject's places", async () => {
  using time = new FakeTime();
  await using world = await World.open({
    ...CLOSED,
    env: { ...CLOSED.env, LIMIT_WAITING_PER_SUBJECT: "1", LIMIT_WAITING: "2" },
  });
  const headers = { Authorization: "Bearer a.b.c" };
  await problemIn(await world.request("/api/threads", { sub: null, headers }), "UNAUTHENTICATED");
  const { response } = await askThreads(world);
  await arrive(world, time);
  await problemIn(await (await askThreads(world)).response, "TOO_MANY_CONNECTIONS");
  const bob = world.request("/api/threads", { sub: "bob" });
  await arrive(world, time, 2);
  await problemIn(await world.request("/api/threads", { sub: "carol" }), "ADMISSION_FULL");
  world.barrier.open(world.services);
  await time.tickAsync(100);
  assertEquals([(await response).status, (await bob).status], [200, 200]);
});

Deno.test("/api frees the place of a client that leaves while it waits", async () => {
  using time = new FakeTime();
  await using world = await World.open(CLOSED);
  const left = new AbortController();
  const { response } = await askThreads(world, left.signal);
  await arrive(world, time);
  left.abort();
  await time.tickAsync(1_000);
  assertEquals(world.room.size, 0);
  await (await response).body?.cancel();
});
