/**
 * Results as tables of plain text.
 *
 * @module
 */
import {
  type BenchResult,
  type Figure,
  type Goal,
  type Judged,
  type TargetName,
  valuesOf,
} from "./bench.ts";
import { median, ratio } from "./stats.ts";

/** A bench's medians by target, what each is to the first, its reference, and its goals. */
export function describeResult(result: BenchResult): string {
  const names = Object.keys(result.samples);
  const count = Math.max(0, ...names.map((name) => result.samples[name]!.length));
  const head = ["", ...names.flatMap((name, at) => at === 0 ? [name] : [name, `to ${names[0]}`])];
  const rows = result.figures.flatMap((figure) => {
    const cells = names.flatMap((name) => cellsOf(result, figure, name, names[0]!));
    return cells.some((cell) => cell !== "–") ? [[figure.unit, ...cells]] : [];
  });
  return [
    `${result.name}: ${result.title}`,
    `medians of ${count} alternating repetitions`,
    "",
    textTable([head, ...rows]),
    ...Object.entries(result.missing).map(([name, reason]) => `  no ${name}: ${reason}`),
    ...result.judged.map((judged) => `  ${describeJudged(judged)}`),
    "",
  ].join("\n");
}

/** A goal as a sentence: `at least 0.5 of raw`. */
export function describeGoal({ kind, reference = "raw", atLeast, atMost }: Goal): string {
  const bound = atLeast === undefined ? `at most ${atMost}` : `at least ${atLeast}`;
  if (kind === "value") return bound;
  return kind === "ratio" ? `${bound} of ${reference}` : `${bound} over ${reference}`;
}

/** Whole numbers with their thousands, others with so many digits. */
export function formatNumber(value: number, digits = 0): string {
  return value.toLocaleString("en-US", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

/** Columns padded to one width, the first to the left, the others to the right. */
export function textTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]!.length))
  );
  return rows.map((row) =>
    `  ${
      row.map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)
      ).join("  ")
    }`.trimEnd()
  ).join("\n");
}

function cellsOf(
  { samples }: BenchResult,
  figure: Figure,
  name: TargetName,
  first: TargetName,
): string[] {
  const values = valuesOf(samples[name], figure.name);
  const own = values.length === 0 ? "–" : formatNumber(median(values), figure.digits);
  if (name === first) return [own];
  const reference = valuesOf(samples[first], figure.name);
  const isComparable = values.length > 0 && values.length === reference.length;
  return [own, isComparable ? formatNumber(ratio(values, reference), 2) : "–"];
}

function describeJudged({ goal, measured, met }: Judged): string {
  const verdict = met ? "met   " : "MISSED";
  return `${verdict} ${goal.work}: ${formatNumber(measured, 2)}, goal ${describeGoal(goal)}`;
}
