/**
 * All benches, in the order in which they run.
 *
 * @module
 */
import type { Bench } from "../bench.ts";
import { acks } from "./acks.ts";
import { chunks } from "./chunks.ts";
import { connect } from "./connect.ts";
import { fanOut } from "./fan_out.ts";
import { gate } from "./gate.ts";
import { ping } from "./ping.ts";

/** The benches by name. */
export const BENCHES: ReadonlyMap<string, Bench> = new Map(
  [connect, gate, ping, chunks, fanOut, acks].map((bench) => [bench.name, bench]),
);
