/**
 * Drawbridge's entry: listens at once, builds its services behind the barrier,
 * and drains on SIGINT and SIGTERM.
 *
 * @module
 */
import { ConfigError, loadConfig, secrets } from "./lib/config.ts";
import { describeVariables } from "./lib/config/variables.ts";
import { configureLogs, flushLogs } from "./lib/observe/log.ts";
import { writeToConsole } from "./lib/observe/log_console.ts";
import { Tracing } from "./lib/observe/tracing.ts";
import { type RunningServer, startServer } from "./lib/server.ts";
import { createApp } from "./routes/app.ts";

/** Exit code of a configuration fault: `EX_CONFIG` of sysexits.h. */
const EX_CONFIG = 78;

function readEnvironment(): Record<string, string | undefined> {
  // With permission for all of it, as on Deno Deploy, an unknown `LIMIT_*` is told as well.
  if (Deno.permissions.querySync({ name: "env" }).state === "granted") return Deno.env.toObject();
  return Object.fromEntries(describeVariables().map(({ name }) => [name, Deno.env.get(name)]));
}

function start(): RunningServer {
  const environment = readEnvironment();
  const onDeploy = environment.DENO_DEPLOYMENT_ID !== undefined;
  try {
    const config = loadConfig(environment);
    const tracing = new Tracing();
    configureLogs({
      json: config.log.json,
      secrets: secrets(config),
      traceIds: () => tracing.ids(),
      ...(onDeploy ? { write: writeToConsole } : {}),
    });
    return startServer(config, {
      tracing,
      createApp,
      loadBootstrap: async () => (await import("./lib/bootstrap.ts")).bootstrap,
      onDeploy,
    });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    Deno.stderr.writeSync(new TextEncoder().encode(`${error.message}\n`));
    Deno.exit(EX_CONFIG);
  }
}

async function exit(code: number): Promise<never> {
  // A reader that has stalled must not hold the process.
  await Promise.race([flushLogs(), new Promise((resolve) => setTimeout(resolve, 100))]);
  Deno.exit(code);
}

const running = Promise.withResolvers<RunningServer>();
// Before it listens: whoever is told its address may send a signal at once.
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(
    signal,
    () => void running.promise.then((server) => server.drain()).then(() => exit(0)),
  );
}
const server = start();
running.resolve(server);
await server.bootstrapped;
