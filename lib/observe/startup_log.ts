/**
 * The start-up's events as log records.
 *
 * @module
 */
import type { StartupEvent } from "../startup/events.ts";
import type { Logger } from "./log.ts";

/** A start-up as its log needs it. */
export interface LoggedStartup {
  /** Where the server listens: whoever reads that it is ready wants to go there. */
  readonly address: string;
  /** How far the phases are. */
  readonly report: () => {
    readonly durationMs: number;
    readonly phases: readonly {
      readonly name: string;
      readonly critical: boolean;
      readonly status: string;
      readonly durationMs: number | null;
    }[];
  };
}

/** Makes a listener that logs a start-up's events. */
export function startupLogger(
  log: Logger,
  { address, report }: LoggedStartup,
): (event: StartupEvent) => void {
  return (event) => {
    switch (event.kind) {
      case "try-failed": {
        const { phase, attempts, timedOut, cause } = event;
        return log.warn("startup try failed", { phase, attempts, timedOut, error: cause });
      }
      case "phase-ok":
      case "phase-failed": {
        const { phase, attempts } = event;
        const durationMs = Math.round(event.durationMs);
        const outcome = { phase, attempts, durationMs };
        if (event.kind === "phase-ok") return log.info("startup phase ready", outcome);
        return log.warn("startup phase failed", outcome);
      }
      case "dispose-failed":
        return log.error("cannot give a service back", { phase: event.phase, error: event.cause });
      case "state": {
        const { state, attempt, failure } = event;
        if (failure !== undefined) {
          const { retryAfterMs, cause } = failure;
          return log.error("startup failed", { state, attempt, retryAfterMs, error: cause });
        }
        if (state !== "ready") return log.info("startup state", { state, attempt });
        const { durationMs, phases } = report();
        const missing = phases.filter(({ critical, status }) => !critical && status !== "ok")
          .map(({ name }) => name);
        const opened = { durationMs: Math.round(durationMs), missing, address };
        return log.info("startup state", { state, attempt, ...opened });
      }
      default:
        event satisfies never;
    }
  };
}

/** Time between two words about a phase that takes long, milliseconds. */
const WAIT_MS = 2_000;

/** For people at a console: says what a start-up waits for, until that is told to end. */
export function tellWaits(log: Logger, { report }: Pick<LoggedStartup, "report">): () => void {
  const timer = setInterval(() => {
    for (const { name: phase, status, durationMs } of report().phases) {
      if (status !== "running" || durationMs === null || durationMs < WAIT_MS) continue;
      log.info("startup phase runs", { phase, durationMs: Math.round(durationMs) });
    }
  }, WAIT_MS);
  return () => clearInterval(timer);
}
