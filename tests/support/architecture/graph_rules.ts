/**
 * Rules on who may import whom. Each takes the graph and returns its violations as sentences.
 *
 * @module
 */
import type { ModuleGraph } from "./graph.ts";

/** Modules that run in a browser as they are. */
const BROWSER_SAFE = [
  "lib/errors.ts",
  "lib/limits.ts",
  "lib/chat/entries.ts",
  "lib/chat/protocol.ts",
];

/** Whether `path` is the module `name`, or one of the folder of that name that it is split into. */
function isPartOf(path: string, name: string): boolean {
  return path === `${name}.ts` || path.startsWith(`${name}/`);
}

/** `errors`, `limits` and `chat/protocol` import each other and zod; `client/` imports these and itself. */
export function browserSafeModulesStayPure(graph: ModuleGraph): string[] {
  const allowed = (from: string, to: string): boolean => {
    if (BROWSER_SAFE.includes(to)) return true;
    if (from.startsWith("lib/client/")) return to.startsWith("lib/client/") || to === "zod";
    return to === "zod";
  };
  return edges(graph)
    .filter(([from]) => BROWSER_SAFE.includes(from) || from.startsWith("lib/client/"))
    .filter(([from, to]) => !allowed(from, to))
    .map(([from, to]) => `${from} must run in a browser, but imports ${to}`);
}

/** Where the chat page's application is. */
const PAGE = "routes/page/app/";

/** What the application may use besides itself and what is browser-safe. */
const PAGE_MODULES = ["lib/client/", "lib/agents/fold.ts"];
const PAGE_PACKAGES = ["preact", "@preact/signals", "marked", "@speed-highlight/core"];

/** The chat page runs in a browser, beside the client; the server knows its built files only. */
export function pageStaysInTheBrowser(graph: ModuleGraph): string[] {
  const allowed = (to: string): boolean =>
    to.startsWith(PAGE) || BROWSER_SAFE.includes(to) ||
    PAGE_MODULES.some((known) => known.endsWith("/") ? to.startsWith(known) : to === known) ||
    PAGE_PACKAGES.some((known) => to === known || to.startsWith(`${known}/`));
  return [
    ...edges(graph)
      .filter(([from, to]) => from.startsWith(PAGE) && !allowed(to))
      .map(([from, to]) => `${from} must run in a browser, but imports ${to}`),
    ...edges(graph)
      .filter(([from, to]) => to.startsWith(PAGE) && !from.startsWith(PAGE))
      .filter(([from]) => !from.startsWith("tests/"))
      .map(([from, to]) => `${from} imports ${to}, which runs in a browser`),
  ];
}

/** Only bootstrap imports adapters; an adapter may be made of several modules of the list. */
export function onlyBootstrapImportsAdapters(
  graph: ModuleGraph,
  adapters: readonly string[],
): string[] {
  const missing = adapters
    .filter((adapter) => !graph.has(adapter))
    .map((adapter) => `${adapter} is listed as an adapter, but does not exist`);
  const violations = edges(graph)
    .filter(([from, to]) => adapters.includes(to) && !adapters.includes(from))
    .filter(([from]) => !isPartOf(from, "lib/bootstrap"))
    .map(([from, to]) => `${from} imports the adapter ${to}; only bootstrap may`);
  return [...missing, ...violations];
}

/** Only main imports bootstrap, dynamically too. */
export function onlyMainImportsBootstrap(graph: ModuleGraph): string[] {
  return edges(graph)
    .filter(([from, to]) => isPartOf(to, "lib/bootstrap") && !isPartOf(from, "lib/bootstrap"))
    .filter(([from]) => from !== "main.ts")
    .map(([from, to]) => `${from} imports ${to}; only main.ts may`);
}

/** Nothing below `chat/session` knows Hono. */
export function sessionKnowsNoHono(graph: ModuleGraph): string[] {
  return [...reachable(graph, "lib/chat/session.ts")].flatMap((path) =>
    (graph.get(path) ?? [])
      .filter((to) => to === "hono" || to.startsWith("hono/") || to.startsWith("routes/"))
      .map((to) => `lib/chat/session.ts reaches ${to} through ${path}`)
  );
}

/** One module knows the telemetry library; all others trace and measure through ports. */
export function telemetryStaysBehindItsPort(graph: ModuleGraph): string[] {
  return edges(graph)
    .filter(([from, to]) =>
      to.startsWith("@opentelemetry/") && from !== "lib/observe/opentelemetry.ts"
    )
    .map(([from, to]) => `${from} imports ${to}; only lib/observe/opentelemetry.ts may`);
}

/** `lib/` is below `routes/`, `main.ts` and the tests; the product never imports a test's helper. */
export function importsPointDownwards(graph: ModuleGraph): string[] {
  return edges(graph)
    .filter(([from]) => !from.startsWith("tests/"))
    .filter(([from, to]) =>
      to.startsWith("tests/") || to === "main.ts" ||
      (to.startsWith("routes/") && from.startsWith("lib/") && !isPartOf(from, "lib/bootstrap"))
    )
    .map(([from, to]) => `${from} imports ${to}, which is above it`);
}

/** No module reaches itself. */
export function noCycles(graph: ModuleGraph): string[] {
  const done = new Set<string>();
  const violations: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start !== -1) {
      violations.push(`cyclic import: ${[...trail.slice(start), path].join(" → ")}`);
      return;
    }
    if (done.has(path)) return;
    for (const to of graph.get(path) ?? []) visit(to, [...trail, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  return violations;
}

function edges(graph: ModuleGraph): [from: string, to: string][] {
  return [...graph].flatMap(([from, targets]) => targets.map((to): [string, string] => [from, to]));
}

function reachable(graph: ModuleGraph, start: string): Set<string> {
  const found = new Set<string>([start]);
  for (const path of found) for (const to of graph.get(path) ?? []) found.add(to);
  return found;
}
