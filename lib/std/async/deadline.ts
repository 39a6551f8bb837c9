/**
 * A time limit on a promise.
 *
 * @module
 */
import { startTimer } from "./timer.ts";

/** Options for {@linkcode deadline}. */
export interface DeadlineOptions {
  /** Ends the wait early. */
  signal?: AbortSignal;
}

/**
 * Settles as `p` does, unless `ms` milliseconds or the signal come first. `p` itself goes on; what
 * it yields later is dropped. The timer and the listener are gone once this settles.
 *
 * @throws {DOMException} `TimeoutError`, when `ms` milliseconds passed first.
 * @throws {unknown} The signal's reason, when it aborts first.
 */
export async function deadline<T>(
  p: Promise<T>,
  ms: number,
  options: DeadlineOptions = {},
): Promise<T> {
  const { signal } = options;
  const { promise: cut, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal?.reason);
  if (signal?.aborted) onAbort();
  signal?.addEventListener("abort", onAbort, { once: true });
  const cancel = startTimer(
    () => reject(new DOMException("Signal timed out.", "TimeoutError")),
    ms,
    { persistent: true },
  );
  try {
    return await Promise.race([cut, p]);
  } finally {
    cancel();
    signal?.removeEventListener("abort", onAbort);
  }
}
