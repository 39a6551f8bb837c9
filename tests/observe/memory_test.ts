import { assert, assertEquals, assertFalse } from "@std/assert";
import { MemoryGauge } from "../../lib/observe/memory.ts";

function makeGauge() {
  const state = { bytes: 100, nowMs: 0, reads: 0, garbage: 0, collections: 0 };
  const gauge = new MemoryGauge({
    read: () => (state.reads++, state.bytes + state.garbage),
    limitBytes: 100,
    now: () => state.nowMs,
    collect: () => {
      state.collections++;
      state.garbage = 0;
    },
  });
  return { gauge, state };
}

Deno.test("MemoryGauge is over only above its limit", () => {
  const { gauge, state } = makeGauge();
  assertFalse(gauge.over);
  state.bytes = 101;
  state.nowMs = 250;
  assert(gauge.over);
  assertEquals(gauge.bytes, 101);
});

Deno.test("MemoryGauge reads on demand, at most once in 250 ms", () => {
  const { gauge, state } = makeGauge();
  assertEquals(state.reads, 0);
  for (const nowMs of [0, 100, 249]) {
    state.nowMs = nowMs;
    gauge.over;
  }
  assertEquals(state.reads, 1);
  state.nowMs = 250;
  gauge.over;
  assertEquals(state.reads, 2);
});

Deno.test("MemoryGauge recovers when memory is given back", () => {
  const { gauge, state } = makeGauge();
  state.bytes = 200;
  assert(gauge.over);
  state.bytes = 50;
  assert(gauge.over);
  state.nowMs = 250;
  assertFalse(gauge.over);
});

Deno.test("MemoryGauge makes the runtime give back garbage, and is not over for it any more", () => {
  const { gauge, state } = makeGauge();
  state.garbage = 1;
  assert(gauge.over);
  assertEquals(state.collections, 1);
  state.nowMs = 250;
  assertFalse(gauge.over);
});

Deno.test("MemoryGauge asks for no collection below its limit, and above it at most once in 5 s", () => {
  const { gauge, state } = makeGauge();
  const collectionsAt = (nowMs: number, bytes: number) => {
    Object.assign(state, { nowMs, bytes });
    gauge.over;
    return state.collections;
  };
  assertEquals(collectionsAt(0, 100), 0);
  assertEquals(collectionsAt(1_000, 101), 1);
  assertEquals(collectionsAt(5_999, 101), 1);
  assertEquals(collectionsAt(6_300, 101), 2);
});
