/**
 * A server under measurement: a process of its own on the server's core, told what to do through
 * its stdin. See `servers/control.ts`.
 *
 * @module
 */
import { deadline } from "@std/async/deadline";
import { describeVariables } from "../../../lib/config/variables.ts";
import type { Command, Report } from "../servers/control.ts";
import { pinned } from "./cores.ts";
import { residentBytes } from "./usage.ts";

/** Longest wait for something that a server is to tell, milliseconds. */
const REPORT_TIMEOUT_MS = 60_000;

/** Where servers leave a CPU profile as they end (`--profile=<folder>`); they are not killed then. */
export const PROFILE_FOLDER = Deno.args.find((argument) => argument.startsWith("--profile="))
  ?.slice("--profile=".length);

/** How a server is started. */
export interface TargetOptions {
  /** The program and its arguments. */
  readonly program: readonly string[];
  /** Variables besides what this process has, less those that configure a server. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A running server. `await using` kills it. */
export class Target implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reports: Report[] = [];
  readonly #output: Promise<unknown>;
  #changed = Promise.withResolvers<void>();
  #ended = false;
  #stderr = "";
  #port = 0;

  private constructor({ program, env = {} }: TargetOptions) {
    this.#child = new Deno.Command(pinned("server", program).command, {
      args: pinned("server", program).args,
      cwd: new URL("../../../", import.meta.url),
      clearEnv: true,
      env: { ...inherited(), ...env },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#stdin = this.#child.stdin.getWriter();
    this.#output = Promise.all([this.#readReports(), this.#readErrors()]);
  }

  /** Starts a server and waits until it listens. */
  static async start(options: TargetOptions): Promise<Target> {
    const target = new Target(options);
    try {
      const { address } = await target.#report("listening", 0);
      target.#port = Number(new URL(address).port);
      return target;
    } catch (error) {
      await target[Symbol.asyncDispose]();
      throw new Error(`A server did not start: ${target.#stderr}`, { cause: error });
    }
  }

  /** The process, which `sh` and `taskset` have become. */
  get pid(): number {
    return this.#child.pid;
  }

  /** Where it listens, on 127.0.0.1. */
  get port(): number {
    return this.#port;
  }

  /** Its address. */
  get address(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Resident memory, bytes; 0 where the system does not tell. */
  get residentBytes(): number {
    return residentBytes(this.pid) ?? 0;
  }

  /** Everything reported so far. */
  get reports(): readonly Report[] {
    return this.#reports;
  }

  /** Tells it to do something. */
  async tell(command: Command): Promise<void> {
    await this.#stdin.write(new TextEncoder().encode(`${JSON.stringify(command)}\n`));
  }

  /** The time of the next report of that kind, from the `from`th report of any kind on. */
  async time(event: "ready" | "streaming" | "pushed", from = 0): Promise<number> {
    return (await this.#report(event, from)).at;
  }

  /** How often it has imported a key and verified a token so far; of `drawbridge` only. */
  async counts(): Promise<{ readonly imports: number; readonly verifications: number }> {
    const from = this.#reports.length;
    await this.tell({ do: "count" });
    return await this.#report("counted", from);
  }

  /** Waits until its database has nothing to do; of `drawbridge` only. */
  async settled(): Promise<void> {
    const from = this.#reports.length;
    await this.tell({ do: "settle" });
    await this.#report("settled", from);
  }

  /** Kills it. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (PROFILE_FOLDER === undefined && !this.#ended) this.#child.kill("SIGKILL");
    // Of one that lives on, the end of its input is its own.
    await this.#stdin.close().catch(() => {});
    await this.#child.status;
    await this.#output;
  }

  async #report<Event extends Report["event"]>(
    event: Event,
    from: number,
  ): Promise<Extract<Report, { event: Event }>> {
    const found = async (): Promise<Report> => {
      while (true) {
        const report = this.#reports.slice(from).find((report) => report.event === event);
        if (report !== undefined) return report;
        if (this.#ended) throw new Error(`The server ended before ${event}: ${this.#stderr}`);
        await this.#changed.promise;
      }
    };
    return await deadline(found(), REPORT_TIMEOUT_MS) as Extract<Report, { event: Event }>;
  }

  #tellWaiting(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  async #readReports(): Promise<void> {
    let rest = "";
    for await (const text of this.#child.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      const reports = lines.flatMap(reportOf);
      this.#reports.push(...reports);
      if (reports.length > 0) this.#tellWaiting();
    }
    this.#ended = true;
    this.#tellWaiting();
  }

  async #readErrors(): Promise<void> {
    for await (const text of this.#child.stderr.pipeThrough(new TextDecoderStream())) {
      this.#stderr = (this.#stderr + text).slice(-10_000);
    }
  }
}

/** What a line tells: a report, the server's own log record of where it listens, or nothing. */
function reportOf(line: string): Report[] {
  if (line.startsWith('{"event":')) return [JSON.parse(line)];
  if (!line.includes('"msg":"listening"')) return [];
  return [{ event: "listening", address: JSON.parse(line).address }];
}

function inherited(): Record<string, string> {
  const own = new Set(describeVariables().map(({ name }) => name));
  return Object.fromEntries(
    Object.entries(Deno.env.toObject())
      .filter(([name]) => !own.has(name) && !/^(LIMIT_|OTEL_|DENO_DEPLOY)/.test(name)),
  );
}
