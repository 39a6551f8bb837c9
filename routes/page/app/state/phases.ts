/**
 * The start-up as the gate shows it.
 *
 * @module
 */
import type { StartupPhase } from "../../../../lib/client/mod.ts";

/** One line of the gate. */
export interface PhaseLine {
  readonly name: string;
  /** What it means for who waits. */
  readonly label: string;
  readonly status: "waiting" | "running" | "done" | "failed";
  /** Time it took so far, milliseconds; null before its first try. */
  readonly durationMs: number | null;
  /** Tries so far. */
  readonly attempts: number;
  readonly isOptional: boolean;
}

const LABELS: Readonly<Record<string, string>> = {
  keys: "Keys to check who comes",
  store: "The database",
  threads: "Conversations",
  model: "The language model",
  agents: "Agents",
  recovery: "Answers left unfinished",
};

/** The lines for `phases`, which were told `ageMs` ago: a phase that runs has gone on since. */
export function phaseLines(phases: readonly StartupPhase[], ageMs: number): readonly PhaseLine[] {
  return phases.map(({ name, critical, status, attempts, durationMs }) => ({
    name,
    label: LABELS[name] ?? name,
    status: STATUS[status] ?? "waiting",
    durationMs: durationMs !== null && status === "running" ? durationMs + ageMs : durationMs,
    attempts,
    isOptional: !critical,
  }));
}

const STATUS: Readonly<Record<string, PhaseLine["status"]>> = {
  pending: "waiting",
  running: "running",
  ok: "done",
  failed: "failed",
};

/** How far the bridge is down: the share of the critical phases that are done, 0 to 1. */
export function bridgeShare(phases: readonly StartupPhase[]): number {
  const critical = phases.filter((phase) => phase.critical);
  if (critical.length === 0) return 0;
  return critical.filter(({ status }) => status === "ok").length / critical.length;
}
