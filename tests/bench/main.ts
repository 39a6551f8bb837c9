/**
 * Runs benches: `deno task bench [names] [--quick] [--repetitions=5] [--only=raw,drawbridge] [--results=<folder>]
 * [--profile=<folder>]`.
 * Each runs in a process of its own, which is the load generator, on a core of its own.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { type Bench, runBench, type Size } from "./bench.ts";
import { BENCHES } from "./benches/mod.ts";
import { saveResult } from "./results.ts";
import { PEERS } from "./targets.ts";
import { canPin, pinned } from "./support/cores.ts";
import { describeResult } from "./table.ts";

const { values, positionals } = parseArgs({
  args: Deno.args,
  allowPositionals: true,
  options: {
    quick: { type: "boolean", default: false },
    tiny: { type: "boolean", default: false },
    repetitions: { type: "string" },
    only: { type: "string" },
    results: { type: "string" },
    profile: { type: "string" },
    child: { type: "boolean", default: false },
  },
});
const size: Size = values.tiny ? "tiny" : values.quick ? "quick" : "full";

const chosen = positionals.length === 0 ? [...BENCHES.keys()] : positionals;
const unknown = chosen.filter((name) => !BENCHES.has(name));
if (unknown.length > 0) {
  console.error(`There is no bench ${unknown.join(", ")}: there are ${[...BENCHES.keys()]}`);
  Deno.exit(2);
}

if (values.child || size === "tiny") {
  for (const name of chosen) await measure(BENCHES.get(name)!);
  Deno.exit(0);
}

if (!canPin()) console.log("No core of its own for the generator: it and the server share all.\n");
let failed = 0;
for (const name of chosen) {
  const { command, args } = pinned("generator", [
    ...[Deno.execPath(), "run", "--no-prompt", "--allow-all", new URL(import.meta.url).pathname],
    ...[name, "--child", ...Deno.args.filter((argument) => argument.startsWith("--"))],
  ]);
  const { success } = await new Deno.Command(command, { args, stdin: "null" }).spawn().status;
  if (!success) failed++;
}
if (failed > 0) Deno.exit(1);

/** Runs a bench in this process, prints its table and saves its result. */
async function measure(bench: Bench): Promise<void> {
  const usual = {
    full: bench.repetitions ?? 5,
    quick: Math.min(bench.repetitions ?? 3, 3),
    tiny: 1,
  };
  const repetitions = Number(values.repetitions ?? usual[size]);
  // What keeps the benches from rotting installs no peers.
  const own = size === "tiny" ? bench.targets.filter((name) => !PEERS.includes(name)) : undefined;
  const only = values.only?.split(",") ?? own;
  const result = await runBench(bench, { size, repetitions, only });
  console.log(describeResult(result));
  await saveResult(result, { size, repetitions, folder: values.results });
}
