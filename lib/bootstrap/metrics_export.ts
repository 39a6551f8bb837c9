/**
 * Where the metrics go: to Prometheus and, where somebody listens, to OpenTelemetry, which
 * traces too.
 *
 * @module
 */
import type { Exposition } from "../observe/metrics.ts";
import type { Prometheus } from "../observe/prometheus.ts";
import { isTelemetryOn } from "../observe/telemetry.ts";
import type { BootstrapOptions } from "../server_context.ts";

/** What the bootstrap needs of the export. */
export interface MetricsExport {
  /** Renders all metrics. */
  readonly render: () => Promise<Exposition>;
  /** Ends what was begun. */
  readonly stop: () => void;
}

/** Longest time without a metrics library, milliseconds: what is recorded meanwhile is kept in memory. */
const LOAD_AFTER_MS = 1_000;

/**
 * Begins the export. Prometheus' library takes longer to load than all else: it is loaded for the
 * first who asks, or once the gate has most likely opened. For telemetry both are loaded at once,
 * so that the start-up is traced.
 */
export async function exportMetrics(options: BootstrapOptions): Promise<MetricsExport> {
  let loaded: Promise<{ prometheus: Prometheus; stop: () => void }> | undefined;
  const load = () => {
    clearTimeout(timer);
    return loaded ??= attachSinks(options);
  };
  const timer = setTimeout(
    () => load().catch((error) => options.log.error("metrics cannot be exported", { error })),
    LOAD_AFTER_MS,
  );
  Deno.unrefTimer(timer);
  if (isTelemetryOn()) await load();
  return {
    render: async () => await (await load()).prometheus.render(),
    stop() {
      clearTimeout(timer);
      void loaded?.then(({ stop }) => stop(), () => {});
    },
  };
}

async function attachSinks(
  { metrics, tracing, log }: BootstrapOptions,
): Promise<{ prometheus: Prometheus; stop: () => void }> {
  const { createPrometheus } = await import("../observe/prometheus.ts");
  const prometheus = createPrometheus();
  const sinks = [prometheus.sink];
  let stop = (): void => {};
  if (isTelemetryOn()) {
    try {
      const telemetry = await import("../observe/opentelemetry.ts");
      const exported = telemetry.createTelemetryMetrics();
      sinks.push(exported.sink);
      stop = exported.stop;
      tracing.attach(telemetry.createTelemetryTracing());
    } catch (error) {
      log.warn("telemetry cannot be exported", { error });
    }
  }
  metrics.attach(...sinks);
  return { prometheus, stop };
}
