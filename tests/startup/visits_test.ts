import { assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { StartupBarrier } from "../../lib/startup/barrier.ts";
import { type Visit, Visits } from "../../lib/startup/visits.ts";
import { type Place, WaitingRoom } from "../../lib/startup/waiting_room.ts";
import { fakeNow, noJitter } from "./support.ts";

/** Visits over real barriers and a real room, in fake time. */
function newVisits() {
  const services = new StartupBarrier<string>();
  const keys = new StartupBarrier<string>();
  const room = new WaitingRoom({
    total: 100,
    perSubject: 100,
    yieldToLoop: () => Promise.resolve(),
  });
  const visits = new Visits<string, string>({ services, keys, random: noJitter, now: fakeNow });
  const begin = (
    deadlineAtMs: number,
    { signal } = new AbortController(),
  ): Visit<string, string> => {
    const place = room.enter(null) as Place;
    return visits.begin({ place, signal, deadlineAtMs: fakeNow() + deadlineAtMs });
  };
  return { services, keys, begin };
}

Deno.test("Visits end each at its own deadline, in whatever order they began", async () => {
  using time = new FakeTime();
  const { begin } = newVisits();
  const ended: number[] = [];
  const visits = [300, 100, 200].map((deadlineMs) => {
    const visit = begin(deadlineMs);
    void visit.waitFor("services").then(() => {
      if (visit.services.kind === "timed-out") ended.push(deadlineMs);
    });
    return visit;
  });
  const seen: number[][] = [];
  for (const stepMs of [99, 2, 100, 100]) {
    await time.tickAsync(stepMs);
    await time.runMicrotasks();
    seen.push([...ended]);
  }
  assertEquals(seen, [[], [100], [100, 200], [100, 200, 300]]);
  for (const visit of visits) visit.end();
  assertEquals(time.next(), false, "no timer is left");
});

Deno.test("Visits hear the first verdict since they began, and no later one", async () => {
  using time = new FakeTime();
  const { services, begin } = newVisits();
  const before = begin(1_000);
  services.fail({ retryAfterMs: 7 });
  const after = begin(1_000);
  services.restart();
  services.open("services");
  await Promise.all([before.waitFor("services"), after.waitFor("services")]);
  assertEquals([before.services.kind, after.services.kind], ["failed", "ready"]);
  before.end();
  after.end();
  assertEquals(time.next(), false);
});

Deno.test("Visit cuts off a verification at the drain, at its deadline and when its caller leaves", async () => {
  using time = new FakeTime();
  const never = new Promise<never>(() => {});
  const ends: ((parts: ReturnType<typeof newVisits>, caller: AbortController) => unknown)[] = [
    ({ services }) => services.drain(),
    () => time.tick(1_000),
    (_, caller) => {
      caller.abort();
      time.tick(250);
    },
  ];
  for (const late of [false, true]) {
    const cuts: unknown[] = [];
    for (const end of ends) {
      const parts = newVisits();
      const caller = new AbortController();
      const visit = parts.begin(1_000, caller);
      // Heard before, it changes nothing: only what ends the wait does.
      parts.services.fail({ retryAfterMs: 1 });
      if (end === ends[0]) parts.services.restart();
      const fresh = end === ends[0] ? parts.begin(1_000, caller) : visit;
      if (late) end(parts, caller);
      const work = fresh.unlessCut(never);
      if (!late) end(parts, caller);
      cuts.push(await work);
      visit.end();
      fresh.end();
    }
    assertEquals(cuts, ["draining", "timed-out", "gone"]);
  }
  assertEquals(time.next(), false);
});

Deno.test("Visit yields what was verified where nothing cuts it off", async () => {
  using time = new FakeTime();
  const { begin } = newVisits();
  const visit = begin(1_000);
  assertEquals(await visit.unlessCut(Promise.resolve("ann")), "ann");
  visit.end();
  assertEquals(time.next(), false);
});
