/**
 * A soak: for some minutes 50 clients a second connect to a real server, and one in ten leaves while it
 * waits. In the first part nobody gets in, as the keys are held back; in the others they are there, and
 * clients chat, first until everything is warm, then for what it costs. Prints memory over time and its slope, and what is held before and after each part; ends
 * with 1 where something grew.
 *
 * `deno task bench:soak`, or `deno task bench:soak 2` for two minutes.
 *
 * @module
 */
import { delay } from "@std/async/delay";
import { eventually } from "../support/feed.ts";
import { ServerProcess } from "../support/server_process.ts";
import { HeldJwks } from "../server/held_jwks.ts";
import { visit, WAIT_MS } from "./soak_client.ts";
import type { Held } from "./soak_probe.ts";

/** Connects a second. */
const CONNECTS_PER_SECOND = 50;

/** Subjects that they are. */
const SUBJECTS = 200;

/** Time between two samples, milliseconds. */
const SAMPLE_MS = 10_000;

/**
 * Time after the last client until nothing waits for anything, milliseconds: Deno 2.9 keeps a closed
 * socket until its idle timer of 30 s, some 5 KB each.
 */
const SETTLE_MS = 35_000;

/** Share of a part after which memory has found its level. */
const WARM_UP = 0.3;

/** What may be left over at the end of a part: kept connections, timers of probes. */
const SPARE = { descriptors: 5, timers: 5, heapKib: 2_048 } as const;

/** What is loaded and compiled in the first part of its kind, KiB. */
const WARM_UP_KIB = 8_192;

/** Least time between two connects, milliseconds: what was missed is made up for, but not as one burst. */
const LEAST_GAP_MS = 5;

/** For the probe. The heap is small, so that what is resident is not garbage for the most part. */
const V8_FLAGS = "--expose-gc,--max-old-space-size=96,--max-semi-space-size=2";

/** One look at the server. */
interface Sample extends Pick<Held, "heapKib" | "residentKib"> {
  readonly minutes: number;
}

/** What the server holds while nobody is there. */
interface Level extends Held {
  readonly descriptors: number;
}

/** The server, its clients so far, and what became of them. */
class Soak {
  readonly #server: ServerProcess;
  readonly #tokens: readonly string[];
  readonly #outcomes = new Map<string, number>();
  readonly #startedMs = performance.now();
  #clients = 0;
  readonly growths: string[] = [];

  constructor(server: ServerProcess, tokens: readonly string[]) {
    this.#server = server;
    this.#tokens = tokens;
  }

  /**
   * Lets clients come for so long, then waits until they are gone; returns what is held then.
   * `spareKib`: what its heap may have grown by besides {@linkcode SPARE}.
   */
  async part(name: string, minutes: number, before: Level, spareKib = 0): Promise<Level> {
    const samples: Sample[] = [];
    const over = new AbortController();
    const sampling = this.#sample(name, samples, over.signal);
    const visits = new Set<Promise<void>>();
    const count = Math.round(minutes * 60 * CONNECTS_PER_SECOND);
    const startedMs = performance.now();
    for (let client = 0; client < count; client++) {
      const restMs = startedMs + client * 1_000 / CONNECTS_PER_SECOND - performance.now();
      await delay(Math.max(restMs, LEAST_GAP_MS));
      const visit = this.#visit(this.#clients++);
      visits.add(visit);
      void visit.finally(() => visits.delete(visit));
    }
    await Promise.all(visits);
    over.abort();
    await sampling;
    const after = await this.level(`${name}, after`);
    this.#compare(name, { before, after, samples, spareKib });
    return after;
  }

  /** What is held once nobody is there any more. */
  async level(what: string): Promise<Level> {
    await eventually(async () => {
      const open = await this.#server.metric("connections") ?? 0;
      const waiting = await this.#server.metric("gate_waiting") ?? 0;
      return open + waiting === 0 || undefined;
    }, "everybody to have left");
    await delay(SETTLE_MS);
    const level = { ...await this.#probe(), descriptors: this.#descriptors() };
    console.log(`${what}: ${JSON.stringify(level)}`);
    return level;
  }

  /** What became of all clients. */
  get outcomes(): string {
    return JSON.stringify(Object.fromEntries([...this.#outcomes].sort()));
  }

  async #sample(part: string, samples: Sample[], signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const minutes = (performance.now() - this.#startedMs) / 60_000;
      const { heapKib, residentKib } = await this.#probe();
      samples.push({ minutes, heapKib, residentKib });
      const metric = (name: string) => this.#server.metric(name).catch(() => "unknown");
      const [open, waiting] = [await metric("connections"), await metric("gate_waiting")];
      console.log(
        `${part} ${minutes.toFixed(2)} min: resident ${mib(residentKib)}, heap ${mib(heapKib)}, ` +
          `descriptors ${this.#descriptors()}, open ${open}, waiting ${waiting}`,
      );
      await delay(SAMPLE_MS, { signal }).catch(() => {});
    }
  }

  async #visit(client: number): Promise<void> {
    let outcome: string;
    try {
      outcome = await visit(this.#server, this.#tokens[client % this.#tokens.length]!, client);
    } catch (error) {
      outcome = `failed: ${error}`;
      this.growths.push(`a client ${outcome}`);
    }
    this.#outcomes.set(outcome, (this.#outcomes.get(outcome) ?? 0) + 1);
  }

  #compare(
    name: string,
    { before, after, samples, spareKib }: {
      before: Level;
      after: Level;
      samples: readonly Sample[];
      spareKib: number;
    },
  ): void {
    const level = samples.slice(Math.floor(samples.length * WARM_UP));
    const minutes = (level.at(-1)?.minutes ?? 0) - (level[0]?.minutes ?? 0);
    const slope = (of: "heapKib" | "residentKib") => Math.round(slopeOf(level, of));
    console.log(
      `${name}: in ${minutes.toFixed(1)} minutes the heap grew by ${
        slope("heapKib")
      } KiB a minute, ` +
        `resident memory by ${slope("residentKib")}; clients so far: ${this.outcomes}`,
    );
    for (const what of ["descriptors", "timers", "heapKib"] as const) {
      const most = before[what] + SPARE[what] + (what === "heapKib" ? spareKib : 0);
      if (after[what] > most) this.growths.push(`${name}: ${what}`);
    }
  }

  #descriptors(): number {
    return [...Deno.readDirSync(`/proc/${this.#server.pid}/fd`)].length;
  }

  /** What is held, once all garbage is collected. */
  async #probe(): Promise<Held> {
    const told = () => this.#server.stderr.split("\n").filter((line) => line.startsWith("{"));
    const { length } = told();
    this.#server.signal("SIGUSR2");
    return JSON.parse(await eventually(() => told()[length], "what is held"));
  }
}

/** The slope of the straight line through the samples (least squares), KiB a minute. */
function slopeOf(samples: readonly Sample[], of: "heapKib" | "residentKib"): number {
  const mean = (of: (sample: Sample) => number) =>
    samples.reduce((sum, sample) => sum + of(sample), 0) / samples.length;
  const [x, y] = [mean(({ minutes }) => minutes), mean((sample) => sample[of])];
  const spread = mean(({ minutes }) => (minutes - x) ** 2);
  const shared = mean((sample) => (sample.minutes - x) * (sample[of] - y));
  return spread === 0 ? 0 : shared / spread;
}

function mib(kib: number): string {
  return `${(kib / 1_024).toFixed(1)} MiB`;
}

async function main(): Promise<void> {
  const minutes = Number(Deno.args[0] ?? 10);
  if (!(minutes > 0)) throw new Error("How many minutes?");
  await using jwks = await HeldJwks.start();
  const tokens = await Promise.all(
    Array.from({ length: SUBJECTS }, (_, subject) => jwks.token(`soak-${subject}`)),
  );
  await using server = await ServerProcess.start({
    flags: ["--preload", new URL("soak_probe.ts", import.meta.url).pathname],
    env: {
      ...jwks.env,
      STARTUP_WAIT_MS: String(WAIT_MS),
      DENO_V8_FLAGS: V8_FLAGS,
    },
  });
  // The metrics are there once the bootstrap is loaded.
  await server.log("startup state", { state: "starting" });
  const soak = new Soak(server, tokens);
  const start = await soak.level("at the gate, before");
  await soak.part("at the gate", minutes * 0.3, start, WARM_UP_KIB);
  jwks.release();
  await server.state("ready");
  const ready = await soak.level("chatting, before");
  const warm = await soak.part("chatting, first", minutes * 0.35, ready, WARM_UP_KIB);
  await soak.part("chatting, then", minutes * 0.35, warm);

  const stoppedMs = performance.now();
  server.signal("SIGTERM");
  const { code } = await server.exited();
  console.log(
    `drained in ${Math.round(performance.now() - stoppedMs)} ms, exit ${code}, ` +
      `in time: ${server.logs.at(-1)?.inTime}; clients: ${soak.outcomes}`,
  );
  if (code !== 0) soak.growths.push(`exit ${code}`);
  // Without its keys a start-up fails again and again, as it should.
  const errors = server.logs.filter(({ level, msg }) =>
    level === "error" && msg !== "startup failed"
  );
  for (const { msg } of errors) soak.growths.push(`logged: ${msg}`);
  for (const growth of new Set(soak.growths)) console.log(`NOT WELL: ${growth}`);
  if (soak.growths.length > 0) Deno.exitCode = 1;
}

if (import.meta.main) await main();
