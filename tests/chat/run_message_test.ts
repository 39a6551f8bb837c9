import { assertEquals } from "@std/assert";
import type { Chunk } from "../../lib/agents/model.ts";
import type { Entry, MessagePart } from "../../lib/chat/entries.ts";
import type { ServerFrame } from "../../lib/chat/protocol.ts";
import { BEGAN_ANEW, RunMessage } from "../../lib/chat/run_message.ts";

const STEP: Chunk = { type: "start-step" };
const STEP_END: Chunk = { type: "finish-step" };
const FINISH: Chunk = { type: "finish", finishReason: "length" };

function text(delta: string): Chunk[] {
  return [
    { type: "text-start", id: "t" },
    { type: "text-delta", id: "t", delta },
    { type: "text-end", id: "t" },
  ];
}

function start(runId = "r"): Chunk {
  return { type: "start", messageId: `a-${runId}`, messageMetadata: { runId } };
}

function chunks(attempt: number, ...shown: readonly Chunk[]): ServerFrame {
  const at = { threadId: "t", runId: "r", attempt, index: 0 };
  return shown.length === 1
    ? { type: "chunk", ...at, chunk: shown[0]! }
    : { type: "chunks", ...at, chunks: [...shown] };
}

function answer(
  { attempt = 1, outcome = "completed", parts = [], error, runId = "r" }: {
    attempt?: number;
    outcome?: "completed" | "failed" | "cancelled" | "interrupted";
    parts?: MessagePart[];
    error?: { code: string; message: string };
    runId?: string;
  },
): ServerFrame {
  const entry: Entry = {
    kind: "message",
    role: "assistant",
    id: `a-${runId}`,
    runId,
    attempt,
    agent: "default",
    parts,
    outcome,
    ...(error === undefined ? {} : { error }),
    createdAt: "2026-01-01T00:00:00.000Z",
  };
  return { type: "entry", threadId: "t", seq: 3, entry };
}

/** The parts that these frames add up to. */
function show(...frames: readonly ServerFrame[]): Chunk[] {
  const message = new RunMessage("r");
  return frames.flatMap((frame) => message.take(frame));
}

Deno.test("RunMessage shows a run's chunks as they are, and its finish only once the answer is stored", () => {
  const message = new RunMessage("r");
  assertEquals(message.start("a-r"), start());
  assertEquals(message.take(chunks(1, start(), STEP, ...text("Hi"))), [STEP, ...text("Hi")]);
  assertEquals(message.take(chunks(1, STEP_END, FINISH)), [STEP_END]);
  assertEquals(message.hasEnded, false);
  assertEquals(message.take(answer({ parts: [{ type: "text", text: "Hi" }] })), [FINISH]);
  assertEquals(message.hasEnded, true);
  assertEquals(message.take(chunks(2, ...text("more"))), []);
});

Deno.test("RunMessage passes over other runs, users' messages and starts", () => {
  const other = { ...chunks(1, ...text("other")), runId: "other" } as ServerFrame;
  const started: Entry = {
    kind: "run.started",
    runId: "r",
    attempt: 1,
    agent: "a",
    replyTo: "m",
  };
  const frames: ServerFrame[] = [
    other,
    answer({ runId: "other", parts: [{ type: "text", text: "other" }] }),
    { type: "entry", threadId: "t", seq: 2, entry: started },
    { type: "pong", ref: "p" },
  ];
  assertEquals(show(...frames), []);
});

Deno.test("RunMessage shows an answer that it saw nothing of from its entry", () => {
  const parts = [{ type: "step-start" }, { type: "text", text: "Hi" }];
  assertEquals(show(answer({ parts })), [
    STEP,
    { type: "text-start", id: "text-1" },
    { type: "text-delta", id: "text-1", delta: "Hi" },
    { type: "text-end", id: "text-1" },
    STEP_END,
    { type: "finish" },
  ]);
});

Deno.test("RunMessage ends a cancelled run with abort, a failed and an interrupted one with its public text", () => {
  const said = chunks(1, STEP, ...text("Hi"));
  const failed = { code: "MODEL_TIMEOUT", message: "The model went silent" };
  const last = (...frames: ServerFrame[]): Chunk[] => show(said, ...frames).slice(4);
  assertEquals(last(answer({ outcome: "cancelled" })), [{ type: "abort" }]);
  assertEquals(last(answer({ outcome: "failed", error: failed })), [
    { type: "error", errorText: "The model went silent" },
  ]);
  assertEquals(last(answer({ outcome: "interrupted" })), [
    { type: "error", errorText: "The run failed" },
  ]);
  assertEquals(show(answer({ outcome: "cancelled", attempt: 0 })), [{ type: "abort" }]);
});

Deno.test("RunMessage drops the step that a dead attempt had begun, and goes on with the next attempt's", () => {
  assertEquals(
    show(
      chunks(1, start(), STEP, ...text("old"), STEP_END),
      chunks(2, start(), STEP, ...text("new"), STEP_END, STEP, ...text("more"), STEP_END, FINISH),
      answer({ attempt: 2 }),
    ),
    [
      STEP,
      ...text("old"),
      STEP_END,
      { type: "reset-step" },
      // The first step's mark is in the message still.
      ...text("new"),
      STEP_END,
      STEP,
      ...text("more"),
      STEP_END,
      FINISH,
    ],
  );
});

Deno.test("RunMessage takes nothing back of an attempt that died before it said a thing", () => {
  assertEquals(
    show(chunks(1, start(), STEP), chunks(2, start(), STEP, ...text("new"), FINISH)),
    [STEP, ...text("new")],
  );
});

Deno.test("RunMessage ends with an error where a dead attempt had completed a step", () => {
  const message = new RunMessage("r");
  message.take(chunks(1, STEP, ...text("one"), STEP_END, STEP));
  assertEquals(message.take(chunks(2, start(), STEP, ...text("new"))), [
    { type: "error", errorText: BEGAN_ANEW },
  ]);
  assertEquals(message.hasEnded, true);
  assertEquals(message.take(answer({ attempt: 2 })), []);
});

Deno.test("RunMessage shows an answer anew from its entry where its last chunks are missing", () => {
  const parts = [{ type: "step-start" }, { type: "text", text: "all of it" }];
  assertEquals(show(chunks(1, STEP, { type: "text-start", id: "t" }), answer({ parts })), [
    STEP,
    { type: "text-start", id: "t" },
    { type: "reset-step" },
    { type: "text-start", id: "text-1" },
    { type: "text-delta", id: "text-1", delta: "all of it" },
    { type: "text-end", id: "text-1" },
    STEP_END,
    { type: "finish" },
  ]);
});
