/**
 * Results as files: one JSON document for each run of a bench, in a folder that git ignores. The
 * newest is `<bench>.json`; the two before it, which show the spread of runs, are `<bench>.1.json` and
 * `<bench>.2.json`.
 *
 * @module
 */
import type { BenchResult, Size } from "./bench.ts";
import { canPin } from "./support/cores.ts";

/** A result and how it came about. */
export interface SavedResult extends BenchResult {
  readonly size: Size;
  readonly repetitions: number;
  /** ISO 8601. */
  readonly measuredAt: string;
  readonly deno: string;
  /** Whether the server and the generator had a core each. */
  readonly pinned: boolean;
}

const FOLDER = new URL("results/", import.meta.url);

/** Runs of a bench that are kept. */
export const KEPT_RUNS = 3;

/** Writes a result into a folder, and keeps those before it. */
export async function saveResult(
  result: BenchResult,
  { folder, ...how }: { size: Size; repetitions: number; folder?: string | undefined },
): Promise<void> {
  const place = placeOf(folder);
  const saved: SavedResult = {
    ...result,
    ...how,
    measuredAt: new Date().toISOString(),
    deno: Deno.version.deno,
    pinned: canPin(),
  };
  await Deno.mkdir(place, { recursive: true });
  const fileOf = (age: number): URL => new URL(`${result.name}${endingOf(age)}`, place);
  for (let age = KEPT_RUNS - 1; age > 0; age--) await moveIfThere(fileOf(age - 1), fileOf(age));
  await Deno.writeTextFile(fileOf(0), `${JSON.stringify(saved, null, 2)}\n`);
}

/** Reads the results of a folder, by name of the bench: the newest, or those that are so many runs older. */
export async function readResults(
  { folder, age = 0 }: { folder?: string | undefined; age?: number } = {},
): Promise<Map<string, SavedResult>> {
  const place = placeOf(folder);
  const results = new Map<string, SavedResult>();
  try {
    for await (const { name } of Deno.readDir(place)) {
      if (name !== name.split(".")[0] + endingOf(age)) continue;
      const saved: SavedResult = JSON.parse(await Deno.readTextFile(new URL(name, place)));
      results.set(saved.name, saved);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return results;
}

function endingOf(age: number): string {
  return age === 0 ? ".json" : `.${age}.json`;
}

async function moveIfThere(from: URL, to: URL): Promise<void> {
  try {
    await Deno.rename(from, to);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function placeOf(folder: string | undefined): URL {
  return folder === undefined ? FOLDER : new URL(`${folder}/`, `file://${Deno.cwd()}/`);
}
