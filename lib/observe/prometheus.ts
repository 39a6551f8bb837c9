/**
 * The metrics as Prometheus text. What is recorded is kept here, cheaply, until somebody asks for
 * it: only then is the library loaded, which takes longer than all else.
 *
 * @module
 */
import type { Exposition, MetricName, MetricsSink } from "./metrics.ts";
import type { PrometheusRegistry } from "./prometheus_registry.ts";
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

/** Samples of histograms, 8 bytes each, that are kept before the library is loaded for them. */
const MAX_KEPT = 100_000;

/** Makes a registry of its own, once somebody asks for it. */
export function createPrometheus(options: PrometheusOptions = {}): Prometheus {
  const { residentBytes = () => Deno.memoryUsage().rss } = options;
  const series: LateSeries[] = [];
  let registry: PrometheusRegistry | null = null;
  let loading: Promise<PrometheusRegistry> | undefined;
  let kept = 0;

  const load = async (): Promise<PrometheusRegistry> => {
    const { createRegistry } = await import("./prometheus_registry.ts");
    const loaded = createRegistry(residentBytes);
    registry = loaded;
    for (const early of series.splice(0)) early.open(loaded);
    return loaded;
  };
  const loaded = (): Promise<PrometheusRegistry> => loading ??= load();

  const table = new SeriesTable((name, labels) => {
    if (registry !== null) return registry.open(name, labels);
    const late = new LateSeries(name, labels);
    series.push(late);
    return (value) => {
      // Whoever renders is told why it could not be loaded; until then the newest are lost.
      if (late.isOpen || kept++ < MAX_KEPT) return late.write(value);
      loaded().catch(() => {});
    };
  });
  return {
    sink: (sample) => table.take(sample),
    async render(): Promise<Exposition> {
      const { render } = await loaded();
      table.flush();
      return await render();
    },
  };
}

/** A series that keeps its values until it is opened. */
class LateSeries {
  readonly #name: MetricName;
  readonly #labels: SeriesLabels;
  readonly #kept: number[] = [];
  #write: ((value: number) => void) | null = null;

  constructor(name: MetricName, labels: SeriesLabels) {
    this.#name = name;
    this.#labels = labels;
  }

  get isOpen(): boolean {
    return this.#write !== null;
  }

  write(value: number): void {
    if (this.#write === null) this.#kept.push(value);
    else this.#write(value);
  }

  open(registry: PrometheusRegistry): void {
    this.#write = registry.open(this.#name, this.#labels);
    for (const value of this.#kept.splice(0)) this.#write(value);
  }
}
