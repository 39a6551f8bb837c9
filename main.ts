/**
 * Drawbridge's entry: listens at once, builds its services behind the barrier,
 * and drains on SIGINT and SIGTERM.
 *
 * @module
 */
import { type Config, ConfigError, loadConfig, secrets } from "./lib/config.ts";
import { describeVariables } from "./lib/config/variables.ts";
import { Listener } from "./lib/listener.ts";
import { survivePlatformFaults } from "./lib/observe/platform_faults.ts";
import type { RunningServer } from "./lib/server.ts";

/** Exit code of a configuration fault: `EX_CONFIG` of sysexits.h. */
const EX_CONFIG = 78;

/** Time for those who knock as soon as it listens, milliseconds: Deno Deploy starts an instance for a request that waits. */
const FIRST_TURN_MS = 4;

function readEnvironment(): Record<string, string | undefined> {
  // With permission for all of it, as on Deno Deploy, an unknown `LIMIT_*` is told as well.
  if (Deno.permissions.querySync({ name: "env" }).state === "granted") return Deno.env.toObject();
  return Object.fromEntries(describeVariables().map(({ name }) => [name, Deno.env.get(name)]));
}

function readConfig(environment: Record<string, string | undefined>): Config {
  try {
    return loadConfig(environment);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    Deno.stderr.writeSync(new TextEncoder().encode(`${error.message}\n`));
    Deno.exit(EX_CONFIG);
  }
}

function listen(config: Config): Listener {
  try {
    return new Listener(config);
  } catch (error) {
    const { host, port } = config;
    const why = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    const told = `Cannot listen on HOST ${host}, PORT ${port}: ${why}\n`;
    Deno.stderr.writeSync(new TextEncoder().encode(told));
    Deno.exit(1);
  }
}

/**
 * Loads the rest of the server piece by piece. Deno answers nobody while imports follow one
 * another, not even between them: hence the waits, in which whoever came is told that the process lives.
 */
async function start(config: Config, listener: Listener): Promise<RunningServer> {
  await turn(FIRST_TURN_MS);
  const { configureLogs, logger } = await load<typeof import("./lib/observe/log.ts")>(
    "./lib/observe/log.ts",
  );
  const { Tracing } = await load<typeof import("./lib/observe/tracing.ts")>(
    "./lib/observe/tracing.ts",
  );
  const onDeploy = environment.DENO_DEPLOYMENT_ID !== undefined;
  const write = onDeploy &&
    (await load<typeof import("./lib/observe/log_console.ts")>("./lib/observe/log_console.ts"))
      .writeToConsole;
  const tracing = new Tracing();
  configureLogs({
    json: config.log.json,
    secrets: secrets(config),
    traceIds: () => tracing.ids(),
    ...(write ? { write } : {}),
  });
  survivePlatformFaults(logger("server"));
  await turn();
  const { startServer } = await load<typeof import("./lib/server.ts")>("./lib/server.ts");
  return startServer(config, {
    listener,
    tracing,
    async loadApp() {
      await turn();
      return (await load<typeof import("./routes/app.ts")>("./routes/app.ts")).createApp;
    },
    async loadBootstrap() {
      await turn();
      return (await load<typeof import("./lib/bootstrap.ts")>("./lib/bootstrap.ts")).bootstrap;
    },
    onDeploy,
  });
}

/**
 * Imports a module, and reads it no sooner: of an address that is a literal, Deno reads the whole
 * graph before the first line runs, which is more than half of the time until it listens.
 */
function load<Module>(path: string): Promise<Module> {
  return import(new URL(path, import.meta.url).href);
}

/** Lets the event loop go round. */
function turn(waitMs = 0): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, waitMs));
}

async function exit(code: number): Promise<never> {
  const { flushLogs } = await load<typeof import("./lib/observe/log.ts")>("./lib/observe/log.ts");
  // A reader that has stalled must not hold the process.
  await Promise.race([flushLogs(), turn(100)]);
  Deno.exit(code);
}

const environment = readEnvironment();
const config = readConfig(environment);
const running = Promise.withResolvers<RunningServer>();
// Before it listens: whoever is told its address may send a signal at once.
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(
    signal,
    () => void running.promise.then((server) => server.drain()).then(() => exit(0)),
  );
}
const listener = listen(config);
const server = await start(config, listener);
running.resolve(server);
await server.bootstrapped;
