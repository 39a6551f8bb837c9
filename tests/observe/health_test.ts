import { assertEquals, assertFalse, assertStringIncludes } from "@std/assert";
import {
  healthDocument,
  type HealthOptions,
  type HealthReport,
  livenessDocument,
  readinessDocument,
  type ServiceProbe,
  startupDocument,
} from "../../lib/observe/health.ts";
import type { StartupReport } from "../../lib/http/health.ts";
import type { BarrierState } from "../../lib/startup/states.ts";

const OPTIONS: HealthOptions = { showErrors: false, nowMs: 0 };
const TIME = "1970-01-01T00:00:00.000Z";

const STORE: ServiceProbe = { name: "store", critical: true, ok: true, durationMs: 1.4 };
const MODEL: ServiceProbe = { name: "model", critical: false, ok: true, durationMs: 20 };

function makeStartup(state: BarrierState): StartupReport {
  return {
    state,
    attempt: 2,
    durationMs: 1234.5,
    phases: [
      { name: "store", critical: true, status: "ok", attempts: 3, durationMs: 10.2 },
      { name: "model", critical: false, status: "failed", attempts: 4, durationMs: 4_000 },
    ],
  };
}

function makeReport(more: Partial<HealthReport> = {}): HealthReport {
  return { startup: makeStartup("ready"), probes: [STORE, MODEL], degraded: [], ...more };
}

Deno.test("livenessDocument passes whatever the state", () => {
  assertEquals(livenessDocument(), { httpStatus: 200, body: { status: "pass" } });
});

Deno.test("startupDocument is 200 once ready and 503 in every other state", () => {
  const states: [BarrierState, number, string][] = [
    ["starting", 503, "fail"],
    ["ready", 200, "pass"],
    ["failed", 503, "fail"],
    ["draining", 503, "fail"],
  ];
  for (const [state, httpStatus, status] of states) {
    const answer = startupDocument(makeStartup(state));
    assertEquals([answer.httpStatus, answer.body.status], [httpStatus, status]);
  }
});

Deno.test("startupDocument shows each phase's status, attempts and whole milliseconds", () => {
  assertEquals(startupDocument(makeStartup("ready")).body.startup, {
    state: "ready",
    attempt: 2,
    durationMs: 1235,
    phases: [
      { name: "store", critical: true, status: "ok", attempts: 3, durationMs: 10 },
      { name: "model", critical: false, status: "failed", attempts: 4, durationMs: 4_000 },
    ],
  });
});

for (const build of [readinessDocument, healthDocument]) {
  Deno.test(`${build.name} passes when ready and every service answers`, () => {
    const { httpStatus, body } = build(makeReport(), OPTIONS);
    assertEquals([httpStatus, body.status], [200, "pass"]);
  });

  Deno.test(`${build.name} fails with 503 until ready, after a failure and while draining`, () => {
    for (const state of ["starting", "failed", "draining"] as const) {
      const { httpStatus, body } = build(makeReport({ startup: makeStartup(state) }), OPTIONS);
      assertEquals([httpStatus, body.status], [503, "fail"]);
    }
  });

  Deno.test(`${build.name} fails with 503 when a critical service is lost`, () => {
    const probes = [{ ...STORE, ok: false }, MODEL];
    const { httpStatus, body } = build(makeReport({ probes, degraded: ["model"] }), OPTIONS);
    assertEquals([httpStatus, body.status], [503, "fail"]);
  });

  Deno.test(`${build.name} warns with 200 when an optional service is lost`, () => {
    for (const more of [{ probes: [STORE, { ...MODEL, ok: false }] }, { degraded: ["model"] }]) {
      const { httpStatus, body } = build(makeReport(more), OPTIONS);
      assertEquals([httpStatus, body.status], [200, "warn"]);
    }
  });
}

Deno.test("healthDocument has one check for each service, probed, degraded or only built", () => {
  const probes = [{ ...STORE, ok: false }, MODEL];
  const startup = makeStartup("ready");
  const keys = { name: "keys", critical: true, status: "ok", attempts: 1, durationMs: 1 } as const;
  const agents = { ...keys, name: "agents", status: "failed" } as const;
  const { body } = healthDocument(
    makeReport({
      probes,
      degraded: ["model", "recovery"],
      startup: { ...startup, phases: [keys, ...startup.phases, agents] },
    }),
    OPTIONS,
  );
  const common = { componentType: "component", time: TIME } as const;
  assertEquals(body.checks, {
    store: [{ status: "fail", observedValue: 1, observedUnit: "ms", ...common }],
    model: [{ status: "warn", observedValue: 20, observedUnit: "ms", ...common }],
    recovery: [{ status: "warn", ...common }],
    keys: [{ status: "pass", ...common }],
    agents: [{ status: "fail", ...common }],
  });
  const phases = body.startup?.phases.map(({ name }) => name);
  assertEquals(phases, ["keys", "store", "model", "agents"]);
});

Deno.test("healthDocument shows a failed probe's text in development only, masked", () => {
  const error = new Error("refused http://user:pass@10.0.0.7/kv?a=b", {
    cause: new Error("/data/kv.sqlite"),
  });
  const report = makeReport({ probes: [{ ...STORE, ok: false, error }] });
  const shown = healthDocument(report, { ...OPTIONS, showErrors: true });
  assertEquals(
    shown.body.checks?.store?.[0]?.output,
    "refused http://[redacted]@10.0.0.7/kv?[redacted]",
  );
  const hidden = JSON.stringify([
    healthDocument(report, OPTIONS),
    readinessDocument(report, OPTIONS),
  ]);
  for (const text of ["refused", "10.0.0.7", "output"]) assertFalse(hidden.includes(text));
});

Deno.test("health documents leave out whatever else a report carries", () => {
  const phase = { name: "store", critical: true, status: "failed", attempts: 1, durationMs: 1 };
  const startup = Object.assign(makeStartup("failed"), {
    cause: "swordfish",
    phases: [Object.assign(phase, { error: new Error("swordfish"), detail: "swordfish" })],
  });
  const report = { ...makeReport(), startup: startup as StartupReport };
  const text = JSON.stringify([
    startupDocument(report.startup),
    healthDocument(report, OPTIONS),
    readinessDocument(report, OPTIONS),
  ]);
  assertStringIncludes(text, "store");
  assertFalse(text.includes("swordfish"));
});
