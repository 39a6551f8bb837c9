/**
 * Results as files: one JSON document for each bench, in a folder that git ignores.
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

/** Writes a result into a folder, over the one before. */
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
  await Deno.writeTextFile(
    new URL(`${result.name}.json`, place),
    `${JSON.stringify(saved, null, 2)}\n`,
  );
}

/** Reads all results of a folder, by name of the bench. */
export async function readResults(folder?: string): Promise<Map<string, SavedResult>> {
  const place = placeOf(folder);
  const results = new Map<string, SavedResult>();
  try {
    for await (const { name } of Deno.readDir(place)) {
      if (!name.endsWith(".json")) continue;
      const saved: SavedResult = JSON.parse(await Deno.readTextFile(new URL(name, place)));
      results.set(saved.name, saved);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return results;
}

function placeOf(folder: string | undefined): URL {
  return folder === undefined ? FOLDER : new URL(`file://${folder}/`);
}
