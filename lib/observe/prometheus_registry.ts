/**
 * The registry of the metrics library. Importing `prom-client` takes longer than all
 * else that the server loads, so this module is imported for the first who asks.
 *
 * @module
 */
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import {
  type Exposition,
  METRIC_PREFIX,
  type MetricDefinition,
  METRICS,
  RESIDENT_MEMORY,
} from "./metrics.ts";
import type { OpenSeries, SeriesLabels } from "./series.ts";

/** A registry with every metric of {@linkcode METRICS}, prefixed `drawbridge_`. */
export interface PrometheusRegistry {
  /** Opens a series of one metric. */
  readonly open: OpenSeries;
  /** The present values of every series. */
  readonly render: () => Promise<Exposition>;
}

/** Makes a registry that shares nothing; `residentBytes` is asked at each scrape. */
export function createRegistry(residentBytes: () => number): PrometheusRegistry {
  const registry = new Registry();
  const metrics = new Map(
    Object.entries(METRICS).map(([name, definition]) => [
      name,
      register(registry, name, definition),
    ]),
  );
  new Gauge({
    name: RESIDENT_MEMORY.name,
    help: RESIDENT_MEMORY.help,
    registers: [registry],
    collect() {
      this.set(residentBytes());
    },
  });
  return {
    open: (name, labels) => metrics.get(name)!(labels),
    render: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
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
