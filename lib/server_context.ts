/**
 * What the server is before and around its services: what every route may use,
 * and what the bootstrap is given and makes.
 *
 * @module
 */
import type { DevTokenIssuer } from "./auth/dev_tokens.ts";
import type { TokenVerifier } from "./auth/verifier.ts";
import type { Connections } from "./chat/connections.ts";
import type { SessionHost } from "./chat/session_host.ts";
import type { Config } from "./config.ts";
import type { StartupReport } from "./http/health.ts";
import type { Logger } from "./observe/log.ts";
import type { MemoryGauge } from "./observe/memory.ts";
import type { Exposition, Metrics } from "./observe/metrics.ts";
import type { Tracing } from "./observe/tracing.ts";
import type { Services } from "./services.ts";
import type { StartupBarrier } from "./startup/barrier.ts";
import type { Gate } from "./startup/gate.ts";
import type { Startup } from "./startup/startup.ts";

/** What exists before any service: made with the server, and never in a request. */
export interface ServerContext {
  readonly config: Config;
  readonly gate: Gate<Services, TokenVerifier>;
  readonly connections: Connections;
  readonly sessions: SessionHost;
  readonly memory: MemoryGauge;
  readonly metrics: Metrics;
  readonly tracing: Tracing;
  readonly log: Logger;
  /** Where the start-up is. */
  readonly startup: () => StartupReport;
  /** The services, where the gate is open: for health alone, which must answer always. */
  readonly services: () => Services | null;
  /** The metrics as text, or null while their library loads. */
  readonly metricsText: () => Promise<Exposition> | null;
  /** Signs development tokens; null outside of development and test. */
  readonly devTokens: DevTokenIssuer | null;
}

/** What the bootstrap is given. */
export interface BootstrapOptions {
  readonly config: Config;
  readonly metrics: Metrics;
  readonly tracing: Tracing;
  readonly log: Logger;
  /** Names this process among those that share a database. */
  readonly instanceId: string;
  /** Whether the database is a remote one although no address is configured: on Deno Deploy. */
  readonly onDeploy: boolean;
  /** Opens when every critical service is ready. */
  readonly services: StartupBarrier<Services>;
  /** Opens when tokens can be verified. */
  readonly keys: StartupBarrier<TokenVerifier>;
}

/** What the bootstrap makes. */
export interface Bootstrapped {
  /** Builds the services once it is started, and gives them back once it is stopped. */
  readonly startup: Startup<Services>;
  /** Renders all metrics. */
  readonly metricsText: () => Promise<Exposition>;
  /** Hands on what telemetry has not sent yet. To be called last. */
  readonly stopTelemetry: () => void;
}
