/**
 * The health documents (`application/health+json`, draft-inadarei-api-health-check-06),
 * built from what others report. Only names of phases and services, numbers and
 * states go out: never a secret, a path or a host; an error's text in development alone.
 *
 * @module
 */
import type { HealthCheck, HealthDocument, HealthStatus, StartupReport } from "../http/health.ts";
import { Redactor } from "./redact.ts";

/** The media type of every document here. */
export const HEALTH_CONTENT_TYPE = "application/health+json";

/** One service's answer to its probe. */
export interface ServiceProbe {
  /** The service's fixed name, such as `store`. */
  readonly name: string;
  /** Whether the server cannot serve without it. */
  readonly critical: boolean;
  /** Whether it answered in time. */
  readonly ok: boolean;
  /** Time it took to answer or to fail, milliseconds. */
  readonly durationMs: number;
  /** Why it failed. Shown, redacted, in development only. */
  readonly error?: unknown;
}

/** All that the documents are built from. */
export interface HealthReport {
  /** How the start-up went. */
  readonly startup: StartupReport;
  /** The services' probes; none while there are no services. */
  readonly probes: readonly ServiceProbe[];
  /** Names of the optional services that are lost. */
  readonly degraded: readonly string[];
}

/** How the documents are built. */
export interface HealthOptions {
  /** Development: errors' texts are shown. */
  readonly showErrors: boolean;
  /** The time of the probes, milliseconds since the epoch. */
  readonly nowMs: number;
}

/** A document and the status that it goes out with. */
export interface HealthAnswer {
  /** 503 exactly where the document says `fail`. */
  readonly httpStatus: 200 | 503;
  /** The document, to be sent as {@linkcode HEALTH_CONTENT_TYPE}. */
  readonly body: HealthDocument;
}

/** `GET /health/live`: the process serves, also while it starts and drains. */
export function livenessDocument(): HealthAnswer {
  return { httpStatus: 200, body: { status: "pass" } };
}

/** `GET /health/startup`: 200 once ready; how each phase went. */
export function startupDocument(startup: StartupReport): HealthAnswer {
  return answer({
    status: startup.state === "ready" ? "pass" : "fail",
    startup: describeStartup(startup),
  });
}

/** `GET /health/ready`: 200 only if ready, not draining, and every critical service answers. */
export function readinessDocument(report: HealthReport, options: HealthOptions): HealthAnswer {
  return answer({ status: statusOf(report), checks: checksOf(report, options) });
}

/** `GET /health`: everything. */
export function healthDocument(report: HealthReport, options: HealthOptions): HealthAnswer {
  return answer({
    status: statusOf(report),
    checks: checksOf(report, options),
    startup: describeStartup(report.startup),
  });
}

function answer(body: HealthDocument): HealthAnswer {
  return { httpStatus: body.status === "fail" ? 503 : 200, body };
}

function statusOf({ startup, probes, degraded }: HealthReport): HealthStatus {
  if (startup.state !== "ready") return "fail";
  const lost = probes.filter(({ ok }) => !ok);
  if (lost.some(({ critical }) => critical)) return "fail";
  return lost.length > 0 || degraded.length > 0 ? "warn" : "pass";
}

/** Built member by member: a report may carry more than may go out. */
function describeStartup(startup: StartupReport): StartupReport {
  return {
    state: startup.state,
    attempt: startup.attempt,
    durationMs: Math.round(startup.durationMs),
    phases: startup.phases.map(({ name, critical, status, attempts, durationMs }) => ({
      name,
      critical,
      status,
      attempts,
      durationMs: durationMs === null ? null : Math.round(durationMs),
    })),
  };
}

/** Every service: by its probe where it has one, else by how its phase of the start-up went. */
function checksOf(
  { startup, probes, degraded }: HealthReport,
  options: HealthOptions,
): Readonly<Record<string, readonly HealthCheck[]>> {
  const time = new Date(options.nowMs).toISOString();
  const probed = probes.map((probe): [string, HealthCheck[]] => {
    const { name, critical, ok, durationMs, error } = probe;
    const isDegraded = degraded.includes(name);
    const check: HealthCheck = {
      status: ok ? (isDegraded ? "warn" : "pass") : critical ? "fail" : "warn",
      componentType: "component",
      observedValue: Math.round(durationMs),
      observedUnit: "ms",
      time,
      ...(error === undefined || !options.showErrors ? {} : { output: describeError(error) }),
    };
    return [name, [check]];
  });
  const built = startup.phases.map(({ name, critical, status }): [string, HealthCheck[]] => {
    const failed = critical ? "fail" : "warn";
    return [name, [{
      status: status === "ok" ? "pass" : failed,
      componentType: "component",
      time,
    }]];
  });
  const lost = degraded.map((name): [string, HealthCheck[]] => [
    name,
    [{ status: "warn", componentType: "component", time }],
  ]);
  return Object.fromEntries([...built, ...lost, ...probed]);
}

function describeError(error: unknown): string {
  return new Redactor().text(error instanceof Error ? error.message : String(error));
}
