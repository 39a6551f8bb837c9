/**
 * Every metric, described once. Recording goes to sinks (Prometheus text,
 * OpenTelemetry) that attach when their library is loaded; what is recorded
 * before the first one attaches is kept and replayed, so that nothing heavy is
 * loaded before the server listens.
 *
 * @module
 */

/** What one series is. */
export interface MetricDefinition {
  readonly kind: "counter" | "gauge" | "histogram";
  readonly help: string;
  /** What the value counts, as UCUM writes it: `s`, or a word in braces. */
  readonly unit: string;
  /** Label names. No label ever holds a subject, a thread or a token. */
  readonly labels: readonly string[];
  /** Upper bounds of a histogram, in the metric's unit. */
  readonly buckets?: readonly number[];
}

const SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60] as const;

/** What every metric's name begins with, wherever it is exported. */
export const METRIC_PREFIX = "drawbridge_";

/** The one metric besides: a gauge that is read when it is asked for. */
export const RESIDENT_MEMORY = {
  name: "process_resident_memory_bytes",
  help: "Resident memory of the process",
  unit: "By",
} as const;

/** The definitions, by name without {@linkcode METRIC_PREFIX}. */
export const METRICS = {
  startup_duration_seconds: {
    kind: "gauge",
    help: "Time from process start to the opening of the gate; 0 before",
    unit: "s",
    labels: [],
  },
  startup_phase_duration_seconds: {
    kind: "gauge",
    help: "Time that a start-up phase took, its retries included; 0 before its end",
    unit: "s",
    labels: ["phase"],
  },
  startup_phase_failures_total: {
    kind: "counter",
    help: "Failed tries of a start-up phase",
    unit: "{try}",
    labels: ["phase"],
  },
  startup_state: {
    kind: "gauge",
    help: "1 for the state that the server is in, 0 for the others",
    unit: "{state}",
    labels: ["state"],
  },
  gate_wait_seconds: {
    kind: "histogram",
    help: "Time from arrival at the gate to its verdict, sockets and requests alike",
    unit: "s",
    labels: ["verdict"],
    buckets: SECONDS,
  },
  gate_waiting: {
    kind: "gauge",
    help: "Callers in the waiting room, named and unnamed",
    unit: "{caller}",
    labels: [],
  },
  gate_refusals_total: {
    kind: "counter",
    help: "Refused handshakes, over HTTP or over the socket",
    unit: "{handshake}",
    labels: ["code"],
  },
  connections: {
    kind: "gauge",
    help: "Open sockets and event streams",
    unit: "{connection}",
    labels: [],
  },
  closes_total: {
    kind: "counter",
    help: "Closed sockets, by this side's code where it closed first",
    unit: "{socket}",
    labels: ["code"],
  },
  frames_total: {
    kind: "counter",
    help: "Frames received and sent",
    unit: "{frame}",
    labels: ["direction", "type"],
  },
  messages_stored_total: {
    kind: "counter",
    help: "User messages stored, each once",
    unit: "{message}",
    labels: [],
  },
  store_operation_seconds: {
    kind: "histogram",
    help: "Time of one store operation, failed or not",
    unit: "s",
    labels: ["operation"],
    buckets: SECONDS,
  },
  runs_active: {
    kind: "gauge",
    help: "Runs that stream on this instance",
    unit: "{run}",
    labels: [],
  },
  runs_total: {
    kind: "counter",
    help: "Runs whose answer this instance stored, also those cancelled while they waited",
    unit: "{run}",
    labels: ["outcome"],
  },
  run_first_chunk_seconds: {
    kind: "histogram",
    help: "Time from a run's start to the first chunk that its model made",
    unit: "s",
    labels: [],
    buckets: SECONDS,
  },
  run_takeovers_total: {
    kind: "counter",
    help: "Runs taken over from another instance, to go on or to end",
    unit: "{run}",
    labels: [],
  },
  slow_consumers_total: {
    kind: "counter",
    help: "Sockets and streams given up with unread data: too much of it, or memory was short",
    unit: "{connection}",
    labels: [],
  },
} as const satisfies Record<string, MetricDefinition>;

/** A metric's name, without prefix. */
export type MetricName = keyof typeof METRICS;

/** The labels that metric `Name` takes. */
export type LabelsOf<Name extends MetricName> = Readonly<
  Record<(typeof METRICS)[Name]["labels"][number], string>
>;

/** One observation: an increment, a new value, or a histogram's sample. */
export interface Sample {
  readonly name: MetricName;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Takes samples: a counter's are added, a gauge's replace, a histogram's are observed. */
export type MetricsSink = (sample: Sample) => void;

/** Where the code records. One instance a process. */
export class Metrics {
  readonly #sinks: MetricsSink[] = [];
  #kept: Sample[] | null = [];

  /** Records one sample of `name`; `value` defaults to 1. */
  record<Name extends MetricName>(name: Name, labels: LabelsOf<Name>, value = 1): void {
    const sample: Sample = { name, labels, value };
    if (this.#kept !== null) this.#keep(sample);
    for (const sink of this.#sinks) sink(sample);
  }

  /** Attaches sinks. The first that are attached get all that was recorded before. */
  attach(...sinks: readonly MetricsSink[]): void {
    for (const sample of this.#kept ?? []) {
      for (const sink of sinks) sink(sample);
    }
    this.#kept = null;
    this.#sinks.push(...sinks);
  }

  /** Before any sink, the newest samples are kept, within a bound. */
  #keep(sample: Sample): void {
    this.#kept!.push(sample);
    if (this.#kept!.length > 20_000) this.#kept!.splice(0, 10_000);
  }
}

/** One scrape's answer. */
export interface Exposition {
  /** The exposition format and its version, for `Content-Type`. */
  readonly contentType: string;
  /** The exposition itself. */
  readonly body: string;
}
