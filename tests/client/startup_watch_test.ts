import { assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import type { ClientFetch } from "../../lib/client/mod.ts";
import { kinds, pass, ScriptedServer, turns } from "./scripted_server.ts";

/** A health endpoint that answers `document`, and whom it was asked by. */
function health(document: unknown): { fetch: ClientFetch; urls: string[]; signals: AbortSignal[] } {
  const urls: string[] = [];
  const signals: AbortSignal[] = [];
  const fetch: ClientFetch = (url, { signal }) => {
    urls.push(url);
    signals.push(signal);
    if (document instanceof Error) return Promise.reject(document);
    return Promise.resolve({ json: () => Promise.resolve(document) });
  };
  return { fetch, urls, signals };
}

const PHASES = [{ name: "store", critical: true, status: "running", attempts: 1, durationMs: 5 }];
const STARTING = { status: "fail", startup: { state: "starting", phases: PHASES } };

Deno.test("a client that is let wait says for which phases, until it is in", async () => {
  using time = new FakeTime();
  const server = new ScriptedServer();
  const { fetch, urls, signals } = health(STARTING);
  const { client, states } = server.client({ fetch });
  const connected = client.connect();
  await pass(time, 399);
  assertEquals(urls, []);
  await pass(time, 1);
  assertEquals(urls, ["http://chat.test/health/startup"]);
  assertEquals(client.state, { kind: "waiting-for-startup", phases: PHASES });
  await pass(time, 1_000);
  assertEquals(urls.length, 2);
  server.socket.greet();
  await connected;
  await pass(time, 10_000);
  assertEquals([urls.length, signals[0]?.aborted], [2, true]);
  assertEquals(kinds(states), [
    "connecting",
    "waiting-for-startup",
    "waiting-for-startup",
    "ready",
  ]);
  await client.close();
});

for (
  const [what, document] of [
    ["is ready", { status: "pass", startup: { state: "ready", phases: PHASES } }],
    ["cannot be asked", new TypeError("Failed to fetch")],
    ["answers something else", { hello: "world" }],
    ["answers nothing", null],
  ] as const
) {
  Deno.test(`a client that waits for a server that ${what} says nothing of a start-up`, async () => {
    using time = new FakeTime();
    const { fetch } = health(document);
    const { client, states } = new ScriptedServer().client({ fetch });
    void client.connect().catch(() => {});
    for (let second = 0; second < 3; second++) await pass(time, 1_000);
    assertEquals(kinds(states), ["connecting"]);
    await client.close();
  });
}

Deno.test("an answer that comes when the client is in already is not told", async () => {
  using time = new FakeTime();
  const server = new ScriptedServer();
  const late = Promise.withResolvers<{ json(): Promise<unknown> }>();
  const { client, states } = server.client({ fetch: () => late.promise });
  void client.connect();
  await pass(time, 400);
  server.socket.greet();
  late.resolve({ json: () => Promise.resolve(STARTING) });
  await turns();
  assertEquals(kinds(states), ["connecting", "ready"]);
  await client.close();
});
