/**
 * Where things run: the server on one core, the generator on another, each with as many open files
 * as the system allows.
 *
 * @module
 */

/** The cores, where the system can pin a process and has two. */
export const CORES = { server: "0", generator: "1" } as const;

let pinning: boolean | undefined;

/** Whether processes can be pinned to both here, wherever this one is. */
export function canPin(): boolean {
  return pinning ??= Object.values(CORES).every((core) => runs("taskset", ["-c", core, "true"]));
}

/** A command that runs `program` on a core, with the open files raised to the hard limit. */
export function pinned(
  core: keyof typeof CORES,
  program: readonly string[],
): { command: string; args: string[] } {
  const pin = canPin() ? ["taskset", "-c", CORES[core]] : [];
  if (Deno.build.os === "windows") return { command: program[0]!, args: program.slice(1) };
  return {
    command: "sh",
    args: ["-c", 'ulimit -n "$(ulimit -H -n)"; exec "$@"', "sh", ...pin, ...program],
  };
}

/** Files that a process may have open here; null where nobody tells. */
export function openFilesLimit(): number | null {
  try {
    const limits = Deno.readTextFileSync("/proc/self/limits");
    const limit = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
    return limit === undefined ? null : Number(limit);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

function runs(program: string, args: string[]): boolean {
  try {
    return new Deno.Command(program, { args, stdout: "null", stderr: "null" }).outputSync().success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
