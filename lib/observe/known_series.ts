/**
 * The series that can be named before anything has happened. They are there from
 * the start with the value 0: a rate over a series that begins at 1 misses its first event.
 *
 * @module
 */
import { closeLabels } from "../chat/close_codes.ts";
import { clientFrameSchemas, serverFrameSchemas } from "../chat/protocol.ts";
import type { ErrorCode } from "../errors.ts";
import type { Verdict } from "../startup/barrier.ts";
import { BARRIER_STATES } from "../startup/states.ts";
import type { LabelsOf, MetricName } from "./metrics.ts";

/** The start-up's phases, in the order of the bootstrap. */
export const PHASES = ["keys", "store", "threads", "model", "agents", "recovery"] as const;

/** What a handshake can be refused with. */
const REFUSALS: readonly ErrorCode[] = [
  "METHOD_NOT_ALLOWED",
  "UPGRADE_REQUIRED",
  "INVALID_REQUEST",
  "DRAINING",
  "ADMISSION_FULL",
  "ORIGIN_NOT_ALLOWED",
  "UNSUPPORTED_PROTOCOL",
  "UNAUTHENTICATED",
  "TOKEN_EXPIRED",
  "AUTH_UNAVAILABLE",
  "TOO_MANY_CONNECTIONS",
  "STARTUP_INCOMPLETE",
  "SERVICE_UNAVAILABLE",
];

const VERDICTS: readonly (Verdict<unknown>["kind"] | "refused")[] = [
  ...["ready", "failed", "timed-out", "draining", "gone"] as const,
  "refused",
];

/** Labels of the known series, by metric; of a metric that is not here, all are unknown. */
export const KNOWN_SERIES: { readonly [Name in MetricName]?: readonly LabelsOf<Name>[] } = {
  startup_duration_seconds: [{}],
  startup_phase_duration_seconds: PHASES.map((phase) => ({ phase })),
  startup_phase_failures_total: PHASES.map((phase) => ({ phase })),
  startup_state: BARRIER_STATES.map((state) => ({ state })),
  gate_wait_seconds: VERDICTS.map((verdict) => ({ verdict })),
  gate_waiting: [{}],
  gate_refusals_total: REFUSALS.map((code) => ({ code })),
  connections: [{}],
  closes_total: closeLabels().map((code) => ({ code })),
  frames_total: [
    ...[...Object.keys(clientFrameSchemas), "invalid", "dropped"]
      .map((type) => ({ direction: "in", type })),
    ...Object.keys(serverFrameSchemas).map((type) => ({ direction: "out", type })),
  ],
  messages_stored_total: [{}],
  store_operation_seconds: ["get", "list", "commit", "probe"].map((operation) => ({ operation })),
  runs_active: [{}],
  runs_total: ["completed", "failed", "cancelled", "interrupted"].map((outcome) => ({ outcome })),
  run_first_chunk_seconds: [{}],
  run_takeovers_total: [{}],
  slow_consumers_total: [{}],
};
