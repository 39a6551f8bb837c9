/**
 * What the supervisor tells, as metrics and log records.
 *
 * @module
 */
import type { SupervisorEvents } from "../agents/supervisor_parts.ts";
import type { Logger } from "./log.ts";
import type { Metrics } from "./metrics.ts";

/** Records a supervisor's events. */
export function supervisorRecorder(metrics: Metrics, log: Logger): SupervisorEvents {
  return {
    onMessageStored: () => metrics.record("messages_stored_total", {}),
    onRunsActive: (count) => metrics.record("runs_active", {}, count),
    onRunEnded: (outcome) => metrics.record("runs_total", { outcome }),
    onFirstChunk: (seconds) => metrics.record("run_first_chunk_seconds", {}, seconds),
    onTakeover: () => metrics.record("run_takeovers_total", {}),
    onRunFailed: (runId, { code, cause }) => log.warn("run failed", { runId, code, error: cause }),
    onFault: (error) => log.error("Something failed in the background", { error }),
  };
}
