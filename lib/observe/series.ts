/**
 * Between what the code records and what a metrics library keeps. Looking a
 * series up in a library costs 1 to 2 µs, and a busy server records 100,000
 * frames a second: here it is looked up once, counters and gauges add up
 * in place, and {@linkcode SeriesTable.flush} hands on what changed.
 *
 * @module
 */
import { KNOWN_SERIES } from "./known_series.ts";
import { type MetricDefinition, type MetricName, METRICS, type Sample } from "./metrics.ts";

/** Labels of one series: all that its metric defines, and no others. */
export type SeriesLabels = Readonly<Record<string, string>>;

/**
 * Finds or makes a series in a library and returns what takes its values: a
 * counter's increments, a gauge's present value, a histogram's samples.
 */
export type OpenSeries = (name: MetricName, labels: SeriesLabels) => (value: number) => void;

/**
 * Label combinations of one metric. A label that a client can choose must not
 * grow a registry without end: what comes over it is counted as `other`.
 */
const MAX_SERIES = 200;

/** One series: where its values go, and what has not gone there yet. */
interface Series {
  readonly write: (value: number) => void;
  pending: number;
  changed: boolean;
}

/** One metric and its series. */
interface Family {
  readonly name: MetricName;
  readonly kind: MetricDefinition["kind"];
  /** Two at most. */
  readonly labels: readonly string[];
  /** By the first label's value, then by the second's; a label that is not there has the value "". */
  readonly series: Map<string, Map<string, Series>>;
  size: number;
}

/** The series of every metric, for one library. */
export class SeriesTable {
  readonly #open: OpenSeries;
  readonly #families: ReadonlyMap<string, Family>;
  #changed: Series[] = [];

  /** Opens the known series at once, and others as they come. */
  constructor(open: OpenSeries) {
    this.#open = open;
    const definitions = Object.entries<MetricDefinition>(METRICS);
    this.#families = new Map(definitions.map(([key, { kind, labels }]) => {
      const name = key as MetricName;
      return [key, { name, kind, labels, series: new Map(), size: 0 }];
    }));
    for (const family of this.#families.values()) {
      for (const labels of KNOWN_SERIES[family.name] ?? []) {
        const series = this.#find(family, labels);
        if (family.kind !== "histogram") series.write(0);
      }
    }
  }

  /** Takes one sample; never throws. What is no measurement is ignored. */
  take({ name, labels, value }: Sample): void {
    const family = this.#families.get(name);
    if (family === undefined || !Number.isFinite(value)) return;
    if (family.kind === "counter" && value < 0) return;
    const series = this.#find(family, labels);
    if (family.kind === "histogram") return series.write(value);
    series.pending = family.kind === "counter" ? series.pending + value : value;
    if (series.changed) return;
    series.changed = true;
    this.#changed.push(series);
  }

  /** Hands on what counters and gauges became since the last time. */
  flush(): void {
    const changed = this.#changed;
    this.#changed = [];
    for (const series of changed) {
      const { pending } = series;
      series.pending = 0;
      series.changed = false;
      series.write(pending);
    }
  }

  #find(family: Family, labels: SeriesLabels): Series {
    const { labels: [first = "", second = ""], series } = family;
    const value = labels[first] ?? "";
    const known = series.get(value)?.get(labels[second] ?? "");
    return known ?? this.#add(family, labels);
  }

  #add(family: Family, wanted: SeriesLabels): Series {
    const { name, labels: [first, second], series } = family;
    const isFull = family.size >= MAX_SERIES;
    const valueOf = (label: string | undefined): string =>
      label === undefined ? "" : isFull ? "other" : wanted[label] ?? "";
    const bySecond = series.get(valueOf(first)) ?? new Map<string, Series>();
    series.set(valueOf(first), bySecond);
    const other = bySecond.get(valueOf(second));
    if (other !== undefined) return other;
    const labels = Object.fromEntries(
      family.labels.map((label) => [label, valueOf(label)]),
    );
    const added = { write: this.#open(name, labels), pending: 0, changed: false };
    bySecond.set(valueOf(second), added);
    family.size++;
    return added;
  }
}
