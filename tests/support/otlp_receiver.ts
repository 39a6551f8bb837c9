/**
 * A collector on loopback: takes what an exporter sends over OTLP as JSON
 * (`OTEL_EXPORTER_OTLP_PROTOCOL=http/json`), and keeps it. Needs `net`.
 *
 * @module
 */
import { Feed } from "./feed.ts";

/** Attributes of a span, an event or a data point. */
export type Attributes = Readonly<Record<string, string | number | boolean>>;

/** One span as it arrived. */
export interface ReceivedSpan {
  readonly scope: string;
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for a root. */
  readonly parentSpanId: string;
  readonly attributes: Attributes;
  readonly events: readonly { readonly name: string; readonly attributes: Attributes }[];
  readonly links: readonly string[];
  /** The status' message where it is an error, else null. */
  readonly error: string | null;
  readonly durationMs: number;
}

/** One metric of one export. */
export interface ReceivedMetric {
  readonly name: string;
  readonly description: string;
  readonly unit: string;
  readonly kind: "counter" | "gauge" | "histogram";
  readonly points: readonly ReceivedPoint[];
}

/** One series of a metric. */
export interface ReceivedPoint {
  readonly attributes: Attributes;
  /** A histogram's sum. */
  readonly value: number;
  /** A histogram's counts by upper bound, cumulative as Prometheus has them; the last bound is infinite. */
  readonly buckets?: readonly (readonly [bound: number, count: number])[];
}

/** One log record. */
export interface ReceivedLog {
  readonly body: string;
  readonly severity: string;
  readonly traceId: string;
}

/** The collector. `await using` ends it. */
export class OtlpReceiver implements AsyncDisposable {
  /** All spans so far. */
  readonly spans = new Feed<ReceivedSpan>();
  /** Each export of metrics, oldest first. */
  readonly exports = new Feed<readonly ReceivedMetric[]>();
  /** All log records so far. */
  readonly logs = new Feed<ReceivedLog>();
  /** Every body as it came. */
  readonly bodies: string[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  /** Listens on a free port. */
  constructor() {
    this.#server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
      return this.#take(request);
    });
  }

  /** The variables that make a Deno process export here, often. */
  get env(): Readonly<Record<string, string>> {
    return {
      OTEL_DENO: "true",
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${this.#server.addr.port}`,
      OTEL_SERVICE_NAME: "drawbridge",
      OTEL_METRIC_EXPORT_INTERVAL: "200",
      OTEL_BSP_SCHEDULE_DELAY: "100",
    };
  }

  /** Waits for a span that `matches`. */
  async span(
    name: string,
    matches: (span: ReceivedSpan) => boolean = () => true,
  ): Promise<ReceivedSpan> {
    const at = await this.spans.find(
      (span) => span.name === name && matches(span),
      { what: `the span ${name}` },
    );
    return this.spans.items[at]!;
  }

  /** Whether `span` is somewhere below `above`, by the spans that arrived. */
  isBelow(span: ReceivedSpan, above: ReceivedSpan): boolean {
    const parent = this.parentOf(span);
    return parent !== undefined && (parent === above || this.isBelow(parent, above));
  }

  /** The span that `span` is a part of, where it arrived. */
  parentOf(span: ReceivedSpan): ReceivedSpan | undefined {
    return this.spans.items.find(({ traceId, spanId }) =>
      traceId === span.traceId && spanId === span.parentSpanId
    );
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }

  async #take(request: Request): Promise<Response> {
    const text = await request.text();
    this.bodies.push(text);
    const body = JSON.parse(text);
    const { pathname } = new URL(request.url);
    if (pathname === "/v1/traces") { for (const span of spansOf(body)) this.spans.push(span); }
    if (pathname === "/v1/logs") { for (const log of logsOf(body)) this.logs.push(log); }
    if (pathname === "/v1/metrics") this.exports.push(metricsOf(body));
    return Response.json({});
  }
}

// deno-lint-ignore no-explicit-any
type Json = any;

function spansOf(body: Json): ReceivedSpan[] {
  return body.resourceSpans.flatMap(({ scopeSpans }: Json) =>
    scopeSpans.flatMap(({ scope, spans }: Json) =>
      spans.map((span: Json): ReceivedSpan => ({
        scope: scope.name,
        name: span.name,
        traceId: span.traceId,
        spanId: span.spanId,
        parentSpanId: span.parentSpanId,
        attributes: attributesOf(span.attributes),
        events: span.events.map((event: Json) => ({
          name: event.name,
          attributes: attributesOf(event.attributes),
        })),
        links: span.links.map((link: Json) => link.spanId),
        error: span.status.code === 2 ? span.status.message : null,
        durationMs: Number(BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano)) / 1e6,
      }))
    )
  );
}

function logsOf(body: Json): ReceivedLog[] {
  return body.resourceLogs.flatMap(({ scopeLogs }: Json) =>
    scopeLogs.flatMap(({ logRecords }: Json) =>
      logRecords.map(({ body, severityText, traceId }: Json): ReceivedLog => ({
        body: body.stringValue,
        severity: severityText,
        traceId,
      }))
    )
  );
}

function metricsOf(body: Json): ReceivedMetric[] {
  return body.resourceMetrics.flatMap(({ scopeMetrics }: Json) =>
    scopeMetrics.flatMap(({ metrics }: Json) =>
      metrics.map(({ name, description, unit, sum, gauge, histogram }: Json): ReceivedMetric => ({
        name,
        description,
        unit,
        kind: sum ? "counter" : gauge ? "gauge" : "histogram",
        points: (sum ?? gauge ?? histogram).dataPoints.map(pointOf),
      }))
    )
  );
}

function pointOf({ attributes, asDouble, asInt, sum, bucketCounts, explicitBounds }: Json) {
  const point = { attributes: attributesOf(attributes), value: Number(asDouble ?? asInt ?? sum) };
  if (bucketCounts === undefined) return point;
  let count = 0;
  const buckets = bucketCounts.map((own: string, at: number): [number, number] => [
    explicitBounds[at] ?? Infinity,
    count += Number(own),
  ]);
  return { ...point, buckets };
}

function attributesOf(list: readonly Json[]): Attributes {
  return Object.fromEntries(
    list.map(({ key, value }) => [key, Object.values(value)[0]]),
  ) as Attributes;
}
