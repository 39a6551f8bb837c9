import { assert, assertEquals, assertFalse } from "@std/assert";
import { MemoryGauge } from "../../lib/observe/memory.ts";

function makeGauge() {
  const state = { bytes: 100, nowMs: 0, reads: 0 };
  const gauge = new MemoryGauge({
    read: () => (state.reads++, state.bytes),
    limitBytes: 100,
    now: () => state.nowMs,
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
