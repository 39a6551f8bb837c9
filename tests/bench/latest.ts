/**
 * The last results of every bench that there is, in order, held against the goals of today.
 *
 * @module
 */
import { judge } from "./bench.ts";
import { BENCHES } from "./benches/mod.ts";
import { readResults, type SavedResult } from "./results.ts";

/** Reads them. */
export async function latestResults(): Promise<SavedResult[]> {
  const saved = await readResults();
  return [...BENCHES.values()].flatMap(({ name, title, figures, goals }) => {
    const result = saved.get(name);
    if (result === undefined) return [];
    return [{ ...result, title, figures, judged: judge(goals, result.samples) }];
  });
}
