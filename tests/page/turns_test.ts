import { assertEquals } from "@std/assert";
import type { AssistantEntry, Entry } from "../../lib/chat/protocol.ts";
import type { NumberedEntry } from "../../lib/client/mod.ts";
import { turnsOf } from "../../routes/page/app/state/turns.ts";
import type { UnsentItem } from "../../routes/page/app/state/unsent_store.ts";

const TIME = "2026-01-01T00:00:00.000Z";

function log(...entries: Entry[]): NumberedEntry[] {
  return entries.map((entry, at) => ({ seq: at + 1, entry }));
}

function asked(id: string, text = id): Entry {
  return { kind: "message", role: "user", id, parts: [{ type: "text", text }], createdAt: TIME };
}

function started(runId: string, replyTo: string, attempt = 1): Entry {
  return { kind: "run.started", runId, attempt, agent: "default", replyTo };
}

function answered(runId: string, outcome: AssistantEntry["outcome"] = "completed"): AssistantEntry {
  const parts = [{ type: "text", text: `answer of ${runId}` }];
  const id = `a-${runId}`;
  const run = { runId, attempt: 1, agent: "default" };
  return { kind: "message", role: "assistant", id, ...run, parts, outcome, createdAt: TIME };
}

function unsent(id: string, refusal?: string): UnsentItem {
  const item = { threadId: "t", id, text: id, atMs: 0 };
  return refusal === undefined ? item : { ...item, refusal };
}

function summary(turns: ReturnType<typeof turnsOf>): unknown[] {
  return turns.map(({ question, answers, state }) => [
    question.id,
    state.kind,
    answers.map(({ runId }) => runId),
  ]);
}

Deno.test("turnsOf gives each question its answers, oldest first", () => {
  const entries = log(
    asked("q1"),
    started("r1", "q1"),
    answered("r1"),
    asked("q2"),
    started("r2", "q2"),
    answered("r2", "failed"),
    started("r3", "q2"),
    answered("r3"),
  );
  assertEquals(summary(turnsOf(entries, null, [])), [
    ["q1", "answered", ["r1"]],
    ["q2", "answered", ["r2", "r3"]],
  ]);
});

Deno.test("turnsOf gives a run that streams its parts, and keeps the answers before it", () => {
  const entries = log(asked("q1"), started("r1", "q1"), answered("r1"), started("r2", "q1"));
  const parts = [{ type: "text", text: "so far" }];
  const [turn] = turnsOf(entries, { runId: "r2", parts }, []);
  assertEquals(turn?.state, { kind: "running", runId: "r2", parts });
  assertEquals(turn?.answers.length, 1);
});

Deno.test("turnsOf shows nothing of another run's parts", () => {
  const entries = log(asked("q1"), started("r1", "q1"));
  const [turn] = turnsOf(entries, { runId: "r0", parts: [{ type: "text", text: "x" }] }, []);
  assertEquals(turn?.state, { kind: "running", runId: "r1", parts: [] });
});

Deno.test("turnsOf takes a second attempt for the same run", () => {
  const entries = log(asked("q1"), started("r1", "q1"), started("r1", "q1", 2), answered("r1"));
  assertEquals(summary(turnsOf(entries, null, [])), [["q1", "answered", ["r1"]]]);
});

Deno.test("turnsOf says that a question waits behind another's answer", () => {
  const entries = log(asked("q1"), started("r1", "q1"), asked("q2"));
  assertEquals(summary(turnsOf(entries, null, [])), [["q1", "running", []], ["q2", "queued", []]]);
});

Deno.test("turnsOf finds the question of a run that was cancelled while it waited", () => {
  const cancelled = { ...answered("r2", "cancelled"), attempt: 0, parts: [] };
  const entries = log(asked("q1"), started("r1", "q1"), asked("q2"), cancelled, asked("q3"));
  assertEquals(summary(turnsOf(entries, null, [])), [
    ["q1", "running", []],
    ["q2", "answered", ["r2"]],
    ["q3", "queued", []],
  ]);
});

Deno.test("turnsOf puts what is not acknowledged last, once", () => {
  const entries = log(asked("q1"), started("r1", "q1"), answered("r1"), asked("q2"));
  const turns = turnsOf(entries, null, [unsent("q2"), unsent("q3"), unsent("q4", "Too long.")]);
  assertEquals(summary(turns), [
    ["q1", "answered", ["r1"]],
    ["q2", "queued", []],
    ["q3", "unsent", []],
    ["q4", "refused", []],
  ]);
});
