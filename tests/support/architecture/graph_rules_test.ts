import { assertEquals, assertThrows } from "@std/assert";
import { type ModuleGraph, parseGraph } from "./graph.ts";
import {
  browserSafeModulesStayPure,
  importsPointDownwards,
  noCycles,
  onlyBootstrapImportsAdapters,
  onlyMainImportsBootstrap,
  pageStaysInTheBrowser,
  sessionKnowsNoHono,
  telemetryStaysBehindItsPort,
} from "./graph_rules.ts";

const ROOT = new URL("file:///project/");

function graphOf(edges: Record<string, readonly string[]>): ModuleGraph {
  return new Map(Object.entries(edges));
}

Deno.test("parseGraph keeps static, dynamic and type imports, packages by the name written", () => {
  const graph = parseGraph({
    modules: [
      { specifier: "file:///tmp/entry.ts", dependencies: [] },
      { specifier: "npm:/zod@4.0.0" },
      {
        specifier: "file:///project/lib/a.ts",
        dependencies: [
          { specifier: "./b.ts", code: { specifier: "file:///project/lib/b.ts" } },
          { specifier: "./c.ts", type: { specifier: "file:///project/lib/c.ts" } },
          {
            specifier: "zod",
            code: { specifier: "npm:zod@^4" },
            type: { specifier: "npm:zod@^4" },
          },
        ],
      },
    ],
  }, ROOT);
  assertEquals(graph, graphOf({ "lib/a.ts": ["lib/b.ts", "lib/c.ts", "zod"] }));
});

Deno.test("parseGraph refuses a graph with a module that cannot be read", () => {
  const modules = [{ specifier: "file:///project/lib/a.ts", error: "Module not found" }];
  assertThrows(() => parseGraph({ modules }, ROOT), Error, "lib/a.ts: Module not found");
});

Deno.test("browserSafeModulesStayPure allows zod, each other and the client's own modules", () => {
  const graph = graphOf({
    "lib/errors.ts": [],
    "lib/chat/protocol.ts": ["zod", "lib/errors.ts", "lib/limits.ts"],
    "lib/client/mod.ts": ["lib/client/socket.ts", "lib/chat/protocol.ts"],
  });
  assertEquals(browserSafeModulesStayPure(graph), []);
});

Deno.test("browserSafeModulesStayPure refuses any other import", () => {
  const graph = graphOf({
    "lib/limits.ts": ["lib/observe/log.ts"],
    "lib/chat/protocol.ts": ["lib/client/mod.ts"],
    "lib/client/mod.ts": ["jose"],
  });
  assertEquals(browserSafeModulesStayPure(graph), [
    "lib/limits.ts must run in a browser, but imports lib/observe/log.ts",
    "lib/chat/protocol.ts must run in a browser, but imports lib/client/mod.ts",
    "lib/client/mod.ts must run in a browser, but imports jose",
  ]);
});

Deno.test("onlyBootstrapImportsAdapters allows bootstrap and an adapter's own parts", () => {
  const graph = graphOf({
    "lib/bootstrap.ts": ["lib/kv.ts"],
    "lib/bootstrap/store.ts": ["lib/kv.ts"],
    "lib/kv.ts": ["lib/kv_part.ts"],
    "lib/kv_part.ts": [],
  });
  assertEquals(onlyBootstrapImportsAdapters(graph, ["lib/kv.ts", "lib/kv_part.ts"]), []);
});

Deno.test("onlyBootstrapImportsAdapters refuses a rule and a route that import one", () => {
  const graph = graphOf({
    "lib/log.ts": ["lib/kv.ts"],
    "routes/chat.ts": ["lib/kv.ts"],
    "lib/kv.ts": [],
  });
  assertEquals(onlyBootstrapImportsAdapters(graph, ["lib/kv.ts"]), [
    "lib/log.ts imports the adapter lib/kv.ts; only bootstrap may",
    "routes/chat.ts imports the adapter lib/kv.ts; only bootstrap may",
  ]);
});

Deno.test("onlyBootstrapImportsAdapters refuses a list that names a module that is gone", () => {
  assertEquals(onlyBootstrapImportsAdapters(graphOf({}), ["lib/kv.ts"]), [
    "lib/kv.ts is listed as an adapter, but does not exist",
  ]);
});

Deno.test("onlyMainImportsBootstrap refuses a route that imports it", () => {
  const graph = graphOf({
    "main.ts": ["lib/bootstrap.ts"],
    "lib/bootstrap.ts": ["lib/bootstrap/store.ts"],
    "routes/app.ts": ["lib/bootstrap/store.ts"],
  });
  assertEquals(onlyMainImportsBootstrap(graph), [
    "routes/app.ts imports lib/bootstrap/store.ts; only main.ts may",
  ]);
});

Deno.test("sessionKnowsNoHono refuses Hono at any remove", () => {
  const graph = graphOf({
    "lib/chat/session.ts": ["lib/chat/fan_out.ts"],
    "lib/chat/fan_out.ts": ["hono/ws"],
  });
  assertEquals(sessionKnowsNoHono(graph), [
    "lib/chat/session.ts reaches hono/ws through lib/chat/fan_out.ts",
  ]);
  assertEquals(sessionKnowsNoHono(graphOf({ "routes/app.ts": ["hono"] })), []);
});

Deno.test("telemetryStaysBehindItsPort refuses the library everywhere but in its adapter", () => {
  const graph = graphOf({
    "lib/observe/opentelemetry.ts": ["@opentelemetry/api"],
    "lib/startup/gate.ts": ["@opentelemetry/api"],
  });
  assertEquals(telemetryStaysBehindItsPort(graph), [
    "lib/startup/gate.ts imports @opentelemetry/api; only lib/observe/opentelemetry.ts may",
  ]);
});

Deno.test("importsPointDownwards refuses routes, main and tests below their users", () => {
  const graph = graphOf({
    "lib/a.ts": ["routes/app.ts", "main.ts"],
    "routes/app.ts": ["lib/a.ts", "tests/support/fake.ts"],
    "tests/a_test.ts": ["main.ts"],
  });
  assertEquals(importsPointDownwards(graph), [
    "lib/a.ts imports routes/app.ts, which is above it",
    "lib/a.ts imports main.ts, which is above it",
    "routes/app.ts imports tests/support/fake.ts, which is above it",
  ]);
});

Deno.test("noCycles refuses a cycle and names its way round", () => {
  const graph = graphOf({
    "a.ts": ["b.ts"],
    "b.ts": ["c.ts", "d.ts"],
    "c.ts": ["b.ts"],
    "d.ts": [],
  });
  assertEquals(noCycles(graph), ["cyclic import: b.ts → c.ts → b.ts"]);
});

Deno.test("noCycles allows two ways to one module", () => {
  assertEquals(noCycles(graphOf({ "a.ts": ["b.ts", "c.ts"], "b.ts": ["c.ts"], "c.ts": [] })), []);
});

Deno.test("pageStaysInTheBrowser takes the client and the page's packages, and keeps the rest apart", () => {
  const graph = graphOf({
    "routes/page/app/main.tsx": ["preact", "preact/hooks", "routes/page/app/ui/a.tsx"],
    "routes/page/app/ui/a.tsx": ["lib/client/mod.ts", "lib/chat/protocol.ts", "lib/agents/fold.ts"],
    "tests/page/a_test.ts": ["routes/page/app/ui/a.tsx"],
  });
  assertEquals(pageStaysInTheBrowser(graph), []);
  const broken = graphOf({
    "routes/page/app/main.tsx": ["hono", "lib/config.ts", "lib/agents/fold.ts.ts", "preacted"],
    "routes/page/page.ts": ["routes/page/app/main.tsx"],
  });
  assertEquals(pageStaysInTheBrowser(broken), [
    "routes/page/app/main.tsx must run in a browser, but imports hono",
    "routes/page/app/main.tsx must run in a browser, but imports lib/config.ts",
    "routes/page/app/main.tsx must run in a browser, but imports lib/agents/fold.ts.ts",
    "routes/page/app/main.tsx must run in a browser, but imports preacted",
    "routes/page/page.ts imports routes/page/app/main.tsx, which runs in a browser",
  ]);
});
