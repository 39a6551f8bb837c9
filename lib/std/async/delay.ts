/**
 * Waiting, cancellable by a signal.
 *
 * @module
 */
import { startTimer } from "./timer.ts";

/** Options for {@linkcode delay}. */
export interface DelayOptions {
  /** Ends the wait early. */
  signal?: AbortSignal;
  /**
   * Whether the process stays alive for the wait.
   *
   * @default {true}
   */
  persistent?: boolean;
}

/**
 * Resolves after `ms` milliseconds. Its timer and its listener are gone once it settles.
 *
 * @throws {unknown} The signal's reason, when it aborts first.
 */
export function delay(ms: number, options: DelayOptions = {}): Promise<void> {
  const { signal, persistent = true } = options;
  if (signal?.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      cancel();
      reject(signal?.reason);
    };
    const onDue = (): void => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    };
    const cancel = startTimer(onDue, ms, { persistent });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
