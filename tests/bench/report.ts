/**
 * Writes the last results into README, between its two marks, and all of them into `RESULTS.md`.
 * `deno task bench:report` does this, draws the chart, and formats both.
 *
 * @module
 */
import { type BenchResult, type Goal, type TargetName, valuesOf } from "./bench.ts";
import { latestResults } from "./latest.ts";
import { KEPT_RUNS, type SavedResult } from "./results.ts";
import { median } from "./stats.ts";
import { describeGoal, formatNumber } from "./table.ts";

/** Between these README's table stands. */
export const MARKS = { begin: "<!-- bench: begin -->", end: "<!-- bench: end -->" } as const;

const COLUMNS: readonly TargetName[] = ["raw", "drawbridge", "ws", "socket.io"];

/** README with the table of some results in it; throws where it has no marks. */
export function withResults(readme: string, results: readonly SavedResult[]): string {
  const begin = readme.indexOf(MARKS.begin);
  const end = readme.indexOf(MARKS.end);
  if (begin === -1 || end < begin) throw new Error("README has no place for the results");
  const head = readme.slice(0, begin + MARKS.begin.length);
  return `${head}\n\n${goalTable(results)}\n${conditionsOf(results)}\n\n${readme.slice(end)}`;
}

/** When and how the figures came about, in a sentence. */
function conditionsOf(results: readonly SavedResult[]): string {
  const all = (of: (result: SavedResult) => string | number): string =>
    [...new Set(results.map(of))].join(", ");
  const days = all(({ measuredAt }) => measuredAt.slice(0, 10));
  const sizes = all(({ size }) => size === "full" ? "full" : "shortened");
  return `Measured on ${days} with Deno ${all(({ deno }) => deno)}, ${sizes} runs, ` +
    `repetitions: ${all(({ repetitions }) => repetitions)}.`;
}

/** Each goal with its figures, and what became of it. */
export function goalTable(results: readonly BenchResult[]): string {
  const rows = results.filter(({ name }) => !name.startsWith("growth-")).flatMap((result) =>
    result.judged.map(({ goal, measured, met }) => {
      const shown = goal.kind === "value" ? "" : formatNumber(measured, 2);
      return [
        goal.work,
        result.figures.find(({ name }) => name === goal.figure)?.unit ?? "",
        ...COLUMNS.map((target) => figureOf(result, goal, target)),
        shown,
        describeGoal(goal),
        met ? "met" : "**missed**",
      ];
    })
  );
  return markdownTable(
    ["Work", "In", "raw", "Drawbridge", "ws", "socket.io", "Ratio", "Goal", ""],
    rows,
  );
}

/** Every bench with the spread of its repetitions, and of its last runs, the newest first. */
export function fullReport(runs: readonly (readonly SavedResult[])[]): string {
  const [results = []] = runs;
  return [
    "# What the benches measured",
    "",
    "Written by `deno task bench:report` from the last run of each bench; `deno task bench` runs all.",
    "Medians, and in brackets the least and the most of the repetitions. What costs what, and why a goal",
    "is missed, is in [COSTS.md](COSTS.md).",
    ...results.map(describe),
    "",
    "## The last runs",
    "",
    "Each goal's figure in the last run of its bench, and in those before that were as large.",
    "",
    runTable(runs),
  ].join("\n");
}

/** Each goal's figure in each run. */
export function runTable(runs: readonly (readonly SavedResult[])[]): string {
  const [results = [], ...earlier] = runs;
  const rows = results.flatMap((result) =>
    result.judged.map(({ goal, measured }) => {
      const before = earlier.map((run) => {
        const same = run.find(({ name, size }) => name === result.name && size === result.size);
        return same?.judged.find((other) => other.goal.work === goal.work)?.measured;
      });
      const cells = [measured, ...before].map((value) =>
        value === undefined ? "" : formatNumber(value, 2)
      );
      return [goal.work, ...cells, describeGoal(goal)];
    })
  );
  const head = ["Work", ...runs.map((_, age) => age === 0 ? "last run" : "before"), "Goal"];
  return markdownTable(head, rows);
}

function describe(result: SavedResult): string {
  const names = Object.keys(result.samples);
  const count = Math.max(...names.map((name) => result.samples[name]!.length));
  const rows = result.figures.map(({ name, unit, digits }) => [
    unit,
    ...names.map((target) => {
      const values = valuesOf(result.samples[target], name);
      if (values.length === 0) return "";
      const [least, most] = [Math.min(...values), Math.max(...values)];
      const range = `${formatNumber(least, digits)}–${formatNumber(most, digits)}`;
      return `${formatNumber(median(values), digits)} (${range})`;
    }),
  ]);
  const goals = result.judged.map(({ goal, measured, met }) =>
    `- ${goal.work}: ${formatNumber(measured, 2)}, goal ${describeGoal(goal)}: ` +
    (met ? "met" : "**missed**")
  );
  const missing = Object.entries(result.missing).map(([name, why]) => `- no ${name}: ${why}`);
  return [
    "",
    `## ${result.name}`,
    "",
    `${result.title}. Repetitions: ${count}, on Deno ${result.deno}, ` +
    `server and generator ${result.pinned ? "on a core each" : "sharing all cores"}.`,
    "",
    markdownTable(["", ...names], rows),
    ...goals,
    ...missing,
  ].join("\n");
}

function figureOf(result: BenchResult, { figure }: Goal, target: TargetName): string {
  // A reference of another name stands in the column of the first.
  const name = target === "raw" && !("raw" in result.samples) ? "bare" : target;
  const values = valuesOf(result.samples[name], figure);
  const digits = result.figures.find(({ name }) => name === figure)?.digits;
  return values.length === 0 ? "" : formatNumber(median(values), digits);
}

function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line), ""].join("\n");
}

if (import.meta.main) {
  const runs = await Promise.all(Array.from({ length: KEPT_RUNS }, (_, age) => latestResults(age)));
  const readme = await Deno.readTextFile("README.md");
  await Deno.writeTextFile("README.md", withResults(readme, runs[0]!));
  await Deno.writeTextFile(new URL("RESULTS.md", import.meta.url), fullReport(runs));
}
