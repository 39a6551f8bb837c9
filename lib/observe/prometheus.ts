/**
 * The metrics as Prometheus text. Importing `prom-client` costs some 50 ms, so
 * this module is imported after the server listens.
 *
 * @module
 */
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import {
  type Exposition,
  type MetricDefinition,
  METRICS,
  type MetricsSink,
  type Sample,
} from "./metrics.ts";

/** How the exposition is made. */
export interface PrometheusOptions {
  /** Resident memory of the process, bytes. Default: what the runtime says. */
  readonly residentBytes?: () => number;
}

/** Where samples go in and the exposition comes out. */
export interface Prometheus {
  /** Takes samples; never throws. */
  readonly sink: MetricsSink;
  /** The present values of every series, in the text format 0.0.4. */
  render(): Promise<Exposition>;
}

/**
 * Label combinations of one metric. A label that a client can choose, such as a
 * close code, must not grow the registry without end: what comes over it is counted as `other`.
 */
const MAX_SERIES = 200;

type Series = (labels: Readonly<Record<string, string>>, value: number) => void;

/** Makes a registry of its own with every metric of {@linkcode METRICS}, prefixed `drawbridge_`. */
export function createPrometheus(options: PrometheusOptions = {}): Prometheus {
  const registry = new Registry();
  const series = new Map<string, Series>(
    Object.entries(METRICS).map((
      [name, definition],
    ) => [name, register(registry, name, definition)]),
  );
  const residentBytes = options.residentBytes ?? (() => Deno.memoryUsage().rss);
  new Gauge({
    name: "process_resident_memory_bytes",
    help: "Resident memory of the process",
    registers: [registry],
    collect() {
      this.set(residentBytes());
    },
  });
  return {
    sink(sample: Sample): void {
      // A value that the library would refuse by throwing is no measurement.
      if (Number.isFinite(sample.value)) series.get(sample.name)?.(sample.labels, sample.value);
    },
    async render(): Promise<Exposition> {
      return { contentType: registry.contentType, body: await registry.metrics() };
    },
  };
}

function register(registry: Registry, name: string, definition: MetricDefinition): Series {
  const common = {
    name: `drawbridge_${name}`,
    help: definition.help,
    labelNames: [...definition.labels],
    registers: [registry],
  };
  const bound = boundLabels(definition.labels);
  switch (definition.kind) {
    case "counter": {
      const counter = new Counter(common);
      return (labels, value) => {
        if (value >= 0) counter.inc(bound(labels), value);
      };
    }
    case "gauge": {
      const gauge = new Gauge(common);
      return (labels, value) => gauge.set(bound(labels), value);
    }
    case "histogram": {
      const buckets = definition.buckets === undefined ? {} : { buckets: [...definition.buckets] };
      const histogram = new Histogram({ ...common, ...buckets });
      return (labels, value) => histogram.observe(bound(labels), value);
    }
    default:
      return definition.kind satisfies never;
  }
}

/** Keeps the labels that are defined, and `other` in their place once there are too many. */
function boundLabels(
  names: readonly string[],
): (labels: Readonly<Record<string, string>>) => Record<string, string> {
  const seen = new Set<string>();
  return (labels) => {
    const values = names.map((name) => labels[name] ?? "");
    const key = JSON.stringify(values);
    if (!seen.has(key) && seen.size < MAX_SERIES) seen.add(key);
    return Object.fromEntries(
      names.map((name, index) => [name, seen.has(key) ? values[index]! : "other"]),
    );
  };
}
