// deno-lint-ignore-file explicit-module-boundary-types -- plain JavaScript, for Node
/**
 * What both peers share: their modules, the token check, the gate, and the bench's commands. Runs
 * on Node, without a type checker.
 *
 * @module
 */
import { createRequire } from "node:module";
import process from "node:process";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const flags = process.argv.slice(3);
/** Loads one of the peers' packages. */
export const load = createRequire(`${process.argv[2]}/`);
// This package has no entry for `require`.
const jose = await import(pathToFileURL(load.resolve("jose")).href);

const secret = flags.find((flag) => flag.startsWith("--secret=")).slice(9);
const key = await crypto.subtle.importKey(
  "raw",
  new TextEncoder().encode(secret),
  { name: "HMAC", hash: "SHA-256" },
  false,
  ["verify"],
);

/** Resolves when callers may come in. */
export let opened = Promise.resolve();
let open = () => {};
if (flags.includes("--hold")) opened = new Promise((resolve) => open = resolve);

/** The claims of a request's token; rejects where it is not valid. */
export async function claimsOf(headers) {
  const token = headers.authorization?.slice(7) ?? "";
  return (await jose.jwtVerify(token, key, { algorithms: ["HS256"] })).payload;
}

/** What a client is greeted with. */
export function greeting({ sub, exp }) {
  return {
    type: "session.ready",
    sessionId: crypto.randomUUID(),
    subject: sub,
    expiresAt: new Date(exp * 1_000).toISOString(),
  };
}

/** Tells the bench something. */
export function report(record) {
  process.stdout.write(`${JSON.stringify(record)}\n`);
}

const now = () => performance.timeOrigin + performance.now();

/** Streams chunks: `send` sends one to everybody. */
async function stream({ ticks, perTick, delta, pauseMs, tell }, send) {
  report({ event: "streaming", at: now() });
  let index = 0;
  for (let tick = 0; tick < ticks; tick++) {
    if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
    if (tell) report({ event: "pushed", at: now() });
    for (let count = 0; count < perTick; count++, index++) {
      const chunk = { type: "text-delta", id: "text-0", delta };
      send({ type: "chunk", threadId: "t", runId: "r", attempt: 1, index, chunk });
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Listens, and carries the bench's commands out; ends with its input. */
export function serve(server, send) {
  const input = createInterface({ input: process.stdin });
  input.on("line", (line) => {
    const command = JSON.parse(line);
    if (command.do === "stream") return void stream(command, send);
    report({ event: "ready", at: now() });
    open();
  });
  input.on("close", () => process.exit(0));
  server.listen({ port: 0, host: "127.0.0.1", backlog: 4_096 }, () => {
    report({ event: "listening", address: `http://127.0.0.1:${server.address().port}` });
  });
}
