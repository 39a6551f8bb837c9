import { assertEquals, assertGreaterOrEqual, assertLessOrEqual } from "@std/assert";
import { refusalOf } from "../../lib/startup/refusal.ts";

Deno.test("refusalOf names each verdict's error, its status and when to try again", () => {
  const errors = [
    refusalOf({ kind: "failed", retryAfterMs: 4_000 }),
    refusalOf({ kind: "timed-out", retryAfterMs: 1_200 }),
    refusalOf({ kind: "draining" }, 1_500),
  ];
  assertEquals(errors.map(({ code, shape, retryAfterMs }) => [code, shape.status, retryAfterMs]), [
    ["SERVICE_UNAVAILABLE", 503, 4_000],
    ["STARTUP_INCOMPLETE", 503, 1_200],
    ["DRAINING", 503, 1_500],
  ]);
});

Deno.test("refusalOf gives a drain 1 s to 2 s by default", () => {
  const { retryAfterMs } = refusalOf({ kind: "draining" });
  assertGreaterOrEqual(retryAfterMs ?? 0, 1_000);
  assertLessOrEqual(retryAfterMs ?? 0, 2_000);
});
