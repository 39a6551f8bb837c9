/**
 * What a request may use, once the gate is open. Built by the bootstrap alone,
 * and reached through `Ready` alone.
 *
 * @module
 */
import type { AgentSupervisor } from "./agents/supervisor.ts";
import type { TokenVerifier } from "./auth/verifier.ts";
import type { FanOut } from "./chat/fan_out.ts";
import type { ThreadReader } from "./threads/thread_reader.ts";
import type { ThreadLog } from "./threads/thread_log.ts";
import type { ServiceProbe } from "./observe/health.ts";

/** Every service that stands behind the gate. */
export interface Services {
  /** Verifies tokens. */
  readonly verifier: TokenVerifier;
  /** Threads and their entries. */
  readonly threads: ThreadLog;
  /** What a subscription reads, and what a client's cursor means. */
  readonly reader: ThreadReader;
  /** Takes messages and runs agents. */
  readonly supervisor: AgentSupervisor;
  /** Live delivery within this instance. */
  readonly fanOut: FanOut;
  /** Whether every critical service works; false closes the gate to newcomers. Costs nothing. */
  readonly available: () => boolean;
  /** Names of the optional parts that are lost. Costs nothing. */
  readonly degraded: () => string[];
  /** Asks each service whether it works; never rejects. */
  readonly probe: () => Promise<ServiceProbe[]>;
}
