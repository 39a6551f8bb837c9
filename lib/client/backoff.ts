/**
 * How long to wait before the next try.
 *
 * @module
 */

/** How waits grow. */
export interface BackoffOptions {
  /** Bound of the first wait, milliseconds; 500 where left out. */
  readonly firstMs?: number;
  /** Bound of every wait, milliseconds; 30,000 where left out. */
  readonly longestMs?: number;
  /** At least 0 and below 1; `Math.random` where left out. */
  readonly random?: () => number;
}

/**
 * A wait before the try that follows `failures` failed ones: anywhere between nothing and a bound
 * that doubles ("full jitter", AWS Architecture Blog, "Exponential Backoff And Jitter"), so that
 * clients that were cut off as one do not come back as one.
 */
export function backoffMs(failures: number, options: BackoffOptions = {}): number {
  const { firstMs = 500, longestMs = 30_000, random = Math.random } = options;
  return random() * Math.min(longestMs, firstMs * 2 ** Math.max(0, failures - 1));
}
