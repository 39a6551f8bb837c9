/**
 * How far each phase is: kept for reports, told to listeners.
 *
 * @module
 */
import type { PhaseReport } from "../http/health.ts";
import type { StartupEvent } from "./events.ts";
import type { Phase } from "./phase.ts";

interface Progress {
  status: PhaseReport["status"];
  attempts: number;
  begunMs: number | null;
  endedMs: number | null;
}

/** What a log needs. */
export interface PhaseLogOptions {
  /** A clock that never goes back, milliseconds. */
  readonly now: () => number;
  /** Told of everything; must not throw. */
  readonly tell: (event: StartupEvent) => void;
}

/** The progress of a start-up's phases; the numbers are of the latest attempt that ran the phase. */
export class PhaseLog {
  readonly #progress = new Map<Phase, Progress>();
  readonly #now: () => number;
  readonly #tell: (event: StartupEvent) => void;

  /** Makes a log of `phases`, all `pending`. */
  constructor(phases: readonly Phase[], { now, tell }: PhaseLogOptions) {
    this.#now = now;
    this.#tell = tell;
    for (const phase of phases) {
      this.#progress.set(phase, { status: "pending", attempts: 0, begunMs: null, endedMs: null });
    }
  }

  /** An attempt comes to `phase`: its numbers start over. */
  begin(phase: Phase): void {
    const begun = { status: "running", attempts: 0, begunMs: this.#now(), endedMs: null } as const;
    Object.assign(this.#of(phase), begun);
  }

  /** A try of `phase` begins. */
  tryBegins(phase: Phase): void {
    this.#of(phase).attempts++;
  }

  /** A try of `phase` failed: it hung, or returned the error `cause`. */
  tryFailed(phase: Phase, failure: { timedOut: boolean; cause?: unknown }): void {
    const { attempts } = this.#of(phase);
    const { name, critical } = phase;
    this.#tell({ kind: "try-failed", phase: name, critical, attempts, ...failure });
  }

  /** `phase` has its result, or has failed for this attempt. */
  end(phase: Phase, status: "ok" | "failed"): void {
    const progress = this.#of(phase);
    progress.status = status;
    progress.endedMs = this.#now();
    const { name, critical } = phase;
    const { attempts } = progress;
    const durationMs = progress.endedMs - (progress.begunMs ?? progress.endedMs);
    this.#tell({ kind: `phase-${status}`, phase: name, critical, attempts, durationMs });
  }

  /** The attempt ended while `phase` ran. */
  abandon(phase: Phase, status: "pending" | "failed"): void {
    Object.assign(this.#of(phase), { status, endedMs: this.#now() });
  }

  /** The result of `phase` could not be given back. */
  disposeFailed(phase: Phase, cause: unknown): void {
    this.#tell({ kind: "dispose-failed", phase: phase.name, cause });
  }

  /** All phases as they are now. */
  report(): PhaseReport[] {
    return Array.from(this.#progress, ([{ name, critical }, progress]) => {
      const { status, attempts, begunMs, endedMs } = progress;
      const durationMs = begunMs === null ? null : (endedMs ?? this.#now()) - begunMs;
      return { name, critical, status, attempts, durationMs };
    });
  }

  #of(phase: Phase): Progress {
    const progress = this.#progress.get(phase);
    if (progress === undefined) {
      throw new Error(`Cannot log phase ${phase.name}: it is not planned`);
    }
    return progress;
  }
}
