/**
 * What the supervisor is made of, and what it tells.
 *
 * @module
 */
import type { FanOut } from "../chat/fan_out.ts";
import type { AppError } from "../errors.ts";
import type { Tracer } from "../observe/tracing.ts";
import type { Bell } from "../threads/bell.ts";
import type { ChunkLog } from "../threads/chunk_log.ts";
import type { RunEnds } from "../threads/run_ends.ts";
import type { RunLog } from "../threads/run_log.ts";
import type { ThreadLog } from "../threads/thread_log.ts";
import type { ThreadRemoval } from "../threads/thread_removal.ts";
import type { AnswerModel } from "./model.ts";
import type { AgentRegistry } from "./registry.ts";
import type { RunPoolEvents } from "./run_pool.ts";

/** What the supervisor tells its instance of, for metrics and logs. */
export interface SupervisorEvents extends Omit<RunPoolEvents, "onOrphan" | "onHeard" | "onChange"> {
  /** A message was stored for the first time. */
  readonly onMessageStored: () => void;
  /** A run showed its first chunk, seconds after its start. */
  readonly onFirstChunk: (seconds: number) => void;
  /** A run ended as `failed`, and why. */
  readonly onRunFailed?: (runId: string, error: AppError) => void;
  /** A run was taken over. */
  readonly onTakeover: () => void;
}

/** What the supervisor works with. All of it stays its builder's. */
export interface SupervisorParts {
  readonly instanceId: string;
  readonly threads: ThreadLog;
  readonly removal: ThreadRemoval;
  readonly runs: RunLog;
  readonly ends: RunEnds;
  readonly chunks: ChunkLog;
  readonly fanOut: FanOut;
  readonly bell: Bell;
  readonly agents: AgentRegistry;
  /** Resolves to the model, or to null where its start-up phase does not succeed in time. */
  readonly model: () => Promise<AnswerModel | null>;
  readonly limits: {
    readonly runs: number;
    readonly runsPerSubject: number;
    readonly answerBytes: number;
    readonly messageBytes: number;
  };
  readonly events: SupervisorEvents;
  /** Traces each run. */
  readonly tracer?: Tracer;
}
