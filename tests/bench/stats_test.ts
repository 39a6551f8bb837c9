import { assertEquals, assertThrows } from "@std/assert";
import { excess, median, percentile, ratio } from "./stats.ts";

Deno.test("median is the middle, or the mean of the two in the middle, in any order", () => {
  assertEquals(median([9, 1, 5]), 5);
  assertEquals(median([10, 1, 4, 2]), 3);
  assertEquals(median([7]), 7);
  assertThrows(() => median([]), RangeError);
});

Deno.test("median leaves its argument as it is", () => {
  const values = [3, 1, 2];
  median(values);
  assertEquals(values, [3, 1, 2]);
});

Deno.test("percentile is the nearest rank", () => {
  const values = Array.from({ length: 100 }, (_, index) => 100 - index);
  assertEquals(percentile(values, 50), 50);
  assertEquals(percentile(values, 99), 99);
  assertEquals(percentile(values, 100), 100);
  assertEquals(percentile([5], 1), 5);
  for (const percent of [0, -1, 101, NaN]) {
    assertThrows(() => percentile(values, percent), RangeError);
  }
});

Deno.test("ratio compares within each repetition, so that a slow one counts once", () => {
  assertEquals(ratio([50, 5, 60], [100, 10, 100]), 0.5);
  assertThrows(() => ratio([1, 2], [1]), RangeError);
});

Deno.test("excess compares within each repetition", () => {
  assertEquals(excess([1.5, 9, 3], [1, 8.5, 1]), 0.5);
});
