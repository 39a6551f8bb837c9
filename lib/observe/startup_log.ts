/**
 * The start-up's events as log records.
 *
 * @module
 */
import type { StartupEvent } from "../startup/events.ts";
import type { Logger } from "./log.ts";

/** Makes a listener that logs a start-up's events. */
export function startupLogger(log: Logger): (event: StartupEvent) => void {
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
        if (failure === undefined) return log.info("startup state", { state, attempt });
        const { retryAfterMs, cause } = failure;
        return log.error("startup failed", { state, attempt, retryAfterMs, error: cause });
      }
      default:
        event satisfies never;
    }
  };
}
