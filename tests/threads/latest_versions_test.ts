import { assertEquals } from "@std/assert";
import { batchItem } from "../../lib/threads/commit_batch.ts";
import { LatestVersions } from "../../lib/threads/latest_versions.ts";
import { put, remove, type Write } from "../../lib/threads/store.ts";

/** A commit that checks some keys and writes others. */
function commitOf(checks: Readonly<Record<string, string | null>>, ...writes: Write[]) {
  return batchItem({
    checks: Object.entries(checks).map(([key, version]) => ({ key: [key], version })),
    writes,
  });
}

Deno.test("LatestVersions overrules who checks a version that was checked and written over", () => {
  const latest = new LatestVersions();
  latest.note(commitOf({ a: "v1", b: "v1", c: "v1" }, put(["a"], 1), remove(["b"])), "v2");
  assertEquals(latest.overrule(commitOf({ a: "v1" })), true);
  assertEquals(latest.overrule(commitOf({ c: "v1", b: "v1" })), true);
  // Only checked, or written by others since, or not known at all.
  const may = [["c", "v1"], ["a", "v2"], ["a", "v3"], ["a", null], ["d", "v0"]] as const;
  for (const [key, version] of may) {
    assertEquals(latest.overrule(commitOf({ [key]: version })), false, `${key} ${version}`);
  }
});

Deno.test("LatestVersions keeps the newest of what it is told out of order", () => {
  const latest = new LatestVersions();
  latest.note(commitOf({ a: "v2" }, put(["a"], 1)), "v3");
  latest.note(commitOf({ a: "v1" }, put(["a"], 1)), "v2");
  assertEquals(latest.overrule(commitOf({ a: "v2" })), true);
});

Deno.test("LatestVersions forgets the keys that were written longest ago", () => {
  const latest = new LatestVersions();
  const write = (key: string) => latest.note(commitOf({ [key]: "v1" }, put([key], 1)), "v2");
  for (let key = 0; key <= 8_192; key++) write(`k${key}`);
  assertEquals(latest.overrule(commitOf({ k0: "v1" })), false);
  assertEquals(latest.overrule(commitOf({ k1: "v1" })), true);
});
