/**
 * The environment, read once and checked as a whole, before the server listens.
 *
 * @module
 */
import { type AuthConfig, readAuth } from "./config/auth.ts";
import {
  ConfigError,
  type Environment,
  EnvironmentReader,
  isHttpUrl,
  parseInteger,
} from "./config/reader.ts";
import { type ModelConfig, readModel } from "./config/model.ts";
import { LIMIT_DEFINITIONS, type Limits, MAX_TIMER_MS } from "./limits.ts";

export type { AuthConfig, KeyConfig } from "./config/auth.ts";
export type { ModelConfig } from "./config/model.ts";
export { ConfigError, type ConfigFault, type Environment } from "./config/reader.ts";

/** The environments. They differ in numbers and conveniences, never in the gate. */
export type AppEnv = "development" | "test" | "staging" | "production";

const APP_ENVS: readonly AppEnv[] = ["development", "test", "staging", "production"];

/** Everything that an operator can choose. */
export interface Config {
  /** `APP_ENV`. */
  readonly appEnv: AppEnv;
  /** The address to listen on, without brackets. */
  readonly host: string;
  /** The port to listen on; 0 takes a free port. */
  readonly port: number;
  /** The database. */
  readonly kv: {
    /** A file, `:memory:` or a KV Connect address; without one, the runtime's own database. */
    readonly path?: string;
    /** Here to be redacted only: the runtime reads it from the environment by itself. */
    readonly accessToken?: string;
  };
  /** Keys, algorithms and claims. */
  readonly auth: AuthConfig;
  /** Whether `POST /auth/dev-token` exists: in development and test, with a secret to sign with. */
  readonly devTokens: boolean;
  /** Exact origins besides the same origin, as browsers write them. */
  readonly allowedOrigins: ReadonlySet<string>;
  /** Development: any port of `localhost`, `127.0.0.1` and `[::1]` too. */
  readonly allowLocalhostOrigins: boolean;
  /** The gate's times, milliseconds, each at most 2^31 - 1. */
  readonly startup: {
    /** How long one connection waits at the gate. */
    readonly waitMs: number;
    /** The budget of one start-up attempt, not below `waitMs`. */
    readonly timeoutMs: number;
  };
  /** The model's endpoint; empty for the offline model. */
  readonly model: ModelConfig;
  /** The default agent's system prompt, where it was set. */
  readonly agentInstructions?: string;
  /** `/metrics`: behind `token`, else open or absent. */
  readonly metrics: { readonly token?: string; readonly open: boolean };
  /** The chat page: where it gets its token, a path of the same origin or an `https:` address. */
  readonly page: { readonly tokenUrl?: string };
  /** Every `LIMIT_*`. */
  readonly limits: Limits;
  /** Logs: one JSON object a line, or readable lines. */
  readonly log: { readonly json: boolean };
  /** What the operator should know, one sentence each; never holds a value. */
  readonly warnings: readonly string[];
}

/**
 * Reads and checks the whole environment. Pure but for the random secret of a
 * process without a key; `Deno.env` is the caller's.
 *
 * @throws {ConfigError} With every fault together, and no value of any variable.
 */
export function loadConfig(environment: Environment): Config {
  const reader = new EnvironmentReader(environment);
  const warnings: string[] = [];
  const warn = (warning: string): void => void warnings.push(warning);
  // An unknown environment is checked as the strictest, so that all its faults show at once.
  const appEnv = reader.choice("APP_ENV", APP_ENVS) ?? "production";
  const lenient = appEnv === "development" || appEnv === "test";

  const host = readHost(reader) ?? (lenient ? "127.0.0.1" : "0.0.0.0");
  const port = reader.integer("PORT", 0, 65_535) ?? 8000;
  const kv = readKv(reader);
  const auth = readAuth(reader, { lenient, warn });
  const allowedOrigins = readOrigins(reader);
  const startup = readStartup(reader, appEnv);
  const model = readModel(reader, { lenient, warn });
  const agentInstructions = reader.text("AGENT_INSTRUCTIONS");
  const token = reader.visible("METRICS_TOKEN");
  const tokenUrl = readTokenUrl(reader);
  const limits = readLimits(reader, environment);

  if (reader.faults.length > 0 || auth === undefined) throw new ConfigError(reader.faults);
  return {
    appEnv,
    host,
    port,
    kv,
    auth,
    devTokens: lenient && auth.keys.kind === "secret",
    allowedOrigins,
    allowLocalhostOrigins: appEnv === "development",
    startup,
    model,
    ...(agentInstructions === undefined ? {} : { agentInstructions }),
    metrics: token === undefined ? { open: lenient } : { token, open: false },
    page: tokenUrl === undefined ? {} : { tokenUrl },
    limits,
    log: { json: appEnv !== "development" },
    warnings,
  };
}

/** The values that no log, answer or document may ever hold. */
export function secrets(config: Config): string[] {
  const { keys } = config.auth;
  const urls = [config.kv.path, config.model.baseUrl, keys.kind === "jwks" ? keys.url : undefined];
  return [
    ...(keys.kind === "secret" ? [keys.secret, keys.previous] : []),
    config.kv.accessToken,
    config.model.apiKey,
    config.metrics.token,
    ...urls.map((url) => url !== undefined && isHttpUrl(url) ? new URL(url).password : undefined),
  ].filter((value): value is string => value !== undefined && value !== "");
}

function readHost(reader: EnvironmentReader): string | undefined {
  const host = reader.text("HOST");
  if (host === undefined) return undefined;
  // Of four numbers that are no address, as 256.1.1.1, no URL can be made; nor of a zone.
  const isName = /^[A-Za-z0-9._-]*[A-Za-z0-9][A-Za-z0-9._-]*$/.test(host) &&
    URL.canParse(`http://${host}`);
  const isIpv6 = /^[0-9A-Fa-f:.]+$/.test(host) && URL.canParse(`http://[${host}]`);
  if (isName || isIpv6) return host;
  reader.fault("HOST");
  return undefined;
}

function readKv(reader: EnvironmentReader): Config["kv"] {
  const path = reader.text("KV_PATH");
  const accessToken = reader.text("DENO_KV_ACCESS_TOKEN");
  if (path !== undefined && /^[a-z][a-z0-9+.-]*:\/\//i.test(path)) {
    if (!isHttpUrl(path)) reader.fault("KV_PATH");
    else if (accessToken === undefined) reader.fault("DENO_KV_ACCESS_TOKEN");
  }
  return {
    ...(path === undefined ? {} : { path }),
    ...(accessToken === undefined ? {} : { accessToken }),
  };
}

function readOrigins(reader: EnvironmentReader): ReadonlySet<string> {
  const origins = new Set<string>();
  reader.list("ALLOWED_ORIGINS").forEach((entry, index) => {
    // No `;` either, which a host may have: these origins stand in a Content-Security-Policy.
    if (/^https?:\/\/[^/?#@*;\\\s]+$/i.test(entry) && URL.canParse(entry)) {
      origins.add(new URL(entry).origin);
      return;
    }
    reader.fault(
      "ALLOWED_ORIGINS",
      `must be exact origins such as https://app.example.com, without * and without a path: ` +
        `entry ${index + 1} is none`,
    );
  });
  return origins;
}

function readTokenUrl(reader: EnvironmentReader): string | undefined {
  const text = reader.visible("PAGE_TOKEN_URL");
  if (text === undefined) return undefined;
  const isPath = /^\/(?![/\\])[^#]*$/.test(text);
  // Its origin stands in a Content-Security-Policy, where `*` and `;` would say more than a host.
  const isAddress = /^https:\/\/[\w.:[\]-]+(?:[/?][^#]*)?$/i.test(text) && URL.canParse(text);
  if (isPath || isAddress) return text;
  reader.fault("PAGE_TOKEN_URL");
  return undefined;
}

function readStartup(reader: EnvironmentReader, appEnv: AppEnv): Config["startup"] {
  const defaults = { development: 10_000, test: 2_000, staging: 30_000, production: 30_000 };
  const waitMs = reader.timerMs("STARTUP_WAIT_MS") ?? defaults[appEnv];
  const timeoutMs = reader.timerMs("STARTUP_TIMEOUT_MS");
  if (timeoutMs !== undefined && timeoutMs < waitMs) reader.fault("STARTUP_TIMEOUT_MS");
  return {
    waitMs,
    timeoutMs: timeoutMs ?? Math.min(Math.max(60_000, 2 * waitMs), MAX_TIMER_MS),
  };
}

function readLimits(reader: EnvironmentReader, environment: Environment): Limits {
  const known = new Set<string>(Object.values(LIMIT_DEFINITIONS).map(({ variable }) => variable));
  for (const [variable, value] of Object.entries(environment)) {
    if (!variable.startsWith("LIMIT_") || known.has(variable) || !value?.trim()) continue;
    reader.faultOf(variable, `must be unset: the limits are ${[...known].join(", ")}`);
  }
  return Object.fromEntries(
    Object.entries(LIMIT_DEFINITIONS).map(([name, definition]) => {
      const text = environment[definition.variable]?.trim();
      if (!text) return [name, definition.default];
      const value = parseInteger(text) ?? 0;
      if (value === 0) reader.faultOf(definition.variable, "must be a positive integer");
      return [name, name.endsWith("Ms") ? Math.min(value, MAX_TIMER_MS) : value];
    }),
  ) as Limits;
}
