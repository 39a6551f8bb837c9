import { assert, assertEquals, assertFalse, assertMatch } from "@std/assert";
import { AppError } from "../../lib/errors.ts";
import { METRICS } from "../../lib/observe/metrics.ts";
import { overriding, World, type WorldOptions } from "../support/in_process.ts";
import { problemIn } from "./problems.ts";

const PRODUCTION = {
  APP_ENV: "production",
  JWT_ISSUER: "https://issuer.example",
  JWT_AUDIENCE: "drawbridge",
};

/** The status and the document of a health route. */
async function health(world: World, path: string): Promise<[number, Record<string, unknown>]> {
  const response = await world.request(path, { sub: null });
  assertEquals(response.headers.get("content-type"), "application/health+json", path);
  assertEquals(response.headers.get("cache-control"), "no-store", path);
  assertEquals(response.headers.get("retry-after"), response.status === 503 ? "1" : null, path);
  return [response.status, await response.json()];
}

/** The statuses of all four health routes. */
async function statuses(world: World): Promise<number[]> {
  const paths = ["/health/live", "/health/startup", "/health/ready", "/health"];
  return await Promise.all(paths.map(async (path) => (await health(world, path))[0]));
}

Deno.test("health: live always, startup, ready and the whole from ready on, and again not while draining", async () => {
  await using world = await World.open({ closed: true, withoutKeys: true });
  assertEquals(await statuses(world), [200, 503, 503, 503]);
  world.barrier.fail({ retryAfterMs: 1_000 });
  assertEquals(await statuses(world), [200, 503, 503, 503]);
  world.barrier.restart();
  world.barrier.open(world.services);
  assertEquals(await statuses(world), [200, 200, 200, 200]);
  world.barrier.drain();
  const [live, , ready, whole] = await statuses(world);
  assertEquals([live, ready, whole], [200, 503, 503]);
});

Deno.test("GET /health/startup tells each phase's status, attempts and duration", async () => {
  await using world = await World.open();
  const [, { status, startup }] = await health(world, "/health/startup");
  assertEquals(status, "pass");
  assertEquals<unknown>(startup, {
    state: "ready",
    attempt: 1,
    durationMs: 1,
    phases: [{ name: "store", critical: true, status: "ok", attempts: 1, durationMs: 1 }],
  });
});

Deno.test("GET /health is a warning, and serves, where something optional is lost", async () => {
  await using world = await World.open();
  world.degraded = ["model"];
  const [status, body] = await health(world, "/health");
  assertEquals([status, body["status"]], [200, "warn"]);
  const checks = body["checks"] as Record<string, { status: string }[]>;
  assertEquals(Object.entries(checks).map(([name, [check]]) => [name, check?.status]), [
    ["store", "pass"],
    ["model", "warn"],
  ]);
  assertEquals((await health(world, "/health/ready"))[0], 200);
});

/** A store whose probe fails with something that nobody should read. */
const LOST: NonNullable<WorldOptions["wrap"]> = (store) =>
  overriding(store, {
    probe: () =>
      Promise.reject(
        new AppError("STORE_UNAVAILABLE", { cause: new Error("at /var/lib/s3cr3t.db") }),
      ),
  });

Deno.test("GET /health and /health/ready are 503 where the store does not answer, without a path or an error text", async () => {
  for (const APP_ENV of ["test", "staging", "production"]) {
    await using world = await World.open({ env: { ...PRODUCTION, APP_ENV }, wrap: LOST });
    for (const path of ["/health", "/health/ready"]) {
      const [status, body] = await health(world, path);
      assertEquals([status, body["status"]], [503, "fail"]);
      const text = JSON.stringify(body);
      assertFalse(/s3cr3t|var\/lib|STORE_UNAVAILABLE|unavailable|output/i.test(text), text);
    }
  }
});

Deno.test("GET /metrics is open in development and test, and gives every metric that was recorded", async () => {
  for (const APP_ENV of ["development", "test"]) {
    await using world = await World.open({ env: { APP_ENV } });
    world.metrics.record("closes_total", { code: "1012" });
    const response = await world.request("/metrics", { sub: null });
    assertEquals(response.status, 200);
    assertMatch(response.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
    assertEquals(response.headers.get("cache-control"), "no-store");
    const text = await response.text();
    assertMatch(text, /^drawbridge_closes_total\{code="1012"\} 1$/m);
    for (const name of Object.keys(METRICS)) assert(text.includes(`# TYPE drawbridge_${name} `));
  }
});

Deno.test("GET /metrics does not exist in staging and production without METRICS_TOKEN", async () => {
  for (const APP_ENV of ["staging", "production"]) {
    await using world = await World.open({ env: { ...PRODUCTION, APP_ENV } });
    await problemIn(await world.request("/metrics", { sub: null }), "NOT_FOUND");
    const headers = { Authorization: "Bearer " };
    await problemIn(await world.request("/metrics", { sub: null, headers }), "NOT_FOUND");
  }
});

Deno.test("GET /metrics behind METRICS_TOKEN answers that bearer only, everywhere", async () => {
  for (const APP_ENV of ["test", "production"]) {
    await using world = await World.open({
      env: { ...PRODUCTION, APP_ENV, METRICS_TOKEN: "scrape-me" },
    });
    const get = (Authorization?: string): Promise<Response> =>
      world.request("/metrics", {
        sub: null,
        ...(Authorization === undefined ? {} : { headers: { Authorization } }),
      });
    for (const header of [undefined, "Bearer scrape", "Bearer scrape-me2", "scrape-me", "Bearer"]) {
      const response = await get(header);
      await problemIn(response, "UNAUTHENTICATED");
      const challenge = response.headers.get("www-authenticate") ?? "";
      assertMatch(challenge, /^Bearer /);
      // RFC 6750 §3.1: no error where nobody tried.
      assertEquals(challenge.includes("error="), header !== undefined, header);
    }
    for (const scheme of ["Bearer", "bearer", "BEARER "]) {
      const response = await get(`${scheme} scrape-me`);
      assertEquals(response.status, 200, scheme);
      await response.body?.cancel();
    }
  }
});

Deno.test("metrics hold no subject, thread or token", async () => {
  await using world = await World.open();
  const client = await world.connect({ sub: "subject-x" });
  const message = { id: "message-x", text: "text-x" };
  client.send({ type: "message.send", id: "1", threadId: "thread-x", message });
  await client.socket.answerTo("1");
  (await world.puppet.nextCall()).begin().finish();
  await (await world.request("/api/threads/thread-x", { sub: "subject-x" })).body?.cancel();
  const text = await (await world.request("/metrics", { sub: null })).text();
  assertMatch(text, /drawbridge_messages_stored_total 1/);
  assertFalse(/subject-x|thread-x|message-x|text-x/.test(text));
});
