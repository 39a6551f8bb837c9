/**
 * A verdict that says no, as the error that a client sees.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import { retrySoonMs } from "./backoff.ts";
import type { RefusalVerdict } from "./barrier.ts";

/** The error of `verdict`; `retryAfterMs` is for a drain, whose verdict names none: 1 s to 2 s by default. */
export function refusalOf(
  verdict: RefusalVerdict,
  retryAfterMs: number = retrySoonMs(Math.random),
): AppError {
  switch (verdict.kind) {
    case "failed":
      return new AppError("SERVICE_UNAVAILABLE", { retryAfterMs: verdict.retryAfterMs });
    case "timed-out":
      return new AppError("STARTUP_INCOMPLETE", { retryAfterMs: verdict.retryAfterMs });
    case "draining":
      return new AppError("DRAINING", { retryAfterMs });
    default:
      return verdict satisfies never;
  }
}
