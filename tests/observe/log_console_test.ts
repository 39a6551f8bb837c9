import { assertEquals } from "@std/assert";
import { writeToConsole } from "../../lib/observe/log_console.ts";
import { OtlpReceiver } from "../support/otlp_receiver.ts";
import { needsServer, ServerProcess } from "../support/server_process.ts";

Deno.test("writeToConsole writes each line at its level", () => {
  const written: string[] = [];
  const methods = ["error", "warn", "info", "debug"] as const;
  const originals = methods.map((method) => console[method]);
  for (const method of methods) console[method] = (line) => void written.push(`${method} ${line}`);
  try {
    for (const level of ["trace", "debug", "info", "warning", "error", "fatal"]) {
      writeToConsole(level, level);
    }
  } finally {
    methods.forEach((method, at) => console[method] = originals[at]!);
  }
  assertEquals(written, [
    "debug trace",
    "debug debug",
    "info info",
    "warn warning",
    "error error",
    "error fatal",
  ]);
});

Deno.test({
  ...needsServer(
    "on Deno Deploy the log is exported with its traces, and is on stdout all the same",
  ),
  async fn() {
    await using otlp = new OtlpReceiver();
    await using server = await ServerProcess.start({
      task: "deploy",
      env: { ...otlp.env, DENO_DEPLOYMENT_ID: "deployment-1" },
    });
    await server.state("ready");
    const phase = await server.log("startup phase ready", { phase: "keys" });
    const at = await otlp.logs.find(({ body }) => body.includes('"phase":"keys"'));
    const { body, severity, traceId } = otlp.logs.items[at]!;
    assertEquals(JSON.parse(body), phase);
    assertEquals([severity, traceId], ["INFO", phase["trace_id"]]);
  },
});

Deno.test({
  ...needsServer("elsewhere the log is not exported: it is on stdout"),
  async fn() {
    await using otlp = new OtlpReceiver();
    await using server = await ServerProcess.start({ env: otlp.env });
    await server.state("ready");
    await otlp.span("startup");
    server.signal("SIGTERM");
    await server.exited();
    assertEquals(otlp.logs.items.filter(({ body }) => body.includes("startup")), []);
  },
});
