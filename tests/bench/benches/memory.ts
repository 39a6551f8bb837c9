/**
 * Resident memory of one idle socket, and of one connection that waits at the gate: the slope
 * between two crowds, so that what the process itself needs is left out.
 *
 * @module
 */
import { delay } from "@std/async/delay";
import { type Bench, type Figures, MissingTarget, type Size, type TargetName } from "../bench.ts";
import { Crowd } from "../support/crowd.ts";
import { idle } from "../support/idle.ts";
import type { Target } from "../support/target.ts";
import { tokens } from "../support/tokens.ts";
import { startOpen, startTarget } from "../targets.ts";

/** The first crowd, and how many come besides. */
const CROWDS: Readonly<Record<Size, { first: number; more: number }>> = {
  full: { first: 1_000, more: 5_000 },
  quick: { first: 500, more: 2_000 },
  tiny: { first: 10, more: 20 },
};

/** Time for a collection or two, milliseconds. */
const REST_MS = 1_000;

async function measure(name: TargetName, size: Size): Promise<Figures> {
  const all = await tokens(CROWDS[size].first + CROWDS[size].more);
  await using open = await startOpen(name);
  const idleKb = await slopeKb(name, size, open, (crowd, some) => crowd.open(all.slice(...some)));
  await using closed = await startTarget(name, { hold: true });
  await idle(closed.pid);
  const waitingKb = await slopeKb(
    name,
    size,
    closed,
    (crowd, some) => crowd.knock(all.slice(...some)),
  );
  return { idleKb, waitingKb };
}

async function slopeKb(
  name: TargetName,
  size: Size,
  target: Target,
  come: (crowd: Crowd, some: [number, number]) => Promise<unknown>,
): Promise<number> {
  const { first, more } = CROWDS[size];
  if (target.residentBytes === 0) throw new MissingTarget("the system does not tell memory");
  using crowd = new Crowd(name, target);
  await come(crowd, [0, first]);
  await rest(target, size);
  const before = target.residentBytes;
  await come(crowd, [first, first + more]);
  await rest(target, size);
  return (target.residentBytes - before) / more / 1_024;
}

async function rest(target: Target, size: Size): Promise<void> {
  if (size === "tiny") return;
  await idle(target.pid);
  await delay(REST_MS);
}

/** The bench. */
export const memory: Bench = {
  name: "memory",
  title: "Resident memory of an idle socket and of a waiting connection, the slope over 5,000",
  targets: ["raw", "drawbridge", "ws", "socket.io"],
  figures: [
    { name: "idleKb", unit: "KB an idle socket", digits: 1 },
    { name: "waitingKb", unit: "KB a waiting connection", digits: 1 },
  ],
  goals: [
    { work: "memory of an idle socket", figure: "idleKb", kind: "ratio", atMost: 1.4 },
    { work: "memory of a waiting connection", figure: "waitingKb", kind: "ratio", atMost: 1.2 },
  ],
  measure,
};
