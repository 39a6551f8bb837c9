/**
 * The real server as a process of its own, seen from outside: its environment,
 * its address, its output, its end.
 *
 * @module
 */
import { describeVariables } from "../../lib/config/variables.ts";
import { eventually, Feed, orHang } from "./feed.ts";
import { needs } from "./permissions.ts";
import { type HttpRequest, httpRequest, type RawResponse } from "./raw_socket.ts";
import { V8_FLAGS } from "./start_command.ts";
import { TEST_SECRET } from "./tokens.ts";

/** What every test that starts a server needs. */
export const needsServer = needs("net", "read", "write", "env", "run", "sys");

/** How a server is started. */
export interface ServerProcessOptions {
  /** Variables over the defaults: `APP_ENV=test`, a free port, a secret, a database of its own, a minute's wait at the gate. Empty: unset. */
  readonly env?: Readonly<Record<string, string>>;
  /**
   * `start` is the command of `deno task start`, `dev` is that task itself, `deploy` has all permissions
   * as on Deno Deploy. `start` where left out.
   */
  readonly task?: "start" | "dev" | "deploy";
  /** Further arguments of the runtime, not with `dev`. */
  readonly flags?: readonly string[];
}

/** One line of the log. */
export interface LogLine {
  readonly time: string;
  readonly level: string;
  readonly msg: string;
  readonly [property: string]: unknown;
}

const ARGUMENTS = {
  start: (flags: readonly string[]) => ["run", "--no-prompt", "-P=start", ...flags, "main.ts"],
  dev: () => ["task", "dev"],
  deploy: (flags: readonly string[]) => ["run", "--no-prompt", "-A", ...flags, "main.ts"],
} as const;

const ROOT = new URL("../../", import.meta.url);

/** A folder of its own. `await using` removes it. */
export class TempFolder implements AsyncDisposable {
  /** Its absolute path. */
  readonly path: string;

  /** Makes the folder. */
  constructor() {
    this.path = Deno.makeTempDirSync({ prefix: "drawbridge-" });
  }

  /** Removes it and all that is in it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

/** A server process. `await using` kills it, and asserts that nothing of it is left. */
export class ServerProcess implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #lines = new Feed<string>();
  readonly #folder: TempFolder;
  readonly #output: Promise<unknown>;
  readonly #status: Promise<Deno.CommandStatus>;
  readonly #task: keyof typeof ARGUMENTS;
  #stderr = "";
  #ended = false;
  #address: string | null = null;

  /** Starts the process, and waits for nothing. */
  constructor({ env = {}, task = "start", flags = [] }: ServerProcessOptions = {}) {
    this.#folder = new TempFolder();
    this.#task = task;
    // They would overrule those in the environment, which a test may bring.
    const ownFlags = task === "start" && !("DENO_V8_FLAGS" in env);
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ARGUMENTS[task](ownFlags ? [V8_FLAGS, ...flags] : flags),
      cwd: ROOT,
      clearEnv: true,
      env: {
        ...inheritedEnvironment(),
        NO_COLOR: "1",
        APP_ENV: "test",
        PORT: "0",
        JWT_SECRET: TEST_SECRET,
        // Whoever connects while it starts waits, however busy the machine is.
        STARTUP_WAIT_MS: "60000",
        KV_PATH: `${this.#folder.path}/chat.db`,
        ...env,
      },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#status = this.#child.status;
    this.#output = Promise.all([this.#readLines(), this.#readErrors()]);
  }

  /** Starts a server and waits until it listens. */
  static async start(options: ServerProcessOptions = {}): Promise<ServerProcess> {
    const server = new ServerProcess(options);
    try {
      await server.listening();
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw new Error(`The server did not start: ${server.stderr}`, { cause: error });
    }
  }

  /** Where it listens, such as `http://127.0.0.1:40001`. */
  get address(): string {
    if (this.#address === null) throw new Error("The server does not listen yet");
    return this.#address;
  }

  /** The process's id. */
  get pid(): number {
    return this.#child.pid;
  }

  /** All lines on stdout so far. */
  get lines(): readonly string[] {
    return this.#lines.items;
  }

  /** All of stderr so far, less what the runtime says about its own flags. */
  get stderr(): string {
    return this.#stderr.replace(/^Warning Permissions in the config file is .*\n/m, "");
  }

  /** All log lines so far. Throws where a line is no JSON object. */
  get logs(): readonly LogLine[] {
    return this.lines.map((line) => JSON.parse(line));
  }

  /** How long its drain took, by its own log, milliseconds. */
  get drainMs(): number {
    const at = (msg: string) => Date.parse(this.logs.find((line) => line.msg === msg)?.time ?? "");
    return at("drained") - at("draining");
  }

  /** Waits until it says where it listens, and returns that. */
  async listening(): Promise<string> {
    const spoken = /\blistening\b.*\baddress"?[=:]"(http:[^"]+)"/;
    const at = await this.#lines.find((line) => spoken.test(line), { what: "the listening line" });
    return this.#address = spoken.exec(this.lines[at]!)![1]!;
  }

  /** Waits for the first log line, at `from` or later, with that message and those properties. */
  async log(
    msg: string,
    properties: Readonly<Record<string, unknown>> = {},
    from = 0,
  ): Promise<LogLine> {
    const at = await this.#lines.find((line) => {
      const record = parseRecord(line);
      return record?.msg === msg &&
        Object.entries(properties).every(([name, value]) => record[name] === value);
    }, { from, what: `the log line ${msg} ${JSON.stringify(properties)}` });
    return JSON.parse(this.lines[at]!);
  }

  /** Waits until the start-up is in that state. */
  async state(state: "ready" | "failed", from = 0): Promise<LogLine> {
    return await this.log(state === "failed" ? "startup failed" : "startup state", { state }, from);
  }

  /** One request over a connection of its own. */
  request(path: string, options: HttpRequest = {}): Promise<RawResponse> {
    return httpRequest(this.address, { ...options, path });
  }

  /** The value of a metric without labels, or undefined where it has none yet. */
  async metric(name: string): Promise<number | undefined> {
    const { status, body } = await this.request("/metrics");
    if (status !== 200) return undefined;
    const value = new RegExp(`^drawbridge_${name} (\\S+)$`, "m").exec(body)?.[1];
    return value === undefined ? undefined : Number(value);
  }

  /** Waits until exactly so many callers wait at the gate. */
  async waiting(count: number): Promise<void> {
    await eventually(
      async () => await this.metric("gate_waiting") === count || undefined,
      `${count} waiting callers`,
    );
  }

  /** Sends it a signal. */
  signal(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** Kills it without a chance to do anything, and waits until it is gone. */
  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.exited();
  }

  /** Waits for its end. */
  async exited(): Promise<Deno.CommandStatus> {
    const status = await orHang(this.#status, () => `the exit, after ${this.lines.slice(-5)}`);
    // Its pipes close with the last process that holds them: none may be left.
    await orHang(this.#output, "the end of its output: a process of it is left");
    this.#ended = true;
    return status;
  }

  /** Ends it where it still runs. Throws if something still answers at its address. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      // A task that is killed leaves the process it started.
      if (!this.#ended) this.#tryToEnd(this.#task === "dev" ? "SIGINT" : "SIGKILL");
      await this.exited();
      if (this.#address !== null && await answers(this.#address)) {
        throw new Error(`Something still listens at ${this.#address}`);
      }
    } finally {
      await this.#folder[Symbol.asyncDispose]();
    }
  }

  #tryToEnd(signal: Deno.Signal): void {
    try {
      this.signal(signal);
    } catch (error) {
      // It ended by itself.
      if (!(error instanceof TypeError)) throw error;
    }
  }

  async #readLines(): Promise<void> {
    let rest = "";
    for await (const text of this.#child.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      for (const line of lines) this.#lines.push(line);
    }
    if (rest !== "") this.#lines.push(rest);
    this.#lines.end();
  }

  async #readErrors(): Promise<void> {
    for await (const text of this.#child.stderr.pipeThrough(new TextDecoderStream())) {
      this.#stderr += text;
    }
  }
}

/** A token from the server itself. */
export async function devToken(server: ServerProcess, sub: string): Promise<string> {
  const { body } = await server.request("/auth/dev-token", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ sub }),
  });
  return JSON.parse(body).token;
}

/** What the test process has, less everything that configures a server. */
function inheritedEnvironment(): Record<string, string> {
  const own = new Set(describeVariables().map(({ name }) => name));
  return Object.fromEntries(
    Object.entries(Deno.env.toObject())
      .filter(([name]) => !own.has(name) && !/^(LIMIT_|OTEL_|DENO_DEPLOY)/.test(name)),
  );
}

function parseRecord(line: string): LogLine | null {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}

async function answers(address: string): Promise<boolean> {
  const { hostname, port } = new URL(address);
  try {
    (await Deno.connect({ hostname, port: Number(port) })).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused) return false;
    throw error;
  }
}
