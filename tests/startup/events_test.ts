import { assertEquals, assertGreater } from "@std/assert";
import { Metrics, type Sample } from "../../lib/observe/metrics.ts";
import { type StartupEvent, startupRecorder } from "../../lib/startup/events.ts";

function record(...events: StartupEvent[]): Sample[] {
  const metrics = new Metrics();
  const samples: Sample[] = [];
  metrics.attach((sample) => samples.push(sample));
  events.forEach(startupRecorder(metrics));
  return samples;
}

Deno.test("startupRecorder counts failed tries by phase", () => {
  const failed = { kind: "try-failed", phase: "store", critical: true, timedOut: false } as const;
  assertEquals(record({ ...failed, attempts: 1 }), [
    { name: "startup_phase_failures_total", labels: { phase: "store" }, value: 1 },
  ]);
});

Deno.test("startupRecorder records a phase's time in seconds, whether it succeeded or failed", () => {
  const ended = { phase: "store", critical: true, attempts: 1, durationMs: 1_500 };
  const sample = { name: "startup_phase_duration_seconds", labels: { phase: "store" }, value: 1.5 };
  const samples = record({ kind: "phase-ok", ...ended }, { kind: "phase-failed", ...ended });
  assertEquals(samples, [sample, sample] as Sample[]);
});

Deno.test("startupRecorder sets the present state to 1 and all others to 0", () => {
  const samples = record({ kind: "state", state: "failed", attempt: 1 });
  assertEquals(samples.map(({ name, labels, value }) => [name, labels.state, value]), [
    ["startup_state", "starting", 0],
    ["startup_state", "ready", 0],
    ["startup_state", "failed", 1],
    ["startup_state", "draining", 0],
  ]);
});

Deno.test("startupRecorder records the time from process start when the gate opens", () => {
  const samples = record({ kind: "state", state: "ready", attempt: 1 });
  const opened = samples.find(({ name }) => name === "startup_duration_seconds");
  assertGreater(opened?.value ?? 0, 0);
});
