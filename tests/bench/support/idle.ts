/**
 * Waiting until a server has done what it was sent.
 *
 * @module
 */
import { delay } from "@std/async/delay";
import { processorMs } from "./usage.ts";

const LOOK_MS = 100;
const LONGEST_MS = 20_000;

/** Resolves when the server has used next to no processor for a while; where nobody tells, after 2 s. */
export async function idle(pid: number): Promise<void> {
  const until = performance.now() + LONGEST_MS;
  let quiet = 0;
  let before = processorMs(pid);
  if (before === null) return await delay(2_000);
  while (quiet < 3 && performance.now() < until) {
    await delay(LOOK_MS);
    const now = processorMs(pid)!;
    quiet = now - before <= 10 ? quiet + 1 : 0;
    before = now;
  }
}
