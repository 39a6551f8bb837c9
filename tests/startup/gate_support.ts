/**
 * A gate for tests: its parts, callers, and what it recorded.
 *
 * @module
 */
import { AppError, type ErrorCode } from "../../lib/errors.ts";
import { Metrics, type Sample } from "../../lib/observe/metrics.ts";
import { StartupBarrier } from "../../lib/startup/barrier.ts";
import { Gate } from "../../lib/startup/gate.ts";
import type { Passage } from "../../lib/startup/passage.ts";
import { WaitingRoom } from "../../lib/startup/waiting_room.ts";
import { fakeNow, noJitter, watch, type Watched } from "./support.ts";

/** What the gate of the tests guards. */
export interface Services {
  readonly greeting: string;
}

/** Who passes it. */
export interface Person {
  readonly subject: string;
}

/** Verifies a token that is its subject; the token `bad` is refused. */
export type Verifier = (token: string) => Promise<Person>;

/** The services of the tests. */
export const services: Services = { greeting: "hello" };

/** The verifier of the tests. */
export const verifier: Verifier = (token: string): Promise<Person> =>
  token === "bad"
    ? Promise.reject(new AppError("UNAUTHENTICATED"))
    : Promise.resolve({ subject: token });

/** A caller at the gate, and how it went. */
export interface Visitor {
  /** The caller leaves. */
  leave(): void;
  /** Listens and aborts as the request's signal does. */
  readonly signal: AbortSignal;
  /** How it went, once it did. */
  readonly seen: Watched<Passage<Services, Person>>;
}

/** The bounds and the pace of a gate's room. */
export interface GateSetup {
  readonly total: number;
  readonly perSubject: number;
  readonly yieldToLoop: () => Promise<void>;
}

/** How a caller comes: its deadline, and how it is verified if not by its token. */
export interface Coming {
  readonly deadlineMs?: number;
  readonly verify?: (known: Verifier) => Promise<Person>;
}

/** A gate, its parts, and what it recorded. */
export interface GateParts {
  readonly gate: Gate<Services, Verifier>;
  readonly barrier: StartupBarrier<Services>;
  readonly keys: StartupBarrier<Verifier>;
  readonly room: WaitingRoom;
  readonly samples: readonly Sample[];
  /** A caller with that token comes to the gate. */
  come(token: string, coming?: Coming): Visitor;
}

const atOnce = (): Promise<void> => Promise.resolve();

/** Makes a gate of real parts over fake time; `total` and `perSubject` bound its room. */
export function newGate(
  { total = 1_000, perSubject = 1_000, yieldToLoop = atOnce }: Partial<GateSetup> = {},
): GateParts {
  const barrier = new StartupBarrier<Services>({ random: noJitter });
  const keys = new StartupBarrier<Verifier>({ random: noJitter });
  const room = new WaitingRoom({
    total,
    perSubject,
    yieldToLoop,
  });
  const metrics = new Metrics();
  const samples: Sample[] = [];
  metrics.attach((sample) => samples.push(sample));
  const options = { services: barrier, keys, room, metrics, random: noJitter, now: fakeNow };
  const gate = new Gate<Services, Verifier>(options);
  const come: GateParts["come"] = (token, { deadlineMs = 30_000, verify } = {}) => {
    const caller = new AbortController();
    const { signal } = caller;
    const seen = watch(
      gate.pass({ deadlineMs, signal, authenticate: verify ?? ((known) => known(token)) }),
    );
    return { leave: () => caller.abort(), signal, seen };
  };
  return { gate, barrier, keys, room, samples, come };
}

/** One word for how it went: the verdict of who was admitted, the code of who was refused. */
export function outcome({ seen }: Visitor): string | undefined {
  const passage = seen.value;
  if (passage === undefined) return undefined;
  if (passage.kind === "admitted") return passage.verdict.kind;
  return passage.kind === "refused" ? passage.error.code satisfies ErrorCode : passage.kind;
}
