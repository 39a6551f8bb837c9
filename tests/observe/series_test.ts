import { assertEquals } from "@std/assert";
import type { TokenVerifier } from "../../lib/auth/verifier.ts";
import { bootstrap } from "../../lib/bootstrap.ts";
import { closeLabel, closeNotes } from "../../lib/chat/close_codes.ts";
import { loadConfig } from "../../lib/config.ts";
import { KNOWN_SERIES, PHASES } from "../../lib/observe/known_series.ts";
import { logger } from "../../lib/observe/log.ts";
import {
  type MetricDefinition,
  type MetricName,
  METRICS,
  Metrics,
} from "../../lib/observe/metrics.ts";
import { SeriesTable } from "../../lib/observe/series.ts";
import { Tracing } from "../../lib/observe/tracing.ts";
import type { Services } from "../../lib/services.ts";
import { StartupBarrier } from "../../lib/startup/barrier.ts";

/** A table, and what it wrote: `name{values} value`, from after its making. */
function makeTable(): { table: SeriesTable; opened: string[]; written: string[] } {
  const opened: string[] = [];
  const written: string[] = [];
  const table = new SeriesTable((name, labels) => {
    const series = `${name}{${Object.values(labels).join()}}`;
    opened.push(series);
    return (value) => void written.push(`${series} ${value}`);
  });
  return { table, opened, written };
}

Deno.test("SeriesTable opens every known series at once, counters and gauges at 0", () => {
  const { opened, written } = makeTable();
  const known = Object.entries(KNOWN_SERIES).flatMap(([name, all]) =>
    all.map((labels) => ({ name: name as MetricName, labels }))
  );
  assertEquals(opened, known.map(({ name, labels }) => `${name}{${Object.values(labels).join()}}`));
  const zeroed = known.filter(({ name }) => METRICS[name].kind !== "histogram");
  assertEquals(
    written,
    zeroed.map(({ name, labels }) => `${name}{${Object.values(labels).join()}} 0`),
  );
});

Deno.test("every metric has known series, with exactly its labels", () => {
  for (const [name, { labels }] of Object.entries<MetricDefinition>(METRICS)) {
    const known: readonly object[] = KNOWN_SERIES[name as MetricName] ?? [];
    assertEquals(known.length > 0, true, name);
    for (const series of known) assertEquals(Object.keys(series), [...labels], name);
  }
});

Deno.test("the known phases are the bootstrap's, in its order", async () => {
  const { startup, stopTelemetry } = await bootstrap({
    config: loadConfig({ APP_ENV: "test" }),
    metrics: new Metrics(),
    tracing: new Tracing(),
    log: logger("test"),
    instanceId: "i",
    onDeploy: false,
    services: new StartupBarrier<Services>(),
    keys: new StartupBarrier<TokenVerifier>(),
  });
  assertEquals(startup.report().phases.map(({ name }) => name), [...PHASES]);
  await startup.stop();
  stopTelemetry();
});

Deno.test("every close is counted in a series that is known", () => {
  const known = new Set(KNOWN_SERIES.closes_total?.map(({ code }) => code));
  const own = closeNotes().map(({ code }) => closeLabel(code, 1000));
  const peers = [0, 1000, 1001, 1005, 1006, 3000, 4999].map((code) => closeLabel(null, code));
  assertEquals([...own, ...peers].filter((label) => !known.has(label)), []);
  assertEquals(known.size, new Set([...own, ...peers]).size);
});

Deno.test("SeriesTable adds counters up and keeps a gauge's last value, until it is flushed", () => {
  const { table, written } = makeTable();
  written.length = 0;
  const frames = { direction: "in", type: "ping" };
  table.take({ name: "frames_total", labels: frames, value: 1 });
  table.take({ name: "frames_total", labels: frames, value: 2 });
  table.take({ name: "connections", labels: {}, value: 7 });
  table.take({ name: "connections", labels: {}, value: 5 });
  assertEquals(written, []);
  table.flush();
  assertEquals(written, ["frames_total{in,ping} 3", "connections{} 5"]);
  table.take({ name: "frames_total", labels: frames, value: 4 });
  table.flush();
  table.flush();
  assertEquals(written.slice(2), ["frames_total{in,ping} 4"]);
});

Deno.test("SeriesTable hands a histogram's samples on at once", () => {
  const { table, written } = makeTable();
  written.length = 0;
  table.take({ name: "store_operation_seconds", labels: { operation: "get" }, value: 0.5 });
  assertEquals(written, ["store_operation_seconds{get} 0.5"]);
});

Deno.test("SeriesTable takes what is no measurement without a word", () => {
  const { table, written } = makeTable();
  written.length = 0;
  for (const value of [NaN, Infinity, -1]) {
    table.take({ name: "messages_stored_total", labels: {}, value });
  }
  table.take({ name: "unheard_of" as MetricName, labels: {}, value: 1 });
  table.flush();
  assertEquals(written, []);
});
