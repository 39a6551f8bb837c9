/**
 * The results of every bench that there is, in order, held against the goals of today.
 *
 * @module
 */
import { judge } from "./bench.ts";
import { BENCHES } from "./benches/mod.ts";
import { readResults, type SavedResult } from "./results.ts";

/** Reads the last ones, or those that are so many runs older. */
export async function latestResults(age = 0): Promise<SavedResult[]> {
  const saved = await readResults({ age });
  return [...BENCHES.values()].flatMap(({ name, title, figures, goals }) => {
    const result = saved.get(name);
    if (result === undefined) return [];
    return [{ ...result, title, figures, judged: judge(goals, result.samples) }];
  });
}
