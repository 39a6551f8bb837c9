/**
 * Loaded into a server before it starts (`--preload`): on SIGUSR2 it collects all garbage and says on
 * stderr, as a line of JSON, what is held inside of the process, which nobody can see from outside.
 * Needs V8's `--expose-gc`.
 *
 * @module
 */

/** What one line says. */
export interface Held {
  /** Timers that were set and have neither fired nor been cleared. */
  readonly timers: number;
  /** What the runtime has open for the program, by kind: sockets, requests, files. */
  readonly resources: Readonly<Record<string, number>>;
  /** V8's heap in use, KiB. */
  readonly heapKib: number;
  /** Resident memory, KiB. */
  readonly residentKib: number;
}

/** The timers of the web, without what types of Node's add. */
interface Timers {
  setTimeout(handler: (...parameters: unknown[]) => void, ms?: number, ...rest: unknown[]): number;
  setInterval(handler: (...parameters: unknown[]) => void, ms?: number, ...rest: unknown[]): number;
  clearTimeout(id?: number): void;
  clearInterval(id?: number): void;
}

const timers = globalThis as unknown as Timers;
const { setTimeout, setInterval, clearTimeout, clearInterval } = timers;
/** By number: what the runtime returns may be an object that stands for one. */
const live = new Set<number>();

timers.setTimeout = (handler, ms, ...parameters) => {
  const id = setTimeout(() => {
    live.delete(Number(id));
    handler(...parameters);
  }, ms);
  live.add(Number(id));
  return id;
};
timers.setInterval = (handler, ms, ...parameters) => {
  const id = setInterval(handler, ms, ...parameters);
  live.add(Number(id));
  return id;
};
timers.clearTimeout = (id) => {
  live.delete(Number(id));
  clearTimeout(id);
};
timers.clearInterval = (id) => {
  live.delete(Number(id));
  clearInterval(id);
};

/** The runtime has no public name for the table of its resources. */
function resources(): Record<string, number> {
  const { internal } = Deno as unknown as { internal: symbol };
  const { core } = (Deno as unknown as Record<
    symbol,
    { core: { resources: () => Record<string, string> } }
  >)[internal]!;
  const counts: Record<string, number> = {};
  for (const kind of Object.values(core.resources())) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

Deno.addSignalListener("SIGUSR2", () => {
  (globalThis as unknown as { gc: () => void }).gc();
  const { heapUsed, rss } = Deno.memoryUsage();
  const held: Held = {
    timers: live.size,
    resources: resources(),
    heapKib: Math.round(heapUsed / 1_024),
    residentKib: Math.round(rss / 1_024),
  };
  Deno.stderr.writeSync(new TextEncoder().encode(`${JSON.stringify(held)}\n`));
});
