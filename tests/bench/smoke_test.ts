import { assert, assertEquals } from "@std/assert";
import { needsServer } from "../support/server_process.ts";
import { runBench } from "./bench.ts";
import { BENCHES } from "./benches/mod.ts";

/** The peers need packages that a test must not install. */
const OWN = ["drawbridge", "raw", "bare"];

for (const bench of BENCHES.values()) {
  const [first = ""] = bench.targets;
  const only = bench.name.startsWith("growth-") ? [first] : OWN;
  Deno.test({
    ...needsServer(`bench ${bench.name} measures everything that its goals name, in little`),
    async fn() {
      const { samples, missing } = await runBench(bench, { size: "tiny", repetitions: 1, only });
      assertEquals(missing, {});
      const measured = Object.values(samples).flatMap((figures) => figures ?? []);
      for (const figures of measured) {
        for (const [name, value] of Object.entries(figures)) assert(Number.isFinite(value), name);
      }
      for (const { figure, target = "drawbridge" } of bench.goals) {
        if (samples[target] !== undefined) assert(figure in samples[target][0]!, figure);
      }
      assertEquals(Object.keys(samples), bench.targets.filter((target) => only.includes(target)));
    },
  });
}
