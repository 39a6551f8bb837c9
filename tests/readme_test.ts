import { assert, assertEquals } from "@std/assert";
import { parse } from "npm:yaml@^2.9.1";
import { BREAKER_FAILURES, BREAKER_OPEN_MS } from "../lib/agents/resilience.ts";
import {
  clientFrameSchemas,
  parseClientFrame,
  serverFrameSchemas,
  type ServerFrameType,
} from "../lib/chat/protocol.ts";
import { closeNotes } from "../lib/chat/close_codes.ts";
import { describeVariables } from "../lib/config/variables.ts";
import { ERROR_NOTES } from "../lib/error_notes.ts";
import { AppError, type ErrorCode, ERRORS, type ErrorShape } from "../lib/errors.ts";
import * as limits from "../lib/limits.ts";
import { type MetricDefinition, METRICS } from "../lib/observe/metrics.ts";
import { LEASE_MS } from "../lib/threads/thread_edit.ts";
import { problemOf } from "../routes/problem.ts";
import {
  LIMITS_HEAD,
  limitsTable,
  overOf,
  type Table,
  tableUnder,
  VARIABLES_HEAD,
  variablesTable,
} from "./support/config_table.ts";
import { orHang } from "./support/feed.ts";
import { World } from "./support/in_process.ts";
import { needs } from "./support/permissions.ts";
import { needsServer, ServerProcess } from "./support/server_process.ts";

const withReadme = needs("read");

const REWRITE = "Rewrite it with `deno run --allow-read=README.md --allow-write=README.md " +
  "tests/support/config_table.ts`, then `deno fmt README.md`";

Deno.test({
  ...withReadme("README's table of variables is the code's"),
  fn: async () =>
    assertEquals(tableUnder(await readme(), VARIABLES_HEAD), variablesTable(), REWRITE),
});

Deno.test({
  ...withReadme("README's table of limits is the code's, and says what happens over each"),
  async fn() {
    const table = tableUnder(await readme(), LIMITS_HEAD);
    assertEquals(table, limitsTable(overOf(table)), REWRITE);
    assertEquals(table.filter((row) => row.at(-1) === ""), []);
  },
});

Deno.test({
  ...withReadme("README's table of error codes is the registry"),
  async fn() {
    const shapes = Object.entries<ErrorShape>(ERRORS);
    assertEquals(
      await rowsUnder(["Code", "HTTP", "Close", "Retry", "The client"]),
      shapes.map(([code, { status, closeCode, retryable }]) => [
        `\`${code}\``,
        String(status),
        closeCode === undefined ? "" : String(closeCode),
        retryable ? "yes" : "no",
        ERROR_NOTES[code as ErrorCode],
      ]),
    );
  },
});

Deno.test({
  ...withReadme("README's table of close codes is the registry"),
  async fn() {
    const rows = await rowsUnder(["Close", "Reason", "The client"]);
    assertEquals(
      rows.slice(0, -1),
      closeNotes().map(({ code, reasons, meaning, client }) => [
        String(code),
        reasons.length === 0 ? meaning : reasons.map((reason) => `\`${reason}\``).join(", "),
        client,
      ]),
    );
  },
});

Deno.test({
  ...withReadme("README's table of metrics is the code's"),
  async fn() {
    const rows = await rowsUnder(["`drawbridge_…`", "Kind", "Labels", "Meaning"]);
    assertEquals(
      rows,
      Object.entries<MetricDefinition>(METRICS).map(([name, { kind, labels, help }]) => [
        `\`${name}\``,
        kind,
        labels.map((label) => `\`${label}\``).join(", "),
        help,
      ]),
    );
  },
});

Deno.test({
  ...withReadme(
    "README's manifest probes routes that exist, outlives a drain, and sets known variables",
  ),
  async fn() {
    const blocks = [...(await readme()).matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, text]) =>
      parse(text!)
    );
    const { spec } = blocks.find(({ kind }) => kind === "Deployment").spec.template;
    const [container] = spec.containers;
    const probes = ["startupProbe", "readinessProbe", "livenessProbe"] as const;
    await using world = await World.open();
    for (const probe of probes) {
      const { path } = container[probe].httpGet;
      const response = await world.request(path, { sub: null });
      assertEquals([path, response.status], [path, 200]);
      await response.body?.cancel();
    }
    assert(spec.terminationGracePeriodSeconds * 1_000 > limits.DRAIN_DEADLINE_MS);
    assert(container.readinessProbe.timeoutSeconds * 1_000 > limits.STORE_DEADLINE_MS);
    const known = describeVariables().map(({ name }) => name);
    const set = container.env.map(({ name }: { name: string }) => name);
    assertEquals(set.filter((name: string) => !known.includes(name)), []);
    const memory = Number.parseInt(container.resources.limits.memory) * 1_048_576;
    assert(memory > limits.DEFAULT_LIMITS.memoryBytes);
  },
});

Deno.test({
  ...withReadme("README names no error code, variable or constant that the code does not have"),
  async fn() {
    const names = (await readme()).match(/\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b(?!\*|_)/g) ?? [];
    const known = new Set([
      ...Object.keys(ERRORS),
      ...describeVariables().map(({ name }) => name),
      ...Object.keys(limits),
      ...RUNTIMES,
    ]);
    assertEquals([...new Set(names)].filter((name) => !known.has(name)), []);
  },
});

Deno.test({
  ...withReadme("README's fixed numbers are the code's"),
  async fn() {
    const text = (await readme()).replaceAll(/\s+/g, " ");
    const values: Readonly<Record<string, unknown>> = { ...limits };
    const wrong = [...text.matchAll(/(\d+) \(`(MAX_\w+)`\)/g)]
      .filter(([, number, name = ""]) => values[name] !== Number(number))
      .map(([phrase]) => phrase);
    assertEquals(wrong, []);

    const { first, longest } = limits.RESTART_BACKOFF_MS;
    const phrases = [
      `tried again after ${seconds(first)} to ${seconds(longest)}`,
      `retried ${limits.PHASE_RETRY_DELAYS_MS.length} times within ${
        seconds(limits.PHASE_RETRY_WINDOW_MS)
      }`,
      `timed out after ${seconds(limits.PHASE_TIMEOUT_MS)}`,
      `a lease of ${seconds(LEASE_MS)}`,
      `After ${limits.MAX_RUN_ATTEMPTS} attempts`,
      `after ${BREAKER_FAILURES} failed calls in a row the endpoint is left alone for ` +
      seconds(BREAKER_OPEN_MS),
    ];
    assertEquals(phrases.filter((phrase) => !text.includes(phrase)), []);
  },
});

Deno.test({
  ...withReadme("every frame in README is one of the protocol, and has only its fields"),
  async fn() {
    const frames = framesOf(await readme());
    for (const frame of frames) checkFrame(frame);
    assert(frames.length > 0);
  },
});

Deno.test({
  ...withReadme("README shows every frame that a client or the server can send"),
  async fn() {
    const frames = framesOf(await readme());
    const shown = (direction: string): string[] =>
      frames.filter((frame) => frame.direction === direction)
        .map((frame) => JSON.parse(frame.text).type);
    assertEquals(new Set(shown(">")), new Set(Object.keys(clientFrameSchemas)));
    assertEquals(new Set(shown("<")), new Set(Object.keys(serverFrameSchemas)));
  },
});

Deno.test({
  ...withReadme("README's problem document is the one that its code is answered with"),
  async fn() {
    const [text = "{}"] = (await readme()).match(/^\{"type":"urn:.*$/m) ?? [];
    const shown = JSON.parse(text);
    const { requestId, retryAfterMs, detail } = shown;
    const answer = problemOf(new AppError(shown.code as ErrorCode, { retryAfterMs, detail }), {
      requestId,
    });
    assertEquals(shown, await answer.json());
  },
});

Deno.test({
  ...withReadme("every path of the project in README exists"),
  async fn() {
    const spans = codeSpans(await readme());
    const paths = spans.filter((span) => /^(?:lib|routes|tests|\.ci)\/[\w./]*$/.test(span));
    for (const path of new Set(paths)) await Deno.stat(new URL(path, ROOT));
    assert(paths.length > 0);
  },
});

Deno.test({
  ...needsServer("README's first program talks to the server as README shows"),
  async fn() {
    const markdown = await readme();
    const [, program = ""] = /^```ts\n(.*?)^```$/ms.exec(markdown) ?? [];
    await using server = await ServerProcess.start();
    const address = "http://127.0.0.1:8000";
    assert(program.includes(address));
    const said = await runProgram(program.replaceAll(address, server.address));

    for (const frame of framesOf(said)) checkFrame(frame);
    const [, session = ""] = /^```text\n(< \{"type":"session.*?)^```$/ms.exec(markdown) ?? [];
    assertEquals(outlineOf(said), outlineOf(session));
  },
});

const ROOT = new URL("../", import.meta.url);

/** Variables that the runtime reads by itself. */
const RUNTIMES: readonly string[] = [
  "OTEL_DENO",
  "OTEL_EXPORTER_OTLP_ENDPOINT",
  "OTEL_EXPORTER_OTLP_PROTOCOL",
  "OTEL_SERVICE_NAME",
];

/** A line of a session: `>` went to the server, `<` came from it. */
interface ShownFrame {
  readonly direction: ">" | "<";
  readonly text: string;
}

function readme(): Promise<string> {
  return Deno.readTextFile(new URL("README.md", ROOT));
}

async function rowsUnder(head: readonly string[]): Promise<Table> {
  return tableUnder(await readme(), head).slice(1);
}

function codeSpans(markdown: string): string[] {
  return [...markdown.matchAll(/`([^`\n]+)`/g)].map(([, code = ""]) => code);
}

function seconds(milliseconds: number): string {
  return `${milliseconds / 1_000} s`;
}

function framesOf(text: string): ShownFrame[] {
  return [...text.matchAll(/^([<>]) (\{.*)$/gm)].map(([, direction, frame = ""]) => ({
    direction: direction as ShownFrame["direction"],
    text: frame,
  }));
}

/** Throws unless the frame fits its schema and has no field besides. */
function checkFrame({ direction, text }: ShownFrame): void {
  const value = JSON.parse(text);
  if (direction === ">") {
    const parsed = parseClientFrame(text);
    assert(parsed.ok, `${text}: ${parsed.ok ? "" : parsed.error.detail}`);
    return assertEquals(parsed.frame, value);
  }
  const schema = serverFrameSchemas[value.type as ServerFrameType];
  assert(schema !== undefined, `No frame of the server's: ${text}`);
  assertEquals(schema.parse(value) as unknown, value);
  if (value.type === "error") {
    assertEquals(value.retryable, ERRORS[value.code as ErrorCode].retryable);
  }
}

/** What a session says whatever its ids, times and batches are: its steps, and the whole answer. */
function outlineOf(session: string): string[] {
  const steps = session.split("\n").flatMap((line): string[] => {
    const [frame] = framesOf(line);
    if (frame === undefined) return /^closed \d+$/.test(line) ? [line] : [];
    const value = JSON.parse(frame.text);
    const { type, seq, entry } = value;
    if (type === "chunk" || type === "chunks") return ["streaming"];
    const parts = entry?.parts?.map((part: { text?: string }) => part.text ?? "").join("");
    return [[frame.direction, type, seq, entry?.role ?? entry?.kind, parts].join(" ").trim()];
  });
  return steps.filter((step, index) => step !== steps[index - 1]);
}

/** Runs a program that may reach the network and nothing else; returns what it printed. */
async function runProgram(source: string): Promise<string> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--no-config", "--allow-net=127.0.0.1", "--ext=ts", "-"],
    env: { NO_COLOR: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  try {
    await new Blob([source]).stream().pipeTo(child.stdin);
    const { success, stdout, stderr } = await orHang(child.output(), "the program's end");
    assert(success, new TextDecoder().decode(stderr));
    return new TextDecoder().decode(stdout);
  } catch (error) {
    try {
      child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    throw error;
  }
}
