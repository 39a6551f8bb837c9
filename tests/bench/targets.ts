/**
 * The servers that are compared, and how each is started.
 *
 * @module
 */
import { V8_FLAGS } from "../support/start_command.ts";
import { MissingTarget, type TargetName } from "./bench.ts";
import { peerModules } from "./support/peers.ts";
import { PROFILE_FOLDER, Target } from "./support/target.ts";
import { SECRET } from "./support/tokens.ts";

/** Those that npm installs. */
export const PEERS: readonly TargetName[] = ["ws", "socket.io"];

/** What a server is started for. */
export interface StartOptions {
  /** Callers wait until it is told to open. */
  readonly hold?: boolean;
  /** Where messages are stored; in memory where left out. */
  readonly kvPath?: string;
  /** Variables for this server alone. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Limits are raised far beyond what the benches send: they measure the work, not its refusal. */
const ENVIRONMENT = {
  NO_COLOR: "1",
  APP_ENV: "test",
  PORT: "0",
  JWT_SECRET: SECRET,
  STARTUP_WAIT_MS: "300000",
  STARTUP_TIMEOUT_MS: "600000",
  LIMIT_FRAMES_PER_SECOND: "1000000000",
  LIMIT_FRAMES_BURST: "1000000000",
  LIMIT_SOCKETS_PER_SUBJECT: "100000",
  LIMIT_WAITING_PER_SUBJECT: "100000",
  LIMIT_WAITING: "100000",
  LIMIT_UNSENT_BYTES: "1000000000",
  LIMIT_MEMORY_BYTES: "4000000000",
  LIMIT_RUNS: "100000",
  LIMIT_RUNS_PER_SUBJECT: "100000",
};

/**
 * Starts a target, and waits until it listens; `drawbridge` may still be building its services.
 *
 * @throws {MissingTarget} where this machine has no such server.
 */
export async function startTarget(name: TargetName, options: StartOptions = {}): Promise<Target> {
  const { hold = false, kvPath = ":memory:", env = {} } = options;
  const flags = hold ? ["--hold"] : [];
  switch (name) {
    case "drawbridge":
      return await Target.start({
        program: deno("drawbridge.ts", flags, [V8_FLAGS]),
        env: { ...ENVIRONMENT, KV_PATH: kvPath, ...env },
      });
    case "raw":
      return await Target.start({
        program: deno("raw.ts", [...flags, `--secret=${SECRET}`, `--kv=${kvPath}`]),
      });
    case "ws":
    case "socket.io": {
      const modules = await peerModules();
      const script = new URL(`servers/${name === "ws" ? "ws" : "socket_io"}.mjs`, import.meta.url);
      return await Target.start({
        program: ["node", script.pathname, modules, `--secret=${SECRET}`, ...flags],
      });
    }
    default:
      throw new MissingTarget(`There is no way to start ${name} here`);
  }
}

/** A target that lets callers in. */
export async function startOpen(name: TargetName, options: StartOptions = {}): Promise<Target> {
  const target = await startTarget(name, options);
  if (name === "drawbridge") await target.time("ready");
  return target;
}

function deno(script: string, flags: readonly string[], runtime: readonly string[] = []): string[] {
  const path = new URL(`servers/${script}`, import.meta.url).pathname;
  const profile = PROFILE_FOLDER === undefined
    ? []
    : ["--cpu-prof", `--cpu-prof-dir=${PROFILE_FOLDER}`];
  return [
    ...[Deno.execPath(), "run", "--no-prompt", "--allow-all", ...runtime, ...profile],
    ...[path, ...flags],
  ];
}
