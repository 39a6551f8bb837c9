import { assertEquals } from "@std/assert";
import config from "../deno.json" with { type: "json" };
import { describeVariables } from "../lib/config/variables.ts";
import { type ModuleGraph, readGraph } from "./support/architecture/graph.ts";
import {
  browserSafeModulesStayPure,
  importsPointDownwards,
  noCycles,
  onlyBootstrapImportsAdapters,
  onlyMainImportsBootstrap,
  pageStaysInTheBrowser,
  sessionKnowsNoHono,
  telemetryStaysBehindItsPort,
} from "./support/architecture/graph_rules.ts";
import {
  readyIsMintedInOnePlace,
  readyIsNeverCast,
  typesThatHoldReady,
} from "./support/architecture/ready_rules.ts";
import {
  denoIsUsedInItsPlaces,
  honoIsNotAugmented,
  modulesAreShort,
  nothingWritesToTheConsole,
} from "./support/architecture/source_rules.ts";
import { needs } from "./support/permissions.ts";

/** The modules that know a database, a model's endpoint or a telemetry library. */
const ADAPTERS = [
  "lib/agents/ai_sdk_model.ts",
  "lib/agents/offline_model.ts",
  "lib/observe/opentelemetry.ts",
  "lib/observe/prometheus.ts",
  "lib/observe/prometheus_registry.ts",
  "lib/threads/kv_connect.ts",
  "lib/threads/kv_store.ts",
];

const ROOT = new URL("../", import.meta.url);
const withGraph = needs("read", "write", "run");
const withSources = needs("read");

/** Read once: every rule looks at the same graph. */
let graph: Promise<ModuleGraph> | undefined;
const readProject = (): Promise<ModuleGraph> =>
  graph ??= productFiles().then((files) => readGraph(ROOT, files));

Deno.test({
  ...withGraph("errors, limits and chat/protocol run in a browser, and client/ imports only these"),
  fn: async () => assertEquals(browserSafeModulesStayPure(await readProject()), []),
});

Deno.test({
  ...withGraph("only bootstrap imports adapters"),
  fn: async () => assertEquals(onlyBootstrapImportsAdapters(await readProject(), ADAPTERS), []),
});

Deno.test({
  ...withGraph("only main imports bootstrap"),
  fn: async () => assertEquals(onlyMainImportsBootstrap(await readProject()), []),
});

Deno.test({
  ...withGraph("chat/session reaches no Hono"),
  fn: async () => assertEquals(sessionKnowsNoHono(await readProject()), []),
});

Deno.test({
  ...withGraph("only one module knows OpenTelemetry"),
  fn: async () => assertEquals(telemetryStaysBehindItsPort(await readProject()), []),
});

Deno.test({
  ...withGraph("lib/ imports neither routes/ nor main nor tests"),
  fn: async () => assertEquals(importsPointDownwards(await readProject()), []),
});

Deno.test({
  ...withGraph("the chat page knows what runs in a browser, and the server knows its files only"),
  fn: async () => assertEquals(pageStaysInTheBrowser(await readProject()), []),
});

Deno.test({
  ...withGraph("no module imports itself through others"),
  fn: async () => assertEquals(noCycles(await readProject()), []),
});

Deno.test({
  ...withSources("Deno's environment, database and upgrade are used in one place each"),
  fn: async () => assertEquals(await violations(denoIsUsedInItsPlaces), []),
});

Deno.test({
  ...withSources("no value is cast to Ready or to a type that holds one"),
  async fn() {
    const sources = await readSources();
    const holding = typesThatHoldReady(sources.values());
    assertEquals(
      [...sources].flatMap(([path, source]) => readyIsNeverCast(path, source, holding)),
      [],
    );
  },
});

Deno.test({
  ...withSources("Ready's constructor stays in the module that declares it"),
  fn: async () => assertEquals(await violations(readyIsMintedInOnePlace), []),
});

Deno.test({
  ...withSources("Ready is declared once"),
  async fn() {
    const declaring = [...await readSources()].filter(([, source]) =>
      /^class Ready\b/m.test(source)
    );
    assertEquals(declaring.map(([path]) => path), ["lib/startup/barrier.ts"]);
  },
});

Deno.test({
  ...withSources("Hono's context is augmented for nobody"),
  fn: async () => assertEquals(await violations(honoIsNotAugmented), []),
});

Deno.test({
  ...withSources("what the product says goes through its log"),
  fn: async () => assertEquals(await violations(nothingWritesToTheConsole), []),
});

Deno.test({
  ...withSources("every module of lib/ and routes/ is short"),
  fn: async () => assertEquals(await violations(modulesAreShort), []),
});

Deno.test("the permission sets dev and start grant exactly the variables of the configuration", () => {
  const variables = describeVariables().map(({ name }) => name).sort();
  assertEquals(config.permissions.start.env.toSorted(), variables);
  assertEquals(config.permissions.dev.env.toSorted(), variables);
});

Deno.test("the deploy section runs the module that the project exports", () => {
  assertEquals(`./${config.deploy.runtime.entrypoint}`, config.exports["."]);
});

async function violations(rule: (path: string, source: string) => string[]): Promise<string[]> {
  return [...await readSources()].flatMap(([path, source]) => rule(path, source));
}

/** The product's own modules, by path: the stand-ins of @std packages are none. */
async function readSources(): Promise<Map<string, string>> {
  const files = await productFiles();
  const read = files.map(async (file): Promise<[string, string]> => [
    file,
    await Deno.readTextFile(new URL(file, ROOT)),
  ]);
  return new Map(await Promise.all(read));
}

async function productFiles(): Promise<string[]> {
  const files = [...await filesBelow("lib/"), ...await filesBelow("routes/"), "main.ts"];
  return files
    .filter((file) => /\.tsx?$/.test(file) && !file.endsWith(".d.ts"))
    .filter((file) => !file.startsWith("lib/std/"))
    .sort();
}

async function filesBelow(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(new URL(folder, ROOT))) {
    const path = `${folder}${name}`;
    if (isDirectory) found.push(...await filesBelow(`${path}/`));
    else found.push(path);
  }
  return found;
}
