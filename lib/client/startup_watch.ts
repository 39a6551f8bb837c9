/**
 * Asks a server that lets a client wait what it waits for.
 *
 * @module
 */
import type { StartupPhase } from "./events.ts";
import type { ClientFetch } from "./socket.ts";

/** A server that is ready has answered by then, milliseconds. */
const FIRST_MS = 400;

/** Time between two questions, milliseconds. */
const AGAIN_MS = 1_000;

/** What {@linkcode watchStartup} needs. */
export interface StartupWatchOptions {
  /** Where `/health/startup` is. */
  readonly url: string;
  readonly fetch: ClientFetch;
  /** Told what the server waits for, until it is ready. */
  readonly onPhases: (phases: readonly StartupPhase[]) => void;
}

/**
 * Watches a start-up until the returned function is called. That the server cannot be asked, such
 * as from a page of another origin, is no fault: then nothing is told.
 */
export function watchStartup({ url, fetch, onPhases }: StartupWatchOptions): () => void {
  const stopped = new AbortController();
  const { signal } = stopped;
  const ask = async (): Promise<void> => {
    try {
      const phases = readPhases(await (await fetch(url, { signal })).json());
      if (!signal.aborted && phases !== null) onPhases(phases);
    } catch {
      // See above.
    }
    if (!signal.aborted) timer = setTimeout(ask, AGAIN_MS);
  };
  let timer = setTimeout(ask, FIRST_MS);
  return () => {
    stopped.abort();
    clearTimeout(timer);
  };
}

/** The phases in a health document; null where the server is ready, or it is none. */
function readPhases(document: unknown): readonly StartupPhase[] | null {
  const { startup } = (document ?? {}) as { startup?: { state?: unknown; phases?: unknown } };
  if (startup?.state === "ready" || !Array.isArray(startup?.phases)) return null;
  return startup.phases as readonly StartupPhase[];
}
