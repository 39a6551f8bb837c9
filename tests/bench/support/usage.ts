/**
 * What a process costs: its processor time and its resident memory, where the system tells
 * (`/proc`, which is Linux).
 *
 * @module
 */

/** Ticks of `/proc/<pid>/stat` a second: `USER_HZ`, which is 100 on every platform of Deno. */
const TICKS_PER_SECOND = 100;

/** Processor time of a process and all its threads so far, milliseconds; null where nobody tells. */
export function processorMs(pid: number): number | null {
  const stat = read(`/proc/${pid}/stat`);
  if (stat === null) return null;
  // The second field is the program's name in parentheses, and may hold spaces.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 1_000 / TICKS_PER_SECOND;
}

/** Resident memory of a process, bytes; null where nobody tells. */
export function residentBytes(pid: number): number | null {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`) ?? "")?.[1];
  return kilobytes === undefined ? null : Number(kilobytes) * 1_024;
}

/** How busy a server and the generator, this process, are from now on. */
export class LoadMeter {
  readonly #server: number;
  readonly #startedMs = performance.now();
  readonly #serverMs: number | null;
  readonly #generatorMs: number | null;

  /** Begins to measure. */
  constructor(serverPid: number) {
    this.#server = serverPid;
    this.#serverMs = processorMs(serverPid);
    this.#generatorMs = processorMs(Deno.pid);
  }

  /** Both loads so far, as shares of a core, and the server's processor time; empty where nobody tells. */
  read(): { serverLoad?: number; generatorLoad?: number; serverMs?: number } {
    const serverMs = processorMs(this.#server);
    const generatorMs = processorMs(Deno.pid);
    if (serverMs === null || generatorMs === null) return {};
    if (this.#serverMs === null || this.#generatorMs === null) return {};
    const elapsedMs = performance.now() - this.#startedMs;
    return {
      serverLoad: (serverMs - this.#serverMs) / elapsedMs,
      generatorLoad: (generatorMs - this.#generatorMs) / elapsedMs,
      serverMs: serverMs - this.#serverMs,
    };
  }
}

function read(path: string): string | null {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}
