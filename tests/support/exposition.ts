/**
 * Reads Prometheus' text format 0.0.4, as a scraper does.
 *
 * @module
 */

/** One metric of a scrape. */
export interface ScrapedMetric {
  readonly kind: string;
  readonly help: string;
  readonly series: readonly ScrapedSeries[];
}

/** One series of a metric. */
export interface ScrapedSeries {
  /** Without a histogram's `le`. */
  readonly labels: Readonly<Record<string, string>>;
  /** A histogram's sum. */
  readonly value: number;
  /** A histogram's cumulative counts, the last one's bound being infinite. */
  readonly buckets?: readonly (readonly [bound: number, count: number])[];
}

/** One line of an exposition. */
interface Line {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/**
 * The metrics of an exposition, by name.
 *
 * @throws {Error} If a line is none of the format's.
 */
export function parseExposition(text: string): ReadonlyMap<string, ScrapedMetric> {
  const heads = new Map<string, { kind: string; help: string; lines: Line[] }>();
  for (const line of text.split("\n").filter((line) => line !== "")) {
    const [, keyword, described, rest = ""] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (described !== undefined) {
      const head = heads.get(described) ?? { kind: "", help: "", lines: [] };
      heads.set(described, head);
      head[keyword === "HELP" ? "help" : "kind"] = rest;
      continue;
    }
    const sample = parseLine(line);
    const owner = heads.get(sample.name) ??
      heads.get(sample.name.replace(/_(?:bucket|sum|count)$/, ""));
    if (owner === undefined) throw new Error(`Nothing describes ${line}`);
    owner.lines.push(sample);
  }
  return new Map(
    Array.from(heads, ([name, { kind, help, lines }]) => [
      name,
      { kind, help, series: kind === "histogram" ? histogramsOf(lines) : lines },
    ]),
  );
}

function parseLine(line: string): Line {
  const [, name, , labels = "", value] = /^([a-z_:]+)(\{(.*)\})? (\S+)$/i.exec(line) ?? [];
  if (name === undefined || value === undefined) throw new Error(`Not a sample: ${line}`);
  const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"(?:,|$)/g)];
  return {
    name,
    labels: Object.fromEntries(pairs.map(([, label = "", text = ""]) => [label, text])),
    value: value === "+Inf" ? Infinity : Number(value),
  };
}

function histogramsOf(lines: readonly Line[]): ScrapedSeries[] {
  const found = new Map<string, ScrapedSeries & { buckets: [number, number][]; value: number }>();
  for (const { name, labels: { le, ...labels }, value } of lines) {
    const key = JSON.stringify(labels);
    const series = found.get(key) ?? { labels, value: 0, buckets: [] };
    if (name.endsWith("_bucket")) {
      series.buckets.push([le === "+Inf" ? Infinity : Number(le), value]);
    } else if (name.endsWith("_sum")) found.set(key, { ...series, value });
    if (!found.has(key)) found.set(key, series);
  }
  return [...found.values()];
}
