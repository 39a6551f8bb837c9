/**
 * What a start-up tells of itself, to logs and metrics.
 *
 * @module
 */
import type { Metrics } from "../observe/metrics.ts";
import { BARRIER_STATES, type BarrierState } from "./states.ts";

/** One thing that happened. A `cause` is for logs alone, never for a client. */
export type StartupEvent =
  | {
    /** A try failed; others may follow. */
    readonly kind: "try-failed";
    readonly phase: string;
    readonly critical: boolean;
    /** Which try, from 1. */
    readonly attempts: number;
    /** Whether it hung rather than returned an error. */
    readonly timedOut: boolean;
    readonly cause?: unknown;
  }
  | {
    /** A phase has its result, or has failed for this attempt. */
    readonly kind: "phase-ok" | "phase-failed";
    readonly phase: string;
    readonly critical: boolean;
    readonly attempts: number;
    /** Retries included, milliseconds. */
    readonly durationMs: number;
  }
  | {
    /** A result could not be given back. */
    readonly kind: "dispose-failed";
    readonly phase: string;
    readonly cause: unknown;
  }
  | {
    /** The start-up is in another state. */
    readonly kind: "state";
    readonly state: BarrierState;
    /** The start-up attempt, from 1. */
    readonly attempt: number;
    /** Why the attempt failed and when the next begins; present where `state` is `failed`. */
    readonly failure?: { readonly retryAfterMs: number; readonly cause?: unknown };
  };

/** Makes a listener that records a start-up's events as metrics. */
export function startupRecorder(metrics: Metrics): (event: StartupEvent) => void {
  return (event) => {
    switch (event.kind) {
      case "try-failed":
        return metrics.record("startup_phase_failures_total", { phase: event.phase });
      case "phase-ok":
      case "phase-failed": {
        const seconds = event.durationMs / 1000;
        return metrics.record("startup_phase_duration_seconds", { phase: event.phase }, seconds);
      }
      case "state":
        for (const state of BARRIER_STATES) {
          metrics.record("startup_state", { state }, state === event.state ? 1 : 0);
        }
        // performance.now() counts from the start of the process.
        if (event.state === "ready") {
          metrics.record("startup_duration_seconds", {}, performance.now() / 1000);
        }
        return;
      case "dispose-failed":
        return;
      default:
        event satisfies never;
    }
  };
}
