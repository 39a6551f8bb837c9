/**
 * Kills the server again and again under load, and says what clients saw of it.
 *
 * @module
 */
import { delay } from "@std/async/delay";
import { eventually } from "../support/feed.ts";
import { ServerProcess, TempFolder } from "../support/server_process.ts";
import { type Figures, type Life, measure } from "./figures.ts";
import type { FinalLog, History } from "./history.ts";
import { Random } from "./random.ts";
import { Recorder } from "./recorder.ts";
import { ROOMY_LIMITS, Workload } from "./workload.ts";

/** How a run of kills goes. */
export interface KillPlan {
  /** Makes the kills' moments and the clients' doings the same again. */
  readonly seed: number;
  readonly kills: number;
  readonly subjects: readonly string[];
  /** See {@linkcode Workload}. */
  readonly longShare: number;
}

/** What came of it. */
export interface KillResult {
  readonly history: History;
  readonly figures: Figures;
  /** What the instances wrote to stderr, and their log lines at level `error` or above. */
  readonly complaints: readonly string[];
}

/**
 * From the start of an instance to its death, milliseconds: before or while it starts, under load,
 * and after it has taken runs over, which takes up to a lease of 10 s.
 */
const LIFE_MS = {
  early: { least: 100, most: 1_200 },
  usual: { least: 1_800, most: 4_500 },
  long: { least: 11_500, most: 15_000 },
} as const;

const LIVES = ["usual", "usual", "early", "usual", "long", "usual"] as const;

/** How often it is looked whether everything is over. Each look waits a while itself, for 30 s at most. */
const MAX_LOOKS = 8;

/** Does it. */
export async function killAgainAndAgain(
  { seed, kills, subjects, longShare }: KillPlan,
): Promise<KillResult> {
  await using folder = new TempFolder();
  const random = new Random(seed);
  const recorder = new Recorder();
  const lives: Life[] = [];
  const complaints: string[] = [];
  let server: ServerProcess | null = null;
  let address: string | null = null;
  const workload = new Workload({
    subjects,
    longShare,
    random: random.fork(),
    recorder,
    address: () => address,
  });

  const start = (): ServerProcess => {
    const env = { KV_PATH: `${folder.path}/chat.db`, ...ROOMY_LIMITS };
    const started = new ServerProcess({ env });
    started.listening().then((own) => {
      if (server === started) address = own;
    }, () => {
      // It was killed before it listened.
    });
    return server = started;
  };
  const kill = async (startedMs: number): Promise<void> => {
    const killed = server!;
    address = null;
    lives.push({ startedMs, killedMs: performance.now() });
    await killed.kill();
    complaints.push(...complaintsOf(killed));
    await killed[Symbol.asyncDispose]();
    server = null;
  };

  try {
    await workload.begin();
    for (let killed = 0; killed < kills; killed++) {
      const startedMs = performance.now();
      start();
      if (killed % 2 === 1) workload.addThread();
      const { least, most } = LIFE_MS[LIVES[killed % LIVES.length]!];
      await delay(random.integer(least, most));
      await kill(startedMs);
    }
    const startedMs = performance.now();
    start();
    await workload.hush();
    const logs = await settle(workload);
    // What is stored stays, also when the last instance dies at once.
    await kill(startedMs);
    start();
    await eventually(() => address ?? undefined, "the last instance");
    const final = await readSettled(workload);
    if (JSON.stringify(final) !== JSON.stringify(logs)) complaints.push("The logs changed");
    await workload.end();
    const deathsMs = lives.map(({ killedMs }) => killedMs);
    const history = { events: recorder.events, deathsMs, logs: final };
    return { history, figures: measure(history, lives), complaints };
  } finally {
    address = null;
    await workload.end();
    await (server as ServerProcess | null)?.[Symbol.asyncDispose]();
  }
}

/** Waits until every message is answered, every run has ended, and every client has seen all of it. */
async function settle(workload: Workload): Promise<FinalLog[]> {
  await patiently(() => workload.isAnswered || undefined, "every message's answer");
  const logs = await readSettled(workload);
  workload.reopen();
  await patiently(() => workload.hasSeen(logs) || undefined, "every client to see all").catch(
    () => {
      // The checker names who was left behind.
    },
  );
  return logs;
}

async function readSettled(workload: Workload): Promise<FinalLog[]> {
  return await patiently(async () => await workload.readLogs() ?? undefined, "every run's end");
}

/** Runs that wait in line for three attempts take longer than one hang. */
async function patiently<T>(
  look: () => Promise<T | undefined> | T | undefined,
  what: string,
): Promise<T> {
  for (let looks = 1;; looks++) {
    try {
      return await eventually(look, what);
    } catch (error) {
      if (looks === MAX_LOOKS) throw error;
    }
  }
}

function complaintsOf({ lines, stderr }: ServerProcess): string[] {
  const bad = lines.filter((line) => /"level":"(error|fatal)"/i.test(line));
  return stderr === "" ? bad : [...bad, stderr];
}
