/**
 * A place on disk for a server's database.
 *
 * @module
 */

/** Runs `work` with a folder of its own, and removes that. */
export async function withFolder<T>(work: (path: string) => Promise<T>): Promise<T> {
  const path = await Deno.makeTempDir({ prefix: "drawbridge-bench-" });
  try {
    return await work(path);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
}
