import { assert, assertEquals, assertFalse, assertMatch, assertStringIncludes } from "@std/assert";
import { getLogger, resetSync } from "@logtape/logtape";
import { inRequest } from "../../lib/observe/log_context.ts";
import { configureLogs, logger, type LogOptions } from "../../lib/observe/log.ts";

/** The lines that `act` logs. */
function linesOf(options: Omit<LogOptions, "write">, act: () => void): string[] {
  const lines: string[] = [];
  configureLogs({ ...options, write: (line) => lines.push(line) });
  try {
    act();
  } finally {
    resetSync();
  }
  return lines;
}

Deno.test("logger writes one JSON object a line: time, level, msg, logger, then the data", () => {
  const [line, ...others] = linesOf({ json: true }, () => {
    logger("server").info("listening", { address: "http://127.0.0.1:8000", port: 8000 });
  });
  assertEquals(others, []);
  const { time, ...rest } = JSON.parse(line!);
  assertMatch(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assertEquals(rest, {
    level: "info",
    msg: "listening",
    logger: "server",
    address: "http://127.0.0.1:8000",
    port: 8000,
  });
  assertEquals(Object.keys(JSON.parse(line!)).slice(0, 3), ["time", "level", "msg"]);
});

Deno.test("logger names the request and the span that the code works for, also after a wait", async () => {
  const lines: string[] = [];
  let active: { traceId: string; spanId: string } | null = { traceId: "t1", spanId: "s1" };
  configureLogs({ json: true, write: (line) => lines.push(line), traceIds: () => active });
  await inRequest("r1", async () => {
    await Promise.resolve();
    logger("a").info("inside");
    active = null;
    logger("a").info("named", { requestId: "r2" });
  });
  logger("a").info("outside");
  resetSync();
  const known = lines.map((line) => JSON.parse(line))
    .map(({ requestId, trace_id, span_id }) => [requestId, trace_id, span_id]);
  assertEquals(known, [
    ["r1", "t1", "s1"],
    ["r2", undefined, undefined],
    [undefined, undefined, undefined],
  ]);
});

Deno.test("logger keeps its own members when data bears their names", () => {
  const [line] = linesOf({ json: true }, () => {
    logger("server").info("closed", { level: "loud", msg: "m", time: 0, code: 1000 });
  });
  const record = JSON.parse(line!);
  assertEquals([record.level, record.msg], ["info", "closed"]);
  assertEquals([record._level, record._msg, record._time, record.code], ["loud", "m", 0, 1000]);
});

Deno.test("logger writes from info upward", () => {
  const lines = linesOf({ json: true }, () => {
    const log = logger("a");
    getLogger(["drawbridge", "a"]).debug("d");
    log.info("i");
    log.warn("w");
    log.error("e");
  });
  assertEquals(lines.map((line) => JSON.parse(line).level), ["info", "warning", "error"]);
});

Deno.test("logger masks names, values and shapes, in the message too", () => {
  for (const json of [true, false]) {
    const text = linesOf({ json, secrets: ["swordfish"] }, () => {
      const log = logger("auth");
      log.info("refused {token} of {user}", { token: "opaque-one", user: "swordfish" });
      log.info("refused {request.token}", { request: { token: "opaque-one" } });
      log.error("failed", { error: new Error("Bearer abc123", { cause: "swordfish" }) });
      log.info("stored", { message: { id: "m1", text: "opaque-one" } });
    }).join("\n");
    for (const secret of ["opaque-one", "swordfish", "abc123"]) {
      assertFalse(text.includes(secret), text);
    }
    assertStringIncludes(text, "refused [redacted] of [redacted]");
  }
});

Deno.test("logger writes an error's name, message, stack and cause", () => {
  const [line] = linesOf({ json: true }, () => {
    logger("store").error("lost", { error: new TypeError("outer", { cause: new Error("inner") }) });
  });
  const { error } = JSON.parse(line!);
  assertEquals([error.name, error.message, error.cause.message], ["TypeError", "outer", "inner"]);
  assertStringIncludes(error.stack, "log_test.ts");
});

Deno.test("logger writes readable lines that data cannot forge", () => {
  const [line, ...others] = linesOf({ json: false }, () => {
    logger("a").info("done", { phase: "x\n00:00:00.000 ERROR", "k\nl": 1, esc: "\u001b[31m" });
  });
  assertEquals(others, []);
  assertMatch(line!, /^\d\d:\d\d:\d\d\.\d{3} INFO {4}a {9,} done phase="x\\n00/);
  // deno-lint-ignore no-control-regex
  assertFalse(/[\n\u001b]/.test(line!));
});

Deno.test("logger indents a stack and its causes below a readable line", () => {
  const [text] = linesOf({ json: false }, () => {
    logger("a").error("lost", { error: new Error("outer", { cause: new Error("inner") }) });
  });
  const [head, ...stack] = text!.split("\n");
  assertStringIncludes(head!, 'lost error="outer"');
  assert(stack.every((line) => line.startsWith("    ")));
  assertStringIncludes(stack.join("\n"), "caused by:\n    Error: inner");
});

Deno.test("logger writes an oversized record without its data", () => {
  const lines = linesOf({ json: true }, () => {
    const data = Array.from({ length: 40 }, (_, index) => [`p${index}`, "x".repeat(4_000)]);
    logger("a").info("big", Object.fromEntries(data));
  });
  assert(lines[0]!.length < 1_000);
  assertEquals([JSON.parse(lines[0]!).msg, JSON.parse(lines[0]!).truncated], ["big", true]);
});

Deno.test("logger never throws: neither for data that does nor for a writer that does", () => {
  const hostile = {
    get bad(): string {
      throw new Error("getter");
    },
  };
  const lines = linesOf({ json: true }, () => logger("a").info("event", { hostile }));
  assertEquals(lines.length, 1);
  assertEquals(JSON.parse(lines[0]!).level, "info");
  configureLogs({
    json: true,
    write: () => {
      throw new Error("disk full");
    },
  });
  logger("a").info("event");
  resetSync();
});

Deno.test("configureLogs replaces the routing when called again", () => {
  const first: string[] = [];
  configureLogs({ json: true, write: (line) => first.push(line) });
  const second = linesOf({ json: true }, () => logger("a").info("event"));
  assertEquals([first.length, second.length], [0, 1]);
});
