/**
 * All benches, in the order in which they run.
 *
 * @module
 */
import type { Bench } from "../bench.ts";
import { connect } from "./connect.ts";
import { ping } from "./ping.ts";

/** The benches by name. */
export const BENCHES: ReadonlyMap<string, Bench> = new Map(
  [connect, ping].map((bench) => [bench.name, bench]),
);
