/**
 * All benches, in the order in which they run.
 *
 * @module
 */
import type { Bench } from "../bench.ts";
import { acks } from "./acks.ts";
import { chunks } from "./chunks.ts";
import { cold } from "./cold.ts";
import { connect } from "./connect.ts";
import { fanOut } from "./fan_out.ts";
import { gate } from "./gate.ts";
import { GROWTHS } from "./growth.ts";
import { holdBench } from "./hold.ts";
import { memory } from "./memory.ts";
import { model } from "./model.ts";
import { ping } from "./ping.ts";
import { token } from "./token.ts";

/** The benches by name. */
export const BENCHES: ReadonlyMap<string, Bench> = new Map(
  [connect, gate, memory, ping, chunks, fanOut, acks, model, cold, token, holdBench, ...GROWTHS]
    .map((
      bench,
    ) => [bench.name, bench]),
);
