/**
 * Draws the last results as an SVG: how far each figure is within its goal, and what this server
 * and its peers do beside a bare one.
 *
 * @module
 */
import { parse, View } from "npm:vega@^6.2.0";
import { compile, type TopLevelSpec } from "npm:vega-lite@^6.4.1";
import { type BenchResult, type Judged, valuesOf } from "./bench.ts";
import { latestResults } from "./latest.ts";
import { ratio } from "./stats.ts";
import { describeGoal, formatNumber } from "./table.ts";

/** One bar of the first panel. */
interface GoalBar {
  readonly work: string;
  /** Above 1 is better than the goal asks for. */
  readonly score: number;
  readonly met: string;
  readonly label: string;
}

/** One bar of the second panel. */
interface PeerBar {
  readonly work: string;
  readonly server: string;
  readonly ratio: number;
}

/** What peers do as well, more being better. */
const COMPARED: readonly (readonly [bench: string, figure: string, work: string])[] = [
  ["connect", "perSecond", "connections"],
  ["ping", "perSecond", "pings"],
  ["chunks", "one", "chunks, 1 socket"],
  ["chunks", "fifty", "chunks, 50 sockets"],
];

/** Bars end here, on either side: what is ten times better than asked for need not be longer. */
const LONGEST = 10;
const SHORTEST = 1 / 4;

/** How much better than its goal a figure is; null where the goal is that there be none. */
export function scoreOf({ goal, measured }: Judged): number | null {
  const { atLeast, atMost } = goal;
  const bounded = (score: number): number => Math.max(SHORTEST, Math.min(score, LONGEST));
  if (atLeast !== undefined) return bounded(measured / atLeast);
  if (atMost === undefined || atMost === 0) return null;
  return measured <= 0 ? LONGEST : bounded(atMost / measured);
}

/** The bars of the first panel. */
export function goalBars(results: readonly BenchResult[]): GoalBar[] {
  return results.flatMap(({ judged }) => judged).flatMap((one) => {
    const score = scoreOf(one);
    if (score === null) return [];
    const label = `${formatNumber(one.measured, 2)} (${describeGoal(one.goal)})`;
    return [{ work: one.goal.work, score, met: one.met ? "met" : "missed", label }];
  });
}

/** The bars of the second panel. */
export function peerBars(results: readonly BenchResult[]): PeerBar[] {
  return COMPARED.flatMap(([name, figure, work]) => {
    const samples = results.find((result) => result.name === name)?.samples;
    const raw = valuesOf(samples?.raw, figure);
    return ["raw", "drawbridge", "ws", "socket.io"].flatMap((server) => {
      const values = valuesOf(samples?.[server], figure);
      const isComparable = values.length > 0 && values.length === raw.length;
      return isComparable ? [{ work, server, ratio: ratio(values, raw) }] : [];
    });
  });
}

function specOf(results: readonly BenchResult[]): TopLevelSpec {
  const domain = [SHORTEST, LONGEST * 1.6];
  const work = { field: "work", type: "nominal", sort: null, title: null } as const;
  const labels = { labelLimit: 420 };
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    background: "white",
    config: { font: "sans-serif", view: { stroke: null } },
    vconcat: [
      {
        title: "Each goal, and how far the figure is within it (right of the line is met)",
        width: 460,
        data: { values: goalBars(results) },
        layer: [
          {
            mark: { type: "bar", height: 11 },
            encoding: {
              y: { ...work, axis: labels },
              x: {
                field: "score",
                type: "quantitative",
                scale: { type: "log", base: 2, domain },
                title: "times better than the goal",
                axis: { values: [0.25, 0.5, 1, 2, 4, 8], format: "~g" },
              },
              x2: { datum: 1 },
              color: {
                field: "met",
                type: "nominal",
                title: null,
                scale: { domain: ["met", "missed"], range: ["#2a9d8f", "#e76f51"] },
                legend: { orient: "top" },
              },
            },
          },
          {
            mark: { type: "text", align: "left", dx: 5, fontSize: 9, color: "#444" },
            encoding: {
              y: work,
              x: { field: "end", type: "quantitative" },
              text: { field: "label", type: "nominal" },
            },
            transform: [{ calculate: "max(datum.score, 1)", as: "end" }],
          },
          { mark: { type: "rule", color: "#333" }, encoding: { x: { datum: 1 } } },
        ],
      },
      {
        title: "A second's work, a bare Deno server's being 1",
        width: 460,
        height: { step: 11 },
        data: { values: peerBars(results) },
        mark: { type: "bar", height: 9 },
        encoding: {
          y: { ...work, axis: labels },
          yOffset: { field: "server", sort: null },
          x: {
            field: "ratio",
            type: "quantitative",
            title: "times raw",
            scale: { type: "sqrt" },
            axis: { values: [0.25, 0.5, 1, 2, 4, 8, 16], format: "~g" },
          },
          color: {
            field: "server",
            type: "nominal",
            title: null,
            sort: null,
            scale: {
              domain: ["raw", "drawbridge", "ws", "socket.io"],
              range: ["#8d99ae", "#2a9d8f", "#e9c46a", "#b5838d"],
            },
            legend: { orient: "top" },
          },
        },
      },
    ],
    resolve: { scale: { color: "independent" } },
  };
}

/** The chart of some results. */
export async function draw(results: readonly BenchResult[]): Promise<string> {
  const view = new View(parse(compile(specOf(results)).spec), { renderer: "none" });
  return `${await view.toSVG()}\n`;
}

if (import.meta.main) {
  const svg = await draw(await latestResults());
  await Deno.writeTextFile(new URL("chart.svg", import.meta.url), svg);
}
