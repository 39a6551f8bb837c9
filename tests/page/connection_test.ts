import { assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import type { ClientState, StateListener } from "../../lib/client/mod.ts";
import { ConnectionWatch, type PagePort } from "../../routes/page/app/state/connection.ts";

const session = {
  sessionId: "s",
  subject: "ada",
  expiresAt: "2026-01-01T00:00:00.000Z",
  waitedMs: 0,
  degraded: [] as string[],
  limits: { frameBytes: 1, messageBytes: 1, framesPerSecond: 1 },
};
const ready: ClientState = { kind: "ready", session };

/** A watch whose client and page a test plays. */
function watched() {
  const listeners = new Set<StateListener>();
  const documents: Record<string, unknown> = {};
  const play = { hurried: 0, asked: [] as string[], isHidden: false, comeBack: () => {} };
  const client = {
    state: { kind: "connecting" } as ClientState,
    subscribe(listener: StateListener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    hurry: () => void play.hurried++,
  };
  const page: PagePort = {
    isHidden: () => play.isHidden,
    isOnline: () => true,
    onReturn(listener) {
      play.comeBack = listener;
    },
    document(path) {
      play.asked.push(path);
      const document = documents[path];
      return document === undefined ? Promise.reject(new TypeError()) : Promise.resolve(document);
    },
  };
  const api = { threads: () => Promise.resolve({ threads: [], nextCursor: null }) };
  const watch = new ConnectionWatch(client, api, page);
  const tell = (state: ClientState): void => listeners.forEach((listener) => listener(state));
  return { watch, tell, play, documents, listeners };
}

function health(...lost: string[]): unknown {
  return { checks: Object.fromEntries(lost.map((name) => [name, [{ status: "warn" }]])) };
}

function phase(name: string, status: string) {
  return { name, status, critical: true, attempts: 1, durationMs: 5 };
}

const refusedState: ClientState = {
  kind: "reconnecting",
  attempt: 1,
  delayMs: 500,
  error: null,
  end: { code: 1006, wasOpen: false },
};

Deno.test("ConnectionWatch shows the phases until the gate opens", async () => {
  using _time = new FakeTime();
  const { watch, tell } = watched();
  assertEquals([watch.state.value.kind, watch.wasReady.value], ["connecting", false]);
  const phases = [phase("store", "running")];
  tell({ kind: "waiting-for-startup", phases });
  assertEquals(watch.phases.value?.phases, phases);
  // The gate stays as it was while the next try is awaited.
  tell({ ...refusedState, end: { code: 1011, wasOpen: true } });
  assertEquals(watch.phases.value?.phases, phases);
  tell(ready);
  assertEquals([watch.phases.value, watch.wasReady.value], [null, true]);
  watch.close();
  await Promise.resolve();
});

Deno.test("ConnectionWatch asks why it was not let in, and hurries where the server starts", async () => {
  using time = new FakeTime();
  const { watch, tell, documents, play } = watched();
  documents["/health/startup"] = { startup: { state: "starting", phases: [phase("keys", "ok")] } };
  tell(refusedState);
  await time.tickAsync(0);
  assertEquals(watch.diagnosis.value?.kind, "starting");
  assertEquals([watch.phases.value?.phases.length, play.hurried], [1, 1]);
  tell(ready);
  assertEquals(watch.diagnosis.value, null);
  watch.close();
});

Deno.test("ConnectionWatch asks nothing where the server has said why, and shows no late answer", async () => {
  using time = new FakeTime();
  const { watch, tell, play } = watched();
  tell({ ...refusedState, end: { code: 1006, wasOpen: true } });
  await time.tickAsync(0);
  assertEquals(play.asked, []);
  tell(refusedState);
  tell(ready);
  await time.tickAsync(0);
  assertEquals(watch.diagnosis.value, null);
  watch.close();
});

Deno.test("ConnectionWatch learns what is lost, and more often that it is back", async () => {
  using time = new FakeTime();
  const { watch, tell, documents, play } = watched();
  documents["/health"] = health("model");
  tell({ kind: "degraded", session: { ...session, degraded: ["model"] }, services: ["model"] });
  assertEquals(watch.lost.value, ["model"]);
  await time.tickAsync(15_000);
  assertEquals([watch.lost.value, play.asked.length], [["model"], 1]);
  documents["/health"] = health();
  await time.tickAsync(4_000);
  await time.tickAsync(0);
  assertEquals([watch.lost.value, play.asked.length], [[], 2]);
  await time.tickAsync(14_000);
  assertEquals(play.asked.length, 2);
  watch.close();
});

Deno.test("ConnectionWatch asks for no health while nobody looks, and at once when somebody does", async () => {
  using time = new FakeTime();
  const { watch, tell, documents, play } = watched();
  documents["/health"] = health("store");
  tell(ready);
  play.isHidden = true;
  await time.tickAsync(60_000);
  assertEquals(play.asked, []);
  play.isHidden = false;
  play.comeBack();
  await time.tickAsync(0);
  assertEquals([play.asked, watch.lost.value, play.hurried], [["/health"], ["store"], 1]);
  watch.close();
});

Deno.test("ConnectionWatch asks and hears nothing once it is closed", async () => {
  using time = new FakeTime();
  const { watch, tell, play, listeners } = watched();
  tell(ready);
  watch.close();
  await time.tickAsync(60_000);
  assertEquals([play.asked, listeners.size], [[], 0]);
});
