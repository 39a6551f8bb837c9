import { assertEquals } from "@std/assert";
import { FrameBudget } from "../../lib/chat/frame_budget.ts";
import { DEFAULT_LIMITS } from "../../lib/limits.ts";

/** A budget on a clock that the test moves. */
function budgetAt(limits = DEFAULT_LIMITS): { budget: FrameBudget; clock: { ms: number } } {
  const clock = { ms: 1_000 };
  return { budget: new FrameBudget(limits, () => clock.ms), clock };
}

/** How many of `count` frames in a row are taken. */
function taken(budget: FrameBudget, count: number): number {
  return Array.from({ length: count }, () => budget.arrived())
    .filter((verdict) => verdict === "take").length;
}

Deno.test("FrameBudget takes a burst of 60 frames and drops the next", () => {
  const { budget } = budgetAt();
  assertEquals(taken(budget, 60), 60);
  assertEquals(budget.arrived(), "drop");
});

Deno.test("FrameBudget refills 20 frames a second, a part of one at a time", () => {
  const { budget, clock } = budgetAt();
  taken(budget, 60);
  clock.ms += 49;
  assertEquals(budget.arrived(), "drop");
  clock.ms += 1;
  assertEquals(budget.arrived(), "take");
  assertEquals(budget.arrived(), "drop");
  clock.ms += 1_000;
  assertEquals(taken(budget, 30), 20);
});

Deno.test("FrameBudget never holds more than the burst", () => {
  const { budget, clock } = budgetAt();
  clock.ms += 3_600_000;
  assertEquals(taken(budget, 80), 60);
});

Deno.test("FrameBudget says when a frame is taken again, and is right", () => {
  const { budget, clock } = budgetAt();
  taken(budget, 60);
  clock.ms += 20;
  assertEquals(budget.arrived(), "drop");
  assertEquals(budget.retryAfterMs, 30);
  clock.ms += budget.retryAfterMs;
  assertEquals(budget.arrived(), "take");
});

Deno.test("FrameBudget calls the 100th dropped frame flooding, over the whole life of a socket", () => {
  const { budget, clock } = budgetAt();
  taken(budget, 60);
  for (let dropped = 1; dropped < 100; dropped++) assertEquals(budget.arrived(), "drop");
  clock.ms += 10_000;
  assertEquals(taken(budget, 60), 60);
  assertEquals(budget.arrived(), "flooding");
});

Deno.test("FrameBudget allows nine bad frames in a row, not ten, and a good one starts the count anew", () => {
  const { budget } = budgetAt();
  const bad = (count: number): boolean[] => Array.from({ length: count }, () => budget.bad());
  assertEquals(bad(9), Array(9).fill(true));
  budget.good();
  assertEquals(bad(10), [...Array(9).fill(true), false]);
});
