import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import * as barrierModule from "../../lib/startup/barrier.ts";
import {
  type Ready,
  StartupBarrier,
  type StateChange,
  type Verdict,
} from "../../lib/startup/barrier.ts";
import { countListeners, noJitter, stays, watch } from "./support.ts";

interface Services {
  readonly greeting: string;
}
const services: Services = { greeting: "hello" };
const newBarrier = (): StartupBarrier<Services> => new StartupBarrier({ random: noJitter });

Deno.test("StartupBarrier gives its services to all who wait when it opens", async () => {
  using _time = new FakeTime();
  const barrier = newBarrier();
  const waiting = Array.from(
    { length: 200 },
    () => barrier.verdict({ deadlineMs: 1_000, signal: stays() }),
  );
  barrier.open(services);
  for (const verdict of await Promise.all(waiting)) {
    assert(verdict.kind === "ready");
    assertStrictEquals(verdict.ready.services, services);
  }
});

Deno.test("StartupBarrier answers at once when it is ready", async () => {
  using time = new FakeTime();
  const barrier = newBarrier();
  assertEquals(barrier.peek(), null);
  barrier.open(services);
  const standing = barrier.peek();
  assert(standing?.kind === "ready");
  assertStrictEquals(standing.ready.services, services);
  assertStrictEquals(await barrier.verdict({ deadlineMs: 0, signal: stays() }), standing);
  assertEquals(time.next(), false, "no timer was set");
});

Deno.test("StartupBarrier refuses its waiters when an attempt fails for good", async () => {
  using time = new FakeTime();
  const barrier = newBarrier();
  const waiting = barrier.verdict({ deadlineMs: 30_000, signal: stays() });
  barrier.fail({ retryAfterMs: 4_000, cause: new Error("refused") });
  assertEquals(await waiting, { kind: "failed", retryAfterMs: 4_000 });
  assertEquals(Date.now(), time.start);
});

Deno.test("StartupBarrier lets whoever comes after a failure wait for the next attempt", async () => {
  using time = new FakeTime();
  const barrier = newBarrier();
  barrier.fail({ retryAfterMs: 1_000 });
  assertEquals(barrier.peek(), null);
  const first = watch(barrier.verdict({ deadlineMs: 30_000, signal: stays() }));
  await time.tickAsync(1_000);
  barrier.restart();
  const second = watch(barrier.verdict({ deadlineMs: 30_000, signal: stays() }));
  await time.runMicrotasks();
  assertEquals([first.value, second.value], [undefined, undefined]);
  barrier.open(services);
  await time.runMicrotasks();
  assertEquals([first.value?.kind, second.value?.kind], ["ready", "ready"]);
});

Deno.test("StartupBarrier lets no newcomer wait beyond its own deadline", async () => {
  using time = new FakeTime();
  const barrier = newBarrier();
  barrier.fail({ retryAfterMs: 1_000 });
  const seen = watch(barrier.verdict({ deadlineMs: 2_000, signal: stays() }));
  await time.tickAsync(1_999);
  await time.runMicrotasks();
  assertEquals(seen.value, undefined);
  await time.tickAsync(1);
  await time.runMicrotasks();
  assertEquals(seen.value, { kind: "timed-out", retryAfterMs: 1_000 });
});

Deno.test("StartupBarrier takes a deadline that has passed for no wait", async () => {
  using time = new FakeTime();
  const seen = watch(newBarrier().verdict({ deadlineMs: -5, signal: stays() }));
  await time.tickAsync(0);
  await time.runMicrotasks();
  assertEquals(seen.value?.kind, "timed-out");
});

Deno.test("StartupBarrier tells those who time out together to return apart", async () => {
  using time = new FakeTime();
  let drawn = 0;
  const barrier = new StartupBarrier({ random: () => drawn++ / 2 });
  const verdicts = [1, 2].map(() => watch(barrier.verdict({ deadlineMs: 10, signal: stays() })));
  await time.tickAsync(10);
  await time.runMicrotasks();
  assertEquals(verdicts.map(({ value }) => value), [
    { kind: "timed-out", retryAfterMs: 1_000 },
    { kind: "timed-out", retryAfterMs: 1_500 },
  ]);
});

Deno.test("StartupBarrier calls a caller gone whose signal aborts", async () => {
  using time = new FakeTime();
  const barrier = newBarrier();
  const caller = new AbortController();
  const seen = watch(barrier.verdict({ deadlineMs: 1_000, signal: caller.signal }));
  caller.abort();
  await time.runMicrotasks();
  assertEquals(seen.value, { kind: "gone" });
  barrier.open(services);
  const { signal } = caller;
  assertEquals(await barrier.verdict({ deadlineMs: 1_000, signal }), { kind: "gone" });
});

Deno.test("StartupBarrier calls a caller gone who leaves as the verdict falls", async () => {
  using _time = new FakeTime();
  const barrier = newBarrier();
  const caller = new AbortController();
  const waiting = barrier.verdict({ deadlineMs: 1_000, signal: caller.signal });
  barrier.open(services);
  caller.abort();
  assertEquals(await waiting, { kind: "gone" });
});

Deno.test("StartupBarrier leaves no timer and no listener behind, whatever the verdict", async () => {
  using time = new FakeTime();
  const enders: ((barrier: StartupBarrier<Services>, caller: AbortController) => unknown)[] = [
    (barrier) => barrier.open(services),
    (barrier) => barrier.fail({ retryAfterMs: 1 }),
    (barrier) => barrier.drain(),
    (_barrier, caller) => caller.abort(),
    () => time.tick(500),
  ];
  for (const end of enders) {
    const barrier = newBarrier();
    const caller = new AbortController();
    const listeners = countListeners(caller.signal);
    const waiting = barrier.verdict({ deadlineMs: 500, signal: caller.signal });
    assertEquals(listeners(), 1);
    end(barrier, caller);
    await waiting;
    assertEquals(listeners(), 0);
    assertEquals(time.next(), false);
  }
});

Deno.test("StartupBarrier refuses everybody for good once it drains, from each state", async () => {
  using _time = new FakeTime();
  const paths: ((barrier: StartupBarrier<Services>) => void)[] = [
    () => {},
    (barrier) => barrier.open(services),
    (barrier) => barrier.fail({ retryAfterMs: 1 }),
  ];
  for (const reach of paths) {
    const barrier = newBarrier();
    reach(barrier);
    const waits = barrier.state !== "ready";
    const waiting = barrier.verdict({ deadlineMs: 1_000, signal: stays() });
    barrier.drain();
    barrier.drain();
    assertEquals((await waiting).kind, waits ? "draining" : "ready");
    assertEquals(barrier.state, "draining");
    assertEquals(barrier.peek(), { kind: "draining" });
    const later = await barrier.verdict({ deadlineMs: 1_000, signal: stays() });
    assertEquals(later, { kind: "draining" });
    for (const leave of [() => barrier.open(services), () => barrier.restart()]) {
      assertThrows(leave, Error, "Cannot go from draining");
    }
    assertThrows(() => barrier.fail({ retryAfterMs: 1 }), Error, "Cannot go from draining");
  }
});

Deno.test("StartupBarrier throws at a transition that its states do not have", () => {
  const ready = newBarrier();
  ready.open(services);
  assertThrows(() => ready.open(services), Error, "Cannot go from ready to ready");
  assertThrows(() => ready.fail({ retryAfterMs: 1 }), Error, "Cannot go from ready to failed");
  assertThrows(() => ready.restart(), Error, "Cannot go from ready to starting");
  const failed = newBarrier();
  assertThrows(() => failed.restart(), Error, "Cannot go from starting to starting");
  failed.fail({ retryAfterMs: 1 });
  assertThrows(() => failed.open(services), Error, "Cannot go from failed to ready");
  assertThrows(() => failed.fail({ retryAfterMs: 1 }), Error, "Cannot go from failed to failed");
  assertEquals(failed.state, "failed");
});

Deno.test("StartupBarrier tells its listeners each transition once", () => {
  const barrier = newBarrier();
  const changes: StateChange[] = [];
  barrier.onState((change) => changes.push(change));
  const failure = { retryAfterMs: 1_000, cause: new Error("refused") };
  barrier.fail(failure);
  barrier.restart();
  barrier.open(services);
  barrier.drain();
  barrier.drain();
  assertEquals(changes, [
    { from: "starting", to: "failed", failure },
    { from: "failed", to: "starting" },
    { from: "starting", to: "ready" },
    { from: "ready", to: "draining" },
  ]);
});

Deno.test("StartupBarrier tells a removed listener nothing", () => {
  const barrier = newBarrier();
  const changes: StateChange[] = [];
  const remove = barrier.onState((change) => changes.push(change));
  remove();
  barrier.drain();
  assertEquals(changes, []);
});

Deno.test("Ready cannot be made or forged outside its barrier", () => {
  // Each line compiles only as long as the type is nominal and its value stays in its module.
  const forge = (verdict: Verdict<Services>, foreign: Ready<{ other: true }>): void => {
    // @ts-expect-error: exported as a type only
    new barrierModule.Ready(services);
    // @ts-expect-error: has a private field
    const structural: Ready<Services> = { services };
    class Double {
      readonly #services = services;
      get services(): Services {
        return this.#services;
      }
    }
    // @ts-expect-error: another class's private field is another field
    const double: Ready<Services> = new Double();
    // @ts-expect-error: the key to other services
    const other: Ready<Services> = foreign;
    // @ts-expect-error: a verdict that may refuse has no key
    void verdict.ready;
    void [structural, double, other];
  };
  void forge;
  assertEquals(Object.keys(barrierModule), ["StartupBarrier"]);
});
