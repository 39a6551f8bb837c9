/**
 * Metrics and spans through the OpenTelemetry API, behind which stands the
 * runtime's own exporter (`OTEL_DENO=true`; always on Deno Deploy) or any SDK
 * that was loaded first. Imported only where {@linkcode isTelemetryOn}: it costs some 15 ms.
 *
 * @module
 */
import {
  type Context,
  context,
  metrics,
  type Span as ApiSpan,
  SpanKind,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";
import {
  METRIC_PREFIX,
  type MetricDefinition,
  METRICS,
  type MetricsSink,
  RESIDENT_MEMORY,
} from "./metrics.ts";
import { type SeriesLabels, SeriesTable } from "./series.ts";
import type { Span, SpanAttributes, TracePlace, TracingBackend } from "./tracing.ts";

/** The instrumentation scope of everything here. */
const SCOPE = "drawbridge";

/**
 * Longest wait of a counter or a gauge before it is handed on, milliseconds. Deno 2.5 exports for the
 * last time when a signal comes, not when the process ends: there, what waits then is lost.
 */
const FLUSH_MS = 250;

/** Where samples go on their way to the exporter. */
export interface TelemetryMetrics {
  /** Takes samples; never throws. */
  readonly sink: MetricsSink;
  /** Hands on what waits, and takes nothing more. */
  stop(): void;
}

/** Makes an instrument for every metric of {@linkcode METRICS}, named as in Prometheus. */
export function createTelemetryMetrics(): TelemetryMetrics {
  const meter = metrics.getMeter(SCOPE);
  const open = new Map(
    Object.entries<MetricDefinition>(METRICS).map(([name, { kind, help, unit, buckets }]) => {
      const options = { description: help, unit };
      const fullName = `${METRIC_PREFIX}${name}`;
      switch (kind) {
        case "counter": {
          const counter = meter.createCounter(fullName, options);
          return [name, (value: number, labels: SeriesLabels) => counter.add(value, labels)];
        }
        case "gauge": {
          const gauge = meter.createGauge(fullName, options);
          return [name, (value: number, labels: SeriesLabels) => gauge.record(value, labels)];
        }
        case "histogram": {
          const advice = { explicitBucketBoundaries: [...buckets ?? []] };
          const histogram = meter.createHistogram(fullName, { ...options, advice });
          return [name, (value: number, labels: SeriesLabels) => histogram.record(value, labels)];
        }
      }
    }),
  );
  const table = new SeriesTable((name, labels) => {
    const write = open.get(name)!;
    return (value) => quietly(() => write(value, labels));
  });
  const memory = meter.createObservableGauge(RESIDENT_MEMORY.name, {
    description: RESIDENT_MEMORY.help,
    unit: RESIDENT_MEMORY.unit,
  });
  memory.addCallback((result) => result.observe(Deno.memoryUsage().rss));
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isStopped = false;
  const flush = (): void => {
    timer = undefined;
    table.flush();
  };
  return {
    sink: (sample) => {
      if (isStopped) return;
      table.take(sample);
      if (timer !== undefined) return;
      timer = setTimeout(flush, FLUSH_MS);
      Deno.unrefTimer(timer);
    },
    stop: () => {
      isStopped = true;
      clearTimeout(timer);
      flush();
    },
  };
}

/** Makes spans through the API. */
export function createTelemetryTracing(): TracingBackend {
  const tracer = trace.getTracer(SCOPE);
  return {
    begin(name, { attributes = {}, kind = "internal", parent }) {
      const active = context.active();
      const above = parent ? contextOf(parent) : active;
      const cause = parent === null ? trace.getSpanContext(active) : undefined;
      const span = tracer.startSpan(name, {
        kind: kind === "client" ? SpanKind.CLIENT : SpanKind.INTERNAL,
        attributes,
        root: parent === null,
        links: cause === undefined ? [] : [{ context: cause }],
      }, above);
      return new TelemetrySpan(span, trace.setSpan(above, span));
    },
    here: () => ({ place: context.active() }),
    ids: () => {
      const active = trace.getActiveSpan()?.spanContext();
      return active === undefined ? null : { traceId: active.traceId, spanId: active.spanId };
    },
    describe: (attributes, name) =>
      quietly(() => {
        const active = trace.getActiveSpan();
        active?.setAttributes(attributes);
        if (name !== undefined) active?.updateName(name);
      }),
  };
}

class TelemetrySpan implements Span {
  readonly #span: ApiSpan;
  readonly #context: Context;
  #hasEnded = false;

  constructor(span: ApiSpan, own: Context) {
    this.#span = span;
    this.#context = own;
  }

  within<T>(work: () => T): T {
    return context.with(this.#context, work);
  }

  set(attributes: SpanAttributes): void {
    quietly(() => this.#span.setAttributes(attributes));
  }

  event(name: string, attributes?: SpanAttributes): void {
    quietly(() => this.#span.addEvent(name, attributes));
  }

  fail(code: string): void {
    quietly(() => {
      this.#span.setAttribute("error.type", code);
      this.#span.setStatus({ code: SpanStatusCode.ERROR, message: code });
    });
  }

  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    quietly(() => this.#span.end());
  }
}

/** Only this module makes places. */
function contextOf({ place }: TracePlace): Context {
  return place as Context;
}

/** By contract, telemetry that fails changes nothing, and there is nowhere to report it. */
function quietly(work: () => void): void {
  try {
    work();
  } catch {
    // See above.
  }
}
