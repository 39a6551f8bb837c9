/**
 * A real server under attack while a canary chats on it: what both must look like
 * before, meanwhile and after.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Canary, type Wellbeing } from "../support/canary.ts";
import { eventually } from "../support/feed.ts";
import { ServerProcess } from "../support/server_process.ts";
import { mintToken, TEST_SECRET } from "../support/tokens.ts";

/** Limits out of the way of volume. Those of size stay as they are. */
const VOLUME = {
  LIMIT_FRAMES_PER_SECOND: "1000000",
  LIMIT_FRAMES_BURST: "1000000",
  LIMIT_BAD_FRAMES: "1000000",
  LIMIT_SOCKETS_PER_SUBJECT: "10000",
} as const;

/** A heap so small that garbage is collected, and cannot pass for a leak. */
const SMALL_HEAP = { DENO_V8_FLAGS: "--max-old-space-size=96,--max-semi-space-size=2" } as const;

/** Time between two looks at the server's memory, milliseconds. */
const LOOK_MS = 200;

/** How far above its level before an attack memory may stay, bytes: the level itself varies by half of it. */
const MEMORY_SLACK_BYTES = 16 * 1024 * 1024;

/** Traces of the inside: stacks, modules, folders, secrets, tokens. */
const TRACES: readonly RegExp[] = [
  /^ {4}at /m,
  /\bat \S+ \(/,
  /file:\/\/|\bext:|\.(?:ts|js|mjs):\d+|node_modules/,
  /\/(?:tmp|home|root|work|usr|var)\//,
  /\b(?:TypeError|RangeError|SyntaxError|ReferenceError|ZodError|JOSEError)\b/,
];

/** The tally of what came of inputs, by their kind. */
export class Tally {
  readonly #counts = new Map<string, Map<string, number>>();
  #total = 0;

  /** All inputs so far. */
  get total(): number {
    return this.#total;
  }

  /** Counts one. */
  add(what: string, outcome: string): void {
    this.#total++;
    const outcomes = this.#counts.get(what) ?? new Map<string, number>();
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    this.#counts.set(what, outcomes);
  }

  /** All counts, a kind a line. */
  toString(): string {
    return [...this.#counts].map(([what, outcomes]) => {
      const sorted = [...outcomes].sort(([, a], [, b]) => b - a);
      return `  ${what}: ${sorted.map(([outcome, count]) => `${outcome} ${count}`).join(", ")}`;
    }).join("\n");
  }
}

/** A server and its canary. */
export class Arena {
  readonly server: ServerProcess;
  /** A token of subject `mallory`. */
  readonly token: string;
  /** The seed of this run's properties: `HOSTILE_SEED`, or a random one. Printed. */
  readonly seed: number;
  readonly #canary: Canary;
  readonly #leaks: string[] = [];

  private constructor(server: ServerProcess, canary: Canary, token: string) {
    this.server = server;
    this.#canary = canary;
    this.token = token;
    this.seed = Number(Deno.env.get("HOSTILE_SEED") ?? Math.floor(Math.random() * 2 ** 31));
  }

  /**
   * Starts a server with `env` over the limits of volume, and lets `test` attack it. Asserts that it
   * told nothing of its inside, to anybody or in its log, and that it still drains.
   */
  static async run(
    test: (arena: Arena) => Promise<void>,
    env: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    await using server = await ServerProcess.start({ env: { ...VOLUME, ...SMALL_HEAP, ...env } });
    await server.state("ready");
    const arena = new Arena(
      server,
      await Canary.start(server.address),
      await mintToken({ sub: "mallory" }),
    );
    try {
      await test(arena);
    } catch (error) {
      console.log(server.lines.slice(-5).join("\n"), server.stderr);
      throw error;
    } finally {
      await arena.#canary[Symbol.asyncDispose]();
    }
    await arena.#end();
  }

  /**
   * Runs `attack` twice, with a seed for each, the second time while the canary chats, and prints the
   * figures. What the first grew the server's heap to, the second must not exceed: that is no cache,
   * and no garbage, but a leak.
   */
  async attack(
    name: string,
    { attack, tally }: { attack: (seed: number) => Promise<void>; tally: Tally },
  ): Promise<void> {
    console.log(`${name}: HOSTILE_SEED=${this.seed}`);
    const idleBytes = await this.resident();
    const calm = await this.#canary.during(() => Promise.resolve());
    await attack(this.seed);
    await this.#settled();
    const beforeBytes = await this.resident();
    let peakBytes = beforeBytes;
    let isOver = false;
    const watch = (async () => {
      while (!isOver) {
        peakBytes = Math.max(peakBytes, await this.resident());
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      }
    })();
    const startedMs = performance.now();
    let attacked: { wellbeing: Wellbeing };
    let tookMs: number;
    try {
      attacked = await this.#canary.during(async () => {
        await attack(this.seed + 1);
        tookMs = performance.now() - startedMs;
      });
    } finally {
      isOver = true;
      await watch;
    }
    await this.#settled();
    const afterBytes = await eventually(async () => {
      const bytes = await this.resident();
      return bytes <= beforeBytes + MEMORY_SLACK_BYTES ? bytes : undefined;
    }, `memory back at ${mib(beforeBytes)}, it peaked at ${mib(peakBytes)}`);
    console.log(
      [
        `${name}: ${tally.total} inputs, none failed; the second half took ${
          Math.round(tookMs!)
        } ms`,
        `  memory idle ${mib(idleBytes)}, before ${mib(beforeBytes)}, peak ${
          mib(peakBytes)
        }, after ${mib(afterBytes)}`,
        `  canary calm:     ${describe(calm.wellbeing)}`,
        `  canary attacked: ${describe(attacked.wellbeing)}`,
        `${tally}`,
      ].join("\n"),
    );
  }

  /** Looks whether a reply tells something of the inside. */
  inspect(reply: string): void {
    if (isLeak(reply)) this.#leaks.push(reply.slice(0, 500));
  }

  /** Resident memory of the server's process, bytes. */
  async resident(): Promise<number> {
    const { body } = await this.server.request("/metrics");
    return Number(/^process_resident_memory_bytes (\S+)$/m.exec(body)![1]);
  }

  async #end(): Promise<void> {
    this.server.signal("SIGTERM");
    assertEquals((await this.server.exited()).code, 0);
    assertEquals(this.#leaks.slice(0, 5), []);
    assertEquals(this.server.lines.filter(isLeak).slice(0, 5), []);
    assertEquals(this.server.logs.filter(({ level }) => level === "error"), []);
    assertEquals(this.server.stderr, "");
  }

  /** Waits until only the canary is left. */
  async #settled(): Promise<void> {
    const read = async () => ({
      connections: await this.server.metric("connections"),
      waiting: await this.server.metric("gate_waiting") ?? 0,
      runs: await this.server.metric("runs_active") ?? 0,
    });
    let last = await read();
    await eventually(async () => {
      last = await read();
      return last.connections === 1 && last.waiting === 0 && last.runs === 0 || undefined;
    }, "the canary to be alone").catch((error) => {
      throw new Error(`Not alone: ${JSON.stringify(last)}`, { cause: error });
    });
    assert(this.server.lines.length > 0);
  }
}

function isLeak(text: string): boolean {
  return text.includes(TEST_SECRET) || text.includes("eyJ") ||
    TRACES.some((trace) => trace.test(text));
}

function mib(bytes: number): string {
  return `${(bytes / 1_048_576).toFixed(1)} MiB`;
}

function describe({ ping, ack, answers }: Wellbeing): string {
  return `ping p50 ${ping.p50} p99 ${ping.p99} ms (${ping.count}), ` +
    `ack p50 ${ack.p50} p99 ${ack.p99} ms (${ack.count}), ${answers} answers`;
}
