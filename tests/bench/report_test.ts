import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { needsServer, TempFolder } from "../support/server_process.ts";
import { type Bench, judge, MissingTarget, runBench } from "./bench.ts";
import { draw, goalBars, scoreOf } from "./chart.ts";
import { goalTable, MARKS, runTable, withResults } from "./report.ts";
import { KEPT_RUNS, readResults, type SavedResult, saveResult } from "./results.ts";

/** A bench whose every repetition of `drawbridge` is as given. */
function benchOf(own: readonly number[], raw: readonly number[]): Bench {
  const left: Record<string, number[]> = { drawbridge: [...own], raw: [...raw] };
  return {
    name: "example",
    title: "An example",
    targets: ["raw", "drawbridge", "ws"],
    figures: [{ name: "perSecond", unit: "a second" }],
    goals: [{ work: "example", figure: "perSecond", kind: "ratio", atLeast: 0.5 }],
    measure(target) {
      if (target === "ws") throw new MissingTarget("it is not installed");
      return Promise.resolve({ perSecond: left[target]!.shift()! });
    },
  };
}

const SIZE = { size: "tiny", repetitions: 3 } as const;

Deno.test("runBench alternates, judges, and says why a target is missing", async () => {
  const order: string[] = [];
  const bench = benchOf([50, 60, 40], [100, 100, 100]);
  const result = await runBench({
    ...bench,
    measure: (target, size) => {
      order.push(target);
      return bench.measure(target, size);
    },
  }, SIZE);
  assertEquals(order, ["raw", "drawbridge", "ws", "raw", "drawbridge", "raw", "drawbridge"]);
  assertEquals(result.missing, { ws: "it is not installed" });
  assertEquals(result.judged.map(({ measured, met }) => ({ measured, met })), [
    { measured: 0.5, met: true },
  ]);
});

Deno.test("judge misses a goal by its own side only, and leaves out what has no reference", () => {
  const goal = { work: "", figure: "ms", kind: "ratio" } as const;
  const samples = { raw: [{ ms: 10 }], drawbridge: [{ ms: 12 }] };
  assertEquals(judge([{ ...goal, atMost: 1.15 }], samples)[0]?.met, false);
  assertEquals(judge([{ ...goal, atMost: 1.2 }], samples)[0]?.met, true);
  assertEquals(judge([{ ...goal, kind: "excess", atMost: 2 }], samples)[0]?.measured, 2);
  assertEquals(judge([{ ...goal, reference: "ws", atMost: 2 }], samples), []);
});

Deno.test("withResults replaces what stands between README's marks, and nothing else", async () => {
  const result = {
    ...await runBench(benchOf([30, 30, 30], [100, 100, 100]), SIZE),
    ...SIZE,
    measuredAt: "2026-01-02T03:04:05.000Z",
    deno: "2.9.6",
    pinned: true,
  };
  const readme = `before\n${MARKS.begin}\nold\n${MARKS.end}\nafter\n`;
  const written = withResults(readme, [result]);
  assertStringIncludes(written, "before\n");
  assertStringIncludes(written, "after\n");
  assertStringIncludes(written, goalTable([result]));
  assertStringIncludes(written, "**missed**");
  assertStringIncludes(written, "Measured on 2026-01-02 with Deno 2.9.6, shortened runs");
  assert(!written.includes("old"));
  assertEquals(withResults(written, [result]), written);
  assertThrows(() => withResults("nothing", [result]), Error, "README has no place");
});

/** A run of the example whose ratio is as given. */
async function runOf(ratio: number): Promise<SavedResult> {
  const own = Array.from({ length: 3 }, () => ratio * 100);
  const result = await runBench(benchOf(own, [100, 100, 100]), SIZE);
  return {
    ...result,
    ...SIZE,
    measuredAt: "2026-01-02T03:04:05.000Z",
    deno: "2.9.6",
    pinned: true,
  };
}

Deno.test("runTable shows each goal's figure in each run that was as large", async () => {
  const [last, before, other] = [await runOf(0.6), await runOf(0.4), await runOf(0.9)];
  const table = runTable([[last], [before], [{ ...other, size: "full" }]]);
  assertStringIncludes(table, "| example | 0.60 | 0.40 |  | at least 0.5 of raw |");
});

Deno.test({
  ...needsServer("saveResult keeps the last runs of a bench, the newest first"),
  async fn() {
    await using folder = new TempFolder();
    const at = { ...SIZE, folder: folder.path };
    for (const ratio of [0.1, 0.2, 0.3, 0.4]) await saveResult(await runOf(ratio), at);
    const ages = Array.from({ length: KEPT_RUNS + 1 }, (_, age) => age);
    const runs = await Promise.all(ages.map((age) => readResults({ folder: folder.path, age })));
    const ratios = runs.map((run) => run.get("example")?.judged[0]?.measured);
    assertEquals(ratios, [0.4, 0.3, 0.2, undefined]);
  },
});

Deno.test("scoreOf says how much better than its goal a figure is", () => {
  const goal = { work: "", figure: "", kind: "value" } as const;
  assertEquals(scoreOf({ goal: { ...goal, atLeast: 2 }, measured: 3, met: true }), 1.5);
  assertEquals(scoreOf({ goal: { ...goal, atMost: 10 }, measured: 20, met: false }), 0.5);
  assertEquals(scoreOf({ goal: { ...goal, atMost: 1 }, measured: -1, met: true }), 10);
  assertEquals(scoreOf({ goal: { ...goal, atMost: 0 }, measured: 0, met: true }), null);
});

Deno.test("draw makes an SVG that names each goal", async () => {
  const result = await runBench(benchOf([60, 60, 60], [100, 100, 100]), SIZE);
  assertEquals(goalBars([result]).map(({ score }) => score), [1.2]);
  const svg = await draw([result]);
  assertStringIncludes(svg, "<svg");
  assertStringIncludes(svg, "example");
});
