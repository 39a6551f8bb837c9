/**
 * What all sessions of an instance share: thousands of them are open at once.
 *
 * @module
 */
import type { Limits } from "../limits.ts";
import type { Logger } from "../observe/log.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { Tracer } from "../observe/tracing.ts";
import { Deadlines } from "./deadlines.ts";

/** What a session tells its instance of. */
export interface SessionEvents {
  /** A frame went in or out. `type` is the protocol's, `invalid`, or `dropped` for one that was not read. */
  readonly onFrame: (direction: "in" | "out", type: string) => void;
  /** The reader was too slow. */
  readonly onSlowConsumer: () => void;
  /** A handler of that session failed in a way that it should not. */
  readonly onFault: (error: unknown, sessionId: string) => void;
}

/** One for an instance. */
export interface SessionHost {
  readonly limits: Limits;
  readonly events: SessionEvents;
  /** When tokens expire, and when sockets that did not open are given up. */
  readonly deadlines: Deadlines;
  readonly tracer?: Tracer;
}

/** What a host is made of. */
export interface SessionHostParts {
  readonly limits: Limits;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly tracer?: Tracer;
}

/** Makes the host of an instance whose sessions are named by their requests. It owns nothing that must be closed. */
export function sessionHost({ limits, metrics, log, tracer }: SessionHostParts): SessionHost {
  return {
    limits,
    events: {
      onFrame: (direction, type) => metrics.record("frames_total", { direction, type }),
      onSlowConsumer: () => metrics.record("slow_consumers_total", {}),
      onFault: (error, requestId) =>
        log.error("A frame could not be handled", { requestId, error }),
    },
    deadlines: new Deadlines({
      onFault: (error) => log.error("A socket's deadline could not be kept", { error }),
    }),
    ...(tracer === undefined ? {} : { tracer }),
  };
}
