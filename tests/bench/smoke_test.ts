import { assert, assertEquals } from "@std/assert";
import { needsServer, TempFolder } from "../support/server_process.ts";
import { BENCHES } from "./benches/mod.ts";
import { readResults } from "./results.ts";

Deno.test({
  ...needsServer("every bench measures, in little, everything that its goals name"),
  async fn() {
    await using folder = new TempFolder();
    // In a process of its own: what a process costs may be read only with every permission.
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--no-prompt", "--allow-all", new URL("main.ts", import.meta.url).pathname],
        ...["--tiny", `--results=${folder.path}`],
      ],
      stdout: "null",
      stderr: "piped",
    }).output();
    assert(success, new TextDecoder().decode(stderr));
    const results = await readResults({ folder: folder.path });
    assertEquals(new Set(results.keys()), new Set(BENCHES.keys()));
    for (const bench of BENCHES.values()) {
      const { samples } = results.get(bench.name)!;
      const [first = ""] = bench.targets;
      assert((samples[first] ?? samples.drawbridge ?? []).length === 1, bench.name);
      for (const [target, [figures = {}] = []] of Object.entries(samples)) {
        for (const { figure, target: whose = "drawbridge" } of bench.goals) {
          if (whose !== target) continue;
          assert(
            typeof figures[figure] === "number",
            `${bench.name} ${figure}: ${figures[figure]}`,
          );
        }
      }
    }
  },
});
