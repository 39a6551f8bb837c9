import { assert, assertEquals } from "@std/assert";
import { Listener } from "../lib/listener.ts";
import { needs } from "./support/permissions.ts";

const withNet = needs("net");

Deno.test({
  ...withNet("Listener says that the process lives before there is an application"),
  async fn() {
    const listener = new Listener({ host: "127.0.0.1", port: 0 });
    for (const method of ["GET", "HEAD"]) {
      const answer = await fetch(`${listener.address}/health/live?probe=1`, {
        method,
        headers: { "X-Request-Id": "probe-1" },
      });
      assertEquals(answer.status, 200);
      assertEquals(answer.headers.get("content-type"), "application/health+json");
      assertEquals(answer.headers.get("x-request-id"), "probe-1");
      assertEquals(await answer.text(), method === "GET" ? '{"status":"pass"}' : "");
    }
    await listener.shutdown();
  },
});

Deno.test({
  ...withNet(
    "Listener's own answers have the headers of all others, https pinned in production too",
  ),
  async fn() {
    for (const appEnv of ["development", "production"]) {
      const listener = new Listener({ host: "127.0.0.1", port: 0, appEnv });
      const { headers, body } = await fetch(`${listener.address}/health/live`);
      await body?.cancel();
      assertEquals(headers.get("x-frame-options"), "DENY");
      assertEquals(headers.has("strict-transport-security"), appEnv === "production");
      await listener.shutdown();
    }
  },
});

Deno.test({
  ...withNet("Listener lets everything else wait for the application, which then answers all"),
  async fn() {
    const listener = new Listener({ host: "127.0.0.1", port: 0 });
    const seen: string[] = [];
    const arrivals: (number | undefined)[] = [];
    const startedMs = performance.now();
    const early = ["/health/ready", "/health/live/else", "/?/health/live"].map(async (path) => {
      const answer = await fetch(listener.address + path);
      return await answer.text();
    });
    const posted = fetch(`${listener.address}/health/live`, { method: "POST" });
    // Answered after the others have come.
    await (await fetch(`${listener.address}/health/live`)).text();
    const servedMs = performance.now();
    listener.serve({
      fetch: (request, arrival) => {
        arrivals.push(arrival?.arrivedMs);
        seen.push(`${request.method} ${new URL(request.url).pathname}`);
        return new Response("from the application");
      },
    }, () => {});
    assertEquals(await Promise.all(early), Array(3).fill("from the application"));
    assertEquals(await (await posted).text(), "from the application");
    assertEquals(
      await (await fetch(`${listener.address}/health/live`)).text(),
      "from the application",
    );
    assertEquals(seen.length, 5);
    // Who had to wait for it came before it; who came later did not wait.
    for (const arrivedMs of arrivals.slice(0, 4)) {
      assert(arrivedMs! >= startedMs && arrivedMs! <= servedMs);
    }
    assertEquals(arrivals[4], undefined);
    await listener.shutdown();
  },
});

Deno.test({
  ...withNet("Listener tells what its application threw, and answers 500 without it"),
  async fn() {
    const listener = new Listener({ host: "127.0.0.1", port: 0 });
    const faults: unknown[] = [];
    const fault = new Error("secret");
    listener.serve({ fetch: () => Promise.reject(fault) }, (error) => void faults.push(error));
    const answer = await fetch(listener.address);
    assertEquals(answer.status, 500);
    assertEquals(await answer.text(), "");
    for (const name of ["x-request-id", "content-security-policy", "x-content-type-options"]) {
      assert(answer.headers.has(name), name);
    }
    assert(faults[0] === fault);
    await listener.shutdown();
  },
});
