import { assertEquals } from "@std/assert";
import { phaseRetryMs, restartBackoffMs, retrySoonMs } from "../../lib/startup/backoff.ts";
import { noJitter } from "./support.ts";

Deno.test("restartBackoffMs doubles from 1 s to 30 s and stays there", () => {
  const waits = [1, 2, 3, 4, 5, 6, 7, 2_000].map((n) => restartBackoffMs(n, noJitter));
  assertEquals(waits, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
});

Deno.test("restartBackoffMs takes off up to a quarter, so that instances part", () => {
  assertEquals([0, 0.5, 1].map((drawn) => restartBackoffMs(1, () => drawn)), [1_000, 875, 750]);
});

Deno.test("retrySoonMs spreads callers over a second", () => {
  assertEquals([0, 0.5, 1].map((drawn) => retrySoonMs(() => drawn)), [1_000, 1_500, 2_000]);
});

Deno.test("phaseRetryMs allows three retries", () => {
  const waits = [1, 2, 3, 4].map((errors) => phaseRetryMs(errors, 0));
  assertEquals(waits, [500, 1_000, 2_000, null]);
});

Deno.test("phaseRetryMs allows no retry that would begin 5 s after the first error", () => {
  assertEquals(phaseRetryMs(2, 4_000), 1_000);
  assertEquals(phaseRetryMs(2, 4_001), null);
});
