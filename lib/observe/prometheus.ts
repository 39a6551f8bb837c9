/**
 * The metrics as Prometheus text. Importing `prom-client` costs some 50 ms, so
 * this module is imported after the server listens.
 *
 * @module
 */
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import {
  type Exposition,
  METRIC_PREFIX,
  type MetricDefinition,
  METRICS,
  type MetricsSink,
  RESIDENT_MEMORY,
} from "./metrics.ts";
import { type SeriesLabels, SeriesTable } from "./series.ts";

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

/** Makes a registry of its own with every metric of {@linkcode METRICS}, prefixed `drawbridge_`. */
export function createPrometheus(options: PrometheusOptions = {}): Prometheus {
  const registry = new Registry();
  const metrics = new Map(
    Object.entries(METRICS).map(([name, definition]) => [
      name,
      register(registry, name, definition),
    ]),
  );
  const table = new SeriesTable((name, labels) => metrics.get(name)!(labels));
  const residentBytes = options.residentBytes ?? (() => Deno.memoryUsage().rss);
  new Gauge({
    name: RESIDENT_MEMORY.name,
    help: RESIDENT_MEMORY.help,
    registers: [registry],
    collect() {
      this.set(residentBytes());
    },
  });
  return {
    sink: (sample) => table.take(sample),
    async render(): Promise<Exposition> {
      table.flush();
      return { contentType: registry.contentType, body: await registry.metrics() };
    },
  };
}

/** Registers one metric; the result opens a series of it. */
function register(
  registry: Registry,
  name: string,
  definition: MetricDefinition,
): (labels: SeriesLabels) => (value: number) => void {
  const common = {
    name: `${METRIC_PREFIX}${name}`,
    help: definition.help,
    labelNames: [...definition.labels],
    registers: [registry],
  };
  switch (definition.kind) {
    case "counter": {
      const counter = new Counter(common);
      return (labels) => (value) => counter.inc(labels, value);
    }
    case "gauge": {
      const gauge = new Gauge(common);
      return (labels) => (value) => gauge.set(labels, value);
    }
    case "histogram": {
      const buckets = definition.buckets === undefined ? {} : { buckets: [...definition.buckets] };
      const histogram = new Histogram({ ...common, ...buckets });
      return (labels) => {
        histogram.zero(labels);
        return (value) => histogram.observe(labels, value);
      };
    }
    default:
      return definition.kind satisfies never;
  }
}
