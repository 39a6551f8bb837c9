/**
 * Cold start: from the process to the first answer, and to the first `session.ready`, on a database
 * on disk that is new, with the offline model.
 *
 * @module
 */
import { delay } from "@std/async/delay";
import { V8_FLAGS } from "../../support/start_command.ts";
import { type Bench, type Figures, MissingTarget, type Size, type TargetName } from "../bench.ts";
import { median } from "../stats.ts";
import { pinned } from "../support/cores.ts";
import { SECRET, tokens } from "../support/tokens.ts";
import { processorMs } from "../support/usage.ts";
import { handshake, Wire } from "../support/wire.ts";

const ROOT = new URL("../../../", import.meta.url);
const STARTS: Readonly<Record<Size, number>> = { full: 5, quick: 3, tiny: 1 };
const LONGEST_MS = 20_000;

async function measure(name: TargetName, size: Size): Promise<Figures> {
  const [token = ""] = await tokens(1);
  const starts: Start[] = [];
  // The first fills the runtime's own caches, as an earlier deployment has.
  if (size !== "tiny") await startOnce(name, token);
  for (let start = 0; start < STARTS[size]; start++) {
    starts.push(await startOnce(name, token));
  }
  const cpuMs = starts.flatMap(({ cpuMs }) => cpuMs ?? []);
  return {
    liveMs: median(starts.map(({ liveMs }) => liveMs)),
    openMs: median(starts.map(({ openMs }) => openMs)),
    ...(cpuMs.length === 0 ? {} : { cpuMs: median(cpuMs) }),
  };
}

interface Start {
  readonly liveMs: number;
  readonly openMs: number;
  /** Processor time until it was open. */
  readonly cpuMs: number | null;
}

async function startOnce(
  name: TargetName,
  token: string,
): Promise<Start> {
  const folder = await Deno.makeTempDir({ prefix: "bench-" });
  const port = freePort();
  const { command, args } = pinned("server", [Deno.execPath(), "run", ...programOf(name, port)]);
  const startedMs = performance.now();
  const child = new Deno.Command(command, {
    args,
    cwd: ROOT,
    env: { APP_ENV: "test", JWT_SECRET: SECRET, PORT: String(port), KV_PATH: `${folder}/chat.db` },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  try {
    await firstAnswer(port, startedMs + LONGEST_MS);
    const liveMs = performance.now() - startedMs;
    // The bare server has no gate: it is open when it answers.
    if (name !== "bare") await firstGreeting(port, token);
    const openMs = name === "bare" ? liveMs : performance.now() - startedMs;
    return { liveMs, openMs, cpuMs: processorMs(child.pid) };
  } finally {
    child.kill("SIGKILL");
    await child.status;
    await Deno.remove(folder, { recursive: true });
  }
}

function programOf(name: TargetName, port: number): string[] {
  if (name === "drawbridge") return ["--no-prompt", V8_FLAGS, "-P=start", "main.ts"];
  if (name === "bare") {
    return ["--no-prompt", "--allow-net", "tests/bench/servers/bare.ts", `${port}`];
  }
  throw new MissingTarget("only this server and a bare one are started cold");
}

/** Asks until somebody answers. */
async function firstAnswer(port: number, until: number): Promise<void> {
  const request = "GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
  while (performance.now() < until) {
    try {
      using connection = await Deno.connect({ hostname: "127.0.0.1", port });
      await connection.write(new TextEncoder().encode(request));
      const answer = new Uint8Array(1_024);
      await connection.read(answer);
      if (new TextDecoder().decode(answer.subarray(9, 12)) === "200") return;
    } catch (error) {
      const notYet = error instanceof Deno.errors.ConnectionRefused ||
        error instanceof Deno.errors.ConnectionReset;
      if (!notYet) throw error;
    }
    await delay(1);
  }
  throw new Error("The server did not answer in time");
}

async function firstGreeting(port: number, token: string): Promise<void> {
  const greeted = Promise.withResolvers<void>();
  const wire = await Wire.knock({
    port,
    request: handshake(token),
    onUpgraded: (status) => {
      if (status !== 101) greeted.reject(new Error(`The handshake was answered with ${status}`));
    },
    onText: () => greeted.resolve(),
  });
  await greeted.promise;
  wire.close();
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** The bench. */
export const cold: Bench = {
  name: "cold",
  title: "Cold start: from the process to /health/live, and to session.ready",
  targets: ["bare", "drawbridge"],
  figures: [
    { name: "liveMs", unit: "ms to the first answer" },
    { name: "openMs", unit: "ms to the first session.ready" },
    { name: "cpuMs", unit: "ms of processor until then" },
  ],
  goals: [
    {
      work: "cold start, to the first answer",
      figure: "liveMs",
      kind: "ratio",
      reference: "bare",
      atMost: 2,
    },
    {
      work: "cold start, to the gate open",
      figure: "openMs",
      kind: "ratio",
      reference: "bare",
      atMost: 8,
    },
  ],
  measure,
};
