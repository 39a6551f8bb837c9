/**
 * How long ago something was, in words.
 *
 * @module
 */

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** Such as `just now`, `5 min`, `3 h`, `2 d`, or a date. A time to come, by a wrong clock, is now. */
export function relativeTime(time: string, nowMs: number): string {
  const agoMs = nowMs - Date.parse(time);
  if (!(agoMs >= MINUTE_MS)) return "just now";
  if (agoMs < HOUR_MS) return `${Math.floor(agoMs / MINUTE_MS)} min`;
  if (agoMs < DAY_MS) return `${Math.floor(agoMs / HOUR_MS)} h`;
  if (agoMs < 7 * DAY_MS) return `${Math.floor(agoMs / DAY_MS)} d`;
  return new Date(time).toISOString().slice(0, 10);
}

/** A duration as `0.4 s`, `12 s` or `2 min 5 s`. */
export function duration(ms: number): string {
  const seconds = ms / 1_000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
