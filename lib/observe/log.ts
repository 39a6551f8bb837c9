/**
 * Logs on stdout: one JSON object a line, or readable lines in development.
 * Others log through {@linkcode logger}; nothing else may write to stdout.
 *
 * @module
 */
import { configureSync, getLogger, type LogRecord } from "@logtape/logtape";
import { currentRequestId } from "./log_context.ts";
import { LineWriter } from "./log_writer.ts";
import { isSensitiveName, REDACTED, Redactor } from "./redact.ts";
import { startupLine } from "./startup_lines.ts";
import type { TraceIds } from "./tracing.ts";

/** One record's data, by name. */
export type LogProperties = Readonly<Record<string, unknown>>;

/** Where one part of the server logs: fixed messages, with the data beside them. */
export interface Logger {
  /** For the record: something happened as it should. */
  info(message: string, properties?: LogProperties): void;
  /** For the operator, some day: it went on, with something lost. */
  warn(message: string, properties?: LogProperties): void;
  /** For the operator, now. An error goes in as a property: `{ error }`. */
  error(message: string, properties?: LogProperties): void;
}

/** How logs are written. */
export interface LogOptions {
  /** One JSON object a line; else lines for people. */
  readonly json: boolean;
  /** Values that are masked wherever they appear, such as `secrets(config)`. */
  readonly secrets?: readonly string[];
  /** Names the span that is active, for `trace_id` and `span_id`. */
  readonly traceIds?: () => TraceIds | null;
  /** Takes each line, without its line break, and its level. Default: stdout, without waiting for its reader. */
  readonly write?: (line: string, level: string) => void;
}

/** Longest line, UTF-16 units. A longer record is written without its properties. */
const MAX_LINE_LENGTH = 32_768;

/** The members of a line that no property may replace. */
const OWN_MEMBERS: ReadonlySet<string> = new Set(["time", "level", "msg", "logger"]);

let stdout: LineWriter | undefined;

/**
 * Routes all of Drawbridge's records; called again, it replaces the routing.
 *
 * Nothing that is logged, and no failure to write it, throws into the caller.
 */
export function configureLogs(options: LogOptions): void {
  const redactor = new Redactor(options.secrets);
  const format = options.json ? formatJson : formatReadable;
  const write = options.write ?? stdoutWriter(format);
  const sink = (record: LogRecord): void => {
    try {
      const line = describe(record, redactor);
      const properties = { ...whereabouts(options), ...line.properties };
      write(format({ ...line, properties }), line.level);
    } catch {
      // By contract a log that fails changes nothing, and there is nowhere to report it.
    }
  };
  configureSync({
    reset: true,
    sinks: { lines: sink },
    loggers: [
      { category: ["drawbridge"], sinks: ["lines"], lowestLevel: "info" },
      { category: ["logtape", "meta"], sinks: ["lines"], lowestLevel: "error" },
    ],
  });
}

/**
 * The logger of one part of the server, such as `logger("startup")`.
 *
 * Messages are fixed texts, data goes into properties:
 * `log.info("phase done", { phase, durationMs })`.
 */
export function logger(name: string): Logger {
  return getLogger(["drawbridge", name]);
}

/** Resolves once every line so far is on stdout. A stalled reader holds it up: race a deadline. */
export async function flushLogs(): Promise<void> {
  await stdout?.flush();
}

/** A record, masked and bounded. */
interface LogLine {
  readonly time: string;
  readonly level: string;
  readonly msg: string;
  readonly logger: string;
  readonly properties: Readonly<Record<string, unknown>>;
}

/** Which request and which span the running code works for. */
function whereabouts({ traceIds }: LogOptions): LogProperties {
  const requestId = currentRequestId();
  const ids = traceIds?.() ?? null;
  return {
    ...(requestId === undefined ? {} : { requestId }),
    ...(ids === null ? {} : { trace_id: ids.traceId, span_id: ids.spanId }),
  };
}

function stdoutWriter(format: (line: LogLine) => string): (line: string) => void {
  const writer = new LineWriter({
    write: (bytes) => Deno.stdout.write(bytes),
    describeDropped: (dropped) =>
      format({
        time: new Date().toISOString(),
        level: "warning",
        msg: "log lines were dropped",
        logger: "log",
        properties: { dropped },
      }),
  });
  stdout = writer;
  return (line) => writer.write(line);
}

function describe(record: LogRecord, redactor: Redactor): LogLine {
  const line = {
    time: new Date(record.timestamp).toISOString(),
    level: record.level,
    logger: record.category.slice(record.category[0] === "drawbridge" ? 1 : 0).join("."),
  };
  try {
    const properties = redactor.value(record.properties) as Record<string, unknown>;
    return { ...line, msg: renderMessage(record, redactor), properties };
  } catch {
    // A getter or a proxy among the properties threw: the event is still worth a line.
    return { ...line, msg: "a log record could not be read", properties: {} };
  }
}

/** The message with its values masked as their names ask for. */
function renderMessage(record: LogRecord, redactor: Redactor): string {
  const template = typeof record.rawMessage === "string" ? record.rawMessage : "";
  const names = [...template.replaceAll(/\{\{|\}\}/g, "").matchAll(/\{([^{}]*)\}/g)]
    .map((match) => match[1]!);
  const parts = record.message.map((part, index) => {
    if (index % 2 === 0) return String(part);
    const isSensitive = (names[(index - 1) / 2] ?? "").split(/[^\w-]+/).some(isSensitiveName);
    if (isSensitive) return REDACTED;
    const value = redactor.value(part instanceof Error ? part.message : part);
    return typeof value === "string" ? value : JSON.stringify(value) ?? "undefined";
  });
  return redactor.text(parts.join(""));
}

function formatJson({ properties, ...line }: LogLine): string {
  const own = { time: line.time, level: line.level, msg: line.msg, logger: line.logger };
  const others = Object.entries(properties)
    .map(([key, value]) => [OWN_MEMBERS.has(key) ? `_${key}` : key, value]);
  const text = JSON.stringify({ ...own, ...Object.fromEntries(others) });
  return text.length <= MAX_LINE_LENGTH ? text : JSON.stringify({ ...own, truncated: true });
}

/** `12:00:00.000 INFO    startup  phase done  phase="store"`, a stack on lines of its own. */
function formatReadable({ time, level, msg, logger, properties }: LogLine): string {
  const head = `${time.slice(11, 23)} ${level.toUpperCase().padEnd(7)} ${logger.padEnd(10)}`;
  const startup = startupLine(msg, properties);
  if (startup !== null) return `${head} ${startup}`.replaceAll(UNPRINTABLE, " ");
  const stacks: string[] = [];
  const pairs = Object.entries(properties).map(([key, value]) => {
    if (!isDescribedError(value)) return `${key}=${JSON.stringify(value)}`;
    stacks.push(...describeStack(value));
    return `${key}=${JSON.stringify(value.message)}`;
  });
  const text = [head, msg, ...pairs].join(" ").replaceAll(UNPRINTABLE, " ");
  return [text, ...stacks.map((line) => `    ${line.replaceAll(UNPRINTABLE, " ")}`)]
    .join("\n").slice(0, MAX_LINE_LENGTH);
}

/** Control characters: they would forge lines or drive the terminal. */
// deno-lint-ignore no-control-regex
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g;

interface DescribedError {
  readonly message: string;
  readonly stack: string;
  readonly cause?: unknown;
}

function isDescribedError(value: unknown): value is DescribedError {
  return typeof value === "object" && value !== null && "stack" in value && "message" in value &&
    typeof value.stack === "string" && typeof value.message === "string";
}

function describeStack(error: DescribedError): string[] {
  const lines = error.stack.split("\n");
  if (error.cause === undefined) return lines;
  return isDescribedError(error.cause)
    ? [...lines, "caused by:", ...describeStack(error.cause)]
    : [...lines, `caused by: ${JSON.stringify(error.cause)}`];
}
