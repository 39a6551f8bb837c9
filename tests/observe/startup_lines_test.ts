import { assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import type { Logger, LogProperties } from "../../lib/observe/log.ts";
import { startupLine } from "../../lib/observe/startup_lines.ts";
import { type LoggedStartup, startupLogger, tellWaits } from "../../lib/observe/startup_log.ts";
import type { StartupEvent } from "../../lib/startup/events.ts";
import { AppError } from "../../lib/errors.ts";

type Phases = ReturnType<LoggedStartup["report"]>["phases"];

const ADDRESS = "http://127.0.0.1:8000";

/** A logger that writes lines for people. */
function lineLogger(): { log: Logger; lines: string[] } {
  const lines: string[] = [];
  const write = (msg: string, properties: LogProperties = {}): void =>
    void lines.push(startupLine(msg, properties) ?? msg);
  return { log: { info: write, warn: write, error: write }, lines };
}

/** What a console shows of these events. */
function linesOf(events: readonly StartupEvent[], phases: Phases = []): string[] {
  const { log, lines } = lineLogger();
  const report = () => ({ durationMs: 1_234, phases });
  const listener = startupLogger(log, { address: ADDRESS, report });
  for (const event of events) listener(event);
  return lines;
}

const store = { phase: "store", critical: true } as const;

Deno.test("a start-up's lines stand in columns, and end with where to go", () => {
  assertEquals(
    linesOf([
      { kind: "state", state: "starting", attempt: 1 },
      { kind: "phase-ok", phase: "keys", critical: true, attempts: 1, durationMs: 2.4 },
      { kind: "phase-ok", ...store, attempts: 3, durationMs: 1_520 },
      { kind: "phase-failed", phase: "recovery", critical: false, attempts: 1, durationMs: 10_000 },
      { kind: "state", state: "ready", attempt: 1 },
    ]),
    [
      "starting",
      "keys      ready       2 ms",
      "store     ready      1.5 s  after 3 tries",
      "recovery  failed    10.0 s",
      "ready in 1.2 s: open http://127.0.0.1:8000",
    ],
  );
});

Deno.test("a start-up's lines say why a try failed, when the next attempt begins, and what is missing", () => {
  const cause = new AppError("STORE_UNAVAILABLE", { cause: new Error("connection refused") });
  const model = { name: "model", critical: false, status: "failed", durationMs: 5 };
  assertEquals(
    linesOf([
      { kind: "try-failed", ...store, attempts: 1, timedOut: false, cause },
      { kind: "try-failed", ...store, attempts: 2, timedOut: true },
      {
        kind: "state",
        state: "failed",
        attempt: 1,
        failure: { retryAfterMs: 940, cause: new Error("Cannot start store", { cause }) },
      },
      { kind: "state", state: "starting", attempt: 2 },
      { kind: "state", state: "ready", attempt: 2 },
      { kind: "state", state: "draining", attempt: 2 },
    ], [model]),
    [
      "store     try 1             failed: The store is unavailable: connection refused",
      "store     try 2             failed: no answer in time",
      "failed, again in 940 ms: Cannot start store",
      "starting again, attempt 2",
      "ready in 1.2 s, without model so far: open http://127.0.0.1:8000",
      "draining",
    ],
  );
});

Deno.test("other records are no lines of a start-up", () => {
  assertEquals(startupLine("listening", { address: ADDRESS }), null);
});

Deno.test("tellWaits names the phases that take long, until it is told to end", async () => {
  using time = new FakeTime();
  const { log, lines } = lineLogger();
  const phases: Phases = [
    { name: "keys", critical: true, status: "ok", durationMs: 9_000 },
    { name: "store", critical: true, status: "running", durationMs: 4_000 },
    { name: "model", critical: false, status: "running", durationMs: 100 },
    { name: "agents", critical: true, status: "pending", durationMs: null },
  ];
  const end = tellWaits(log, { report: () => ({ durationMs: 0, phases }) });
  await time.tickAsync(2_000);
  assertEquals(lines, ["store     waiting    4.0 s"]);
  end();
  await time.tickAsync(10_000);
  assertEquals(lines.length, 1);
});
