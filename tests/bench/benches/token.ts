/**
 * The token check by itself, beside the library's own on an imported key; and that connections
 * import no key and are verified once.
 *
 * @module
 */
import { jwtVerify } from "jose";
import { loadKeys } from "../../../lib/auth/keys.ts";
import { TokenVerifier } from "../../../lib/auth/verifier.ts";
import { type Bench, type Figures, MissingTarget, type Size, type TargetName } from "../bench.ts";
import { Crowd } from "../support/crowd.ts";
import { SECRET, tokens } from "../support/tokens.ts";
import { startOpen } from "../targets.ts";

const CHECKS: Readonly<Record<Size, number>> = { full: 100_000, quick: 20_000, tiny: 100 };
const CONNECTIONS = 100;
const ALGORITHMS = ["HS256"];

async function measure(name: TargetName, size: Size): Promise<Figures> {
  const some = await tokens(CONNECTIONS);
  const verify = await verifierOf(name);
  const rounds = CHECKS[size] / CONNECTIONS;
  const play = async (rounds: number): Promise<number> => {
    const startedMs = performance.now();
    for (let round = 0; round < rounds; round++) await Promise.all(some.map(verify));
    return performance.now() - startedMs;
  };
  await play(Math.ceil(rounds / 10));
  const perSecond = rounds * CONNECTIONS * 1_000 / await play(rounds);
  return name === "raw" ? { perSecond } : { perSecond, ...await callsOf(some) };
}

async function verifierOf(name: TargetName): Promise<(token: string) => Promise<unknown>> {
  if (name === "drawbridge") {
    const { signal } = new AbortController();
    const keys = await loadKeys({ kind: "secret", secret: SECRET, algorithms: ALGORITHMS }, {
      signal,
    });
    const verifier = new TokenVerifier(keys, { algorithms: ALGORITHMS });
    return (token) => verifier.verify(token);
  }
  if (name !== "raw") throw new MissingTarget("tokens are checked by this server and by jose");
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const secret = new TextEncoder().encode(SECRET);
  const key = await crypto.subtle.importKey("raw", secret, algorithm, false, ["verify"]);
  return (token) => jwtVerify(token, key, { algorithms: ALGORITHMS });
}

/** What connections make the server do. */
async function callsOf(some: readonly string[]): Promise<Figures> {
  await using target = await startOpen("drawbridge");
  const before = await target.counts();
  using crowd = new Crowd("drawbridge", target);
  await crowd.open(some);
  const after = await target.counts();
  return {
    imports: (after.imports - before.imports) / some.length,
    verifications: (after.verifications - before.verifications) / some.length,
  };
}

/** The bench. */
export const token: Bench = {
  name: "token",
  title: "Token checks, 100 at a time, and what a connection costs of them; raw is jose alone",
  targets: ["raw", "drawbridge"],
  figures: [
    { name: "perSecond", unit: "token checks a second" },
    { name: "imports", unit: "keys imported a connection", digits: 2 },
    { name: "verifications", unit: "verifications a connection", digits: 2 },
  ],
  goals: [
    { work: "keys imported by connections", figure: "imports", kind: "value", atMost: 0 },
    { work: "tokens verified by connections", figure: "verifications", kind: "value", atMost: 1 },
  ],
  measure,
};
