/**
 * What everybody outside sees of a server that has lost something: health,
 * metrics, newcomers, and the log afterwards.
 *
 * @module
 */
import { assert, assertEquals, assertGreater, assertMatch } from "@std/assert";
import type { Entry } from "../../lib/chat/protocol.ts";
import { type Answer, ChatClient } from "../support/chat_client.ts";
import { eventually } from "../support/feed.ts";
import type { ServerProcess } from "../support/server_process.ts";

/** An entry of the log and its number. */
export interface LoggedEntry {
  readonly seq: number;
  readonly entry: Entry;
}

/** Status and body of a health route, which is always its own document. */
export async function health(
  server: ServerProcess,
  path = "/health",
  // deno-lint-ignore no-explicit-any
): Promise<{ status: number; body: any }> {
  const { status, headers, body } = await server.request(path);
  assertMatch(headers.get("content-type") ?? "", /^application\/health\+json\b/);
  return { status, body: JSON.parse(body) };
}

/** The value of one series of a metric, 0 where it has none yet: `runs_total{outcome="failed"}`. */
export async function metric(server: ServerProcess, series: string): Promise<number> {
  const { body } = await server.request("/metrics");
  const line = body.split("\n").find((line) => line.startsWith(`drawbridge_${series} `));
  return Number(line?.split(" ").at(-1) ?? 0);
}

/** Resident memory of the server, megabytes. */
export async function residentMegabytes(server: ServerProcess): Promise<number> {
  const { body } = await server.request("/metrics");
  const bytes = /^process_resident_memory_bytes (\S+)$/m.exec(body)?.[1];
  return Number(bytes) / 1_048_576;
}

/** Asserts that nothing is lost. */
export async function assertPasses(server: ServerProcess): Promise<void> {
  for (const path of ["/health", "/health/ready", "/health/startup", "/health/live"]) {
    const { status, body } = await health(server, path);
    assertEquals([path, status, body.status], [path, 200, "pass"]);
  }
}

/** Asserts that the server serves, and tells operators and newcomers of the optional part it lost. */
export async function assertDegraded(
  server: ServerProcess,
  token: string,
  part: string,
): Promise<void> {
  const { status, body } = await health(server);
  assertEquals([status, body.status, body.checks[part]?.[0].status], [200, "warn", "warn"]);
  assertEquals((await health(server, "/health/ready")).status, 200);
  await using newcomer = new ChatClient(server.address, token);
  assertEquals((await newcomer.next("session.ready")).degraded, [part]);
}

/** Asserts that health, readiness, newcomers and HTTP all see that the store is lost. */
export async function assertStoreLost(server: ServerProcess, token: string): Promise<void> {
  for (const path of ["/health", "/health/ready"]) {
    const { status, body } = await health(server, path);
    assertEquals([path, status, body.status], [path, 503, "fail"]);
    assertEquals(body.checks.store[0].status, "fail");
  }
  assertEquals((await health(server, "/health/live")).status, 200);
  const refusals = 'gate_refusals_total{code="SERVICE_UNAVAILABLE"}';
  const before = await metric(server, refusals);
  await assertRefused(server, token);
  assertEquals(await metric(server, refusals), before + 1);
  const api = await server.request("/api/threads", {
    headers: { authorization: `Bearer ${token}` },
  });
  const { code, retryable, retryAfterMs } = JSON.parse(api.body);
  assertEquals([api.status, code, retryable], [503, "STORE_UNAVAILABLE", true]);
  assertGreater(retryAfterMs, 0);
  assertMatch(api.headers.get("retry-after") ?? "", /^[1-9]\d*$/);
}

/** Asserts that a newcomer is told to come back, and closed. */
async function assertRefused(server: ServerProcess, token: string): Promise<void> {
  await using newcomer = new ChatClient(server.address, token);
  assertEquals(await newcomer.closed(), { code: 1011, reason: "Service unavailable" });
  assertEquals(newcomer.frames.items.length, 1);
  const [error] = newcomer.frames.items;
  assert(error?.type === "error" && error.ref === undefined);
  assertEquals([error.code, error.retryable], ["SERVICE_UNAVAILABLE", true]);
  assertGreater(error.retryAfterMs ?? 0, 0);
}

/** Asserts that a frame was refused for want of the store. */
export function assertUnavailable(answer: Answer): void {
  assert(answer.type === "error", JSON.stringify(answer));
  assertEquals([answer.code, answer.retryable], ["STORE_UNAVAILABLE", true]);
  assertGreater(answer.retryAfterMs ?? 0, 0);
}

/** Waits until the server says that it is ready again, and looks whether it is. */
export async function untilServing(server: ServerProcess, token: string): Promise<void> {
  await server.log("The store is back");
  await eventually(
    async () => (await health(server, "/health/ready")).status === 200 || undefined,
    "readiness",
  );
  await assertPasses(server);
  await using newcomer = await ChatClient.connect(server.address, token);
  assertEquals(newcomer.frames.items[0]?.type, "session.ready");
}

/** The whole log of a thread, in order and without a gap. */
export async function logOf(
  server: ServerProcess,
  token: string,
  threadId: string,
): Promise<readonly LoggedEntry[]> {
  const { status, body } = await server.request(`/api/threads/${threadId}/entries?limit=500`, {
    headers: { authorization: `Bearer ${token}` },
  });
  if (status === 404) return [];
  assertEquals(status, 200, body);
  const { entries, headSeq }: { entries: LoggedEntry[]; headSeq: number } = JSON.parse(body);
  assertEquals(entries.map(({ seq }) => seq), Array.from({ length: headSeq }, (_, at) => at + 1));
  return entries;
}

/** What a client was told of the messages that it sent. */
export interface Told {
  /** Ids of the acknowledged ones, in the order of their acknowledgement. */
  readonly acked: readonly string[];
  /** Ids of those that nobody answered: in the log once, or not at all. */
  readonly unanswered?: readonly string[];
}

/**
 * Asserts that the log holds what was promised and nothing else, once every run has ended: each
 * acknowledged message once, in order, no other but of those unanswered, and one answer to each.
 */
export async function assertKept(
  server: ServerProcess,
  token: string,
  { threadId, acked, unanswered = [] }: Told & { threadId: string },
): Promise<void> {
  const log = await eventually(async () => {
    const entries = await logOf(server, token, threadId);
    return answersIn(entries).length >= messagesIn(entries).length ? entries : undefined;
  }, `an answer to each message in ${threadId}`);
  const stored = messagesIn(log);
  assertEquals(stored.filter((id) => !unanswered.includes(id)), acked);
  assertEquals(stored.length, new Set(stored).size);
  const answers = answersIn(log);
  assertEquals(answers.length, stored.length);
  assertEquals(new Set(answers.map(({ runId }) => runId)).size, answers.length);
}

/** Ids of the user's messages in a log. */
export function messagesIn(log: readonly LoggedEntry[]): string[] {
  return log.flatMap(({ entry }) =>
    entry.kind === "message" && entry.role === "user" ? [entry.id] : []
  );
}

/** The answers in a log. */
export function answersIn(
  log: readonly LoggedEntry[],
): Extract<Entry, { kind: "message"; role: "assistant" }>[] {
  return log.flatMap(({ entry }) =>
    entry.kind === "message" && entry.role === "assistant" ? [entry] : []
  );
}
