import { assert, assertEquals, assertFalse, assertMatch, assertStringIncludes } from "@std/assert";
import { METRICS, Metrics } from "../../lib/observe/metrics.ts";
import { createPrometheus } from "../../lib/observe/prometheus.ts";

function makeMetrics() {
  const prometheus = createPrometheus({ residentBytes: () => 4_096 });
  const metrics = new Metrics();
  metrics.attach(prometheus.sink);
  const lines = async () => (await prometheus.render()).body.split("\n");
  return { metrics, prometheus, lines };
}

Deno.test("createPrometheus describes every metric with prefix, help and type", async () => {
  const { lines } = makeMetrics();
  const text = await lines();
  for (const [name, { kind, help }] of Object.entries(METRICS)) {
    assert(text.includes(`# HELP drawbridge_${name} ${help}`), name);
    assert(text.includes(`# TYPE drawbridge_${name} ${kind}`), name);
  }
});

Deno.test("createPrometheus renders the text format with its content type", async () => {
  const { contentType } = await createPrometheus().render();
  assertMatch(contentType, /^text\/plain; version=0\.0\.4/);
});

Deno.test("createPrometheus adds to counters, sets gauges and observes histograms", async () => {
  const { metrics, lines } = makeMetrics();
  metrics.record("closes_total", { code: "1012" });
  metrics.record("closes_total", { code: "1012" }, 2);
  metrics.record("connections", {}, 5);
  metrics.record("connections", {}, 4);
  metrics.record("gate_wait_seconds", { verdict: "ready" }, 0.2);
  const text = await lines();
  assert(text.includes('drawbridge_closes_total{code="1012"} 3'));
  assert(text.includes("drawbridge_connections 4"));
  assert(text.includes('drawbridge_gate_wait_seconds_bucket{le="0.1",verdict="ready"} 0'));
  assert(text.includes('drawbridge_gate_wait_seconds_bucket{le="0.25",verdict="ready"} 1'));
  assert(text.includes('drawbridge_gate_wait_seconds_bucket{le="+Inf",verdict="ready"} 1'));
  assert(text.includes('drawbridge_gate_wait_seconds_sum{verdict="ready"} 0.2'));
});

Deno.test("createPrometheus renders what was recorded before it was attached", async () => {
  const metrics = new Metrics();
  metrics.record("messages_stored_total", {});
  const { sink, render } = createPrometheus();
  metrics.attach(sink);
  assertStringIncludes((await render()).body, "drawbridge_messages_stored_total 1\n");
});

Deno.test("createPrometheus reads resident memory at each scrape", async () => {
  const { lines } = makeMetrics();
  assert((await lines()).includes("process_resident_memory_bytes 4096"));
});

Deno.test("createPrometheus ignores what is no measurement, without throwing", async () => {
  const { metrics, lines } = makeMetrics();
  for (const value of [NaN, Infinity, -1]) metrics.record("messages_stored_total", {}, value);
  for (const value of [NaN, Infinity]) metrics.record("connections", {}, value);
  const text = await lines();
  assert(text.includes("drawbridge_messages_stored_total 0"));
  assert(text.includes("drawbridge_connections 0"));
});

Deno.test("createPrometheus counts as other what a client's labels would add without end", async () => {
  const { metrics, lines } = makeMetrics();
  for (let code = 3_000; code < 3_500; code++) metrics.record("closes_total", { code: `${code}` });
  metrics.record("closes_total", { code: "3000" });
  const series = (await lines()).filter((line) => line.startsWith("drawbridge_closes_total{"));
  assertEquals(series.length, 200);
  assert(series.includes('drawbridge_closes_total{code="3000"} 2'));
  const counts = series.map((line) => Number(line.split(" ")[1]));
  assertEquals(counts.reduce((all, count) => all + count), 501);
  assert(series.some((line) => /code="other"} [1-9]\d\d$/.test(line)));
});

Deno.test("createPrometheus makes registries that share nothing", async () => {
  const [one, other] = [makeMetrics(), makeMetrics()];
  one.metrics.record("connections", {}, 9);
  assertFalse((await other.lines()).includes("drawbridge_connections 9"));
});

Deno.test("createPrometheus keeps what is observed before and after its library is loaded", async () => {
  const { metrics, lines } = makeMetrics();
  const count = async () => {
    const text = (await lines()).join("\n");
    return /store_operation_seconds_count{operation="get"} (\d+)/.exec(text)?.[1];
  };
  for (let at = 0; at < 3; at++) {
    metrics.record("store_operation_seconds", { operation: "get" }, 0.1);
  }
  assertEquals(await count(), "3");
  metrics.record("store_operation_seconds", { operation: "get" }, 0.1);
  metrics.record("closes_total", { code: "1012" });
  assertEquals(await count(), "4");
  assert((await lines()).includes('drawbridge_closes_total{code="1012"} 1'));
});

Deno.test("createPrometheus loads its library before it keeps too much", async () => {
  const { metrics, lines } = makeMetrics();
  for (let at = 0; at < 100_001; at++) {
    metrics.record("run_first_chunk_seconds", {}, 0.1);
  }
  await import("../../lib/observe/prometheus_registry.ts");
  const counted = /run_first_chunk_seconds_count (\d+)/.exec((await lines()).join("\n"))?.[1];
  assert(Number(counted) > 99_900, counted);
  metrics.record("run_first_chunk_seconds", {}, 0.1);
  const more = /run_first_chunk_seconds_count (\d+)/.exec((await lines()).join("\n"))?.[1];
  assertEquals(Number(more), Number(counted) + 1);
});
