/**
 * A validated `ping` and its `pong`, as many as the server can do.
 *
 * @module
 */
import { type Bench, type Figures, LOADS, type Size, type TargetName } from "../bench.ts";
import { Crowd } from "../support/crowd.ts";
import { tokens } from "../support/tokens.ts";
import { LoadMeter } from "../support/usage.ts";
import { joined } from "../support/wire.ts";
import { startOpen } from "../targets.ts";

const SOCKETS = 50;

/** Pings under way on each socket, which keep the generator cheaper than the server. */
const WINDOW = 16;

/** Rounds of a window on every socket. */
const ROUNDS: Readonly<Record<Size, number>> = { full: 400, quick: 100, tiny: 2 };

async function measure(name: TargetName, size: Size): Promise<Figures> {
  await using target = await startOpen(name);
  using crowd = new Crowd(name, target);
  await crowd.open(await tokens(SOCKETS));
  const pings = joined(
    Array.from({ length: WINDOW }, (_, at) => crowd.dialect.encode(pingOf(`p${at}`))),
  );

  const play = (rounds: number): Promise<number> =>
    crowd.time((done) => {
      let missing = rounds * WINDOW * SOCKETS;
      const open = new Map(crowd.wires.map((wire) => [wire, { pongs: 0, rounds }]));
      crowd.onFrame = (kind, _payload, wire) => {
        if (kind !== "pong") return;
        const state = open.get(wire)!;
        if (--missing === 0) return done();
        if (++state.pongs < WINDOW) return;
        state.pongs = 0;
        if (--state.rounds > 0) wire.send(pings);
      };
      for (const wire of crowd.wires) wire.send(pings);
    });

  await play(Math.ceil(ROUNDS[size] / 4));
  const meter = new LoadMeter(target.pid);
  const elapsedMs = await play(ROUNDS[size]);
  const { serverMs, ...loads } = meter.read();
  const count = ROUNDS[size] * WINDOW * SOCKETS;
  return {
    perSecond: count * 1_000 / elapsedMs,
    ...(serverMs === undefined ? {} : { serverMicros: serverMs * 1_000 / count }),
    ...loads,
  };
}

function pingOf(id: string): { readonly type: string; readonly id: string } {
  return { type: "ping", id };
}

/** The bench. */
export const ping: Bench = {
  name: "ping",
  title: `ping, validated, and pong on ${SOCKETS} sockets, ${WINDOW} under way on each`,
  targets: ["raw", "drawbridge", "ws", "socket.io"],
  figures: [
    { name: "perSecond", unit: "pongs a second" },
    { name: "serverMicros", unit: "µs of processor a ping", digits: 1 },
    ...LOADS,
  ],
  goals: [
    {
      work: "validated ping and pong, 50 sockets",
      figure: "perSecond",
      kind: "ratio",
      atLeast: 0.75,
    },
  ],
  measure,
};
