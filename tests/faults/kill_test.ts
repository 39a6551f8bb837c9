/**
 * Promises 7.1 to 7.7 of the contract, from outside, while the server is killed under load. Seeded:
 * `DRAWBRIDGE_FAULT_SEED` repeats a run, `DRAWBRIDGE_FAULT_KILLS` makes it longer.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { needsServer } from "../support/server_process.ts";
import { checkHistory } from "./checker.ts";
import { killAgainAndAgain } from "./kill_run.ts";
import { isOfflineAnswer } from "./workload.ts";

const KILLS = 6;

Deno.test({
  ...needsServer("a server killed under load keeps what it promised to its clients"),
  async fn() {
    const seed = Number(Deno.env.get("DRAWBRIDGE_FAULT_SEED") ?? Date.now() % 1_000_000);
    const kills = Number(Deno.env.get("DRAWBRIDGE_FAULT_KILLS") ?? KILLS);
    console.log(`DRAWBRIDGE_FAULT_SEED=${seed} DRAWBRIDGE_FAULT_KILLS=${kills}`);
    const { history, figures, complaints } = await killAgainAndAgain({
      seed,
      kills,
      subjects: ["alice", "bob", "carol"],
      // They make the end take longer, too.
      longShare: kills > KILLS ? 0.03 : 0,
    });
    console.log(JSON.stringify(figures, null, 2));
    const violations = checkHistory(history, isOfflineAnswer);
    assertEquals({ violations: violations.slice(0, 20), complaints }, {
      violations: [],
      complaints: [],
    });
    // A run without load would promise nothing.
    assertEquals(figures.kills, kills);
    assert(figures.acked > 10 * kills, `only ${figures.acked} messages were acknowledged`);
    assert(figures.takeovers > 0, "no run was taken over");
    assert(figures.restartToResumed.count > 0, "no stream was resumed");
  },
});
