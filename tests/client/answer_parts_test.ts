import { assertEquals, assertThrows } from "@std/assert";
import type { AssistantEntry } from "../../lib/chat/protocol.ts";
import { AnswerParts } from "../../lib/client/answer_parts.ts";
import type { Chunk, RunEvent } from "../../lib/client/mod.ts";
import { answered } from "./scripted_server.ts";

/** An event of a part. */
function part(chunk: Chunk, attempt = 1): RunEvent {
  return { type: "part", part: chunk, attempt, index: 0 };
}

/** The parts of a step that says `text` and goes on. */
function step(text: string): RunEvent[] {
  return [
    part({ type: "start-step" }),
    part({ type: "text-start", id: "t" }),
    part({ type: "text-delta", id: "t", delta: text }),
  ];
}

const START = part({ type: "start", messageId: "a-r1" });
const FINISH = part({ type: "finish", finishReason: "stop" });
const RESTART: RunEvent = { type: "restart" };

/** A run's last event. */
function answer(text: string, more: Partial<AssistantEntry> = {}): RunEvent {
  return { type: "answer", entry: answered("r1", text, more) as AssistantEntry };
}

/** All parts of a stream in short. */
function stream(...events: readonly RunEvent[]): string[] {
  const parts = new AnswerParts();
  return events.flatMap((event) => parts.take(event)).map((chunk) => {
    const detail = chunk["delta"] ?? chunk["errorText"] ?? chunk["toolCallId"];
    return detail === undefined ? chunk.type : `${chunk.type} ${detail}`;
  });
}

const SHOWN = ["start", "start-step", "text-start", "text-delta old"];
const WHOLE = ["text-start", "text-delta new", "text-end", "finish"];

Deno.test("a whole answer is passed on as it is", () => {
  const parts = stream(START, ...step("old"), FINISH, answer("old"));
  assertEquals(parts, [...SHOWN, "finish"]);
});

Deno.test("an attempt that is void is taken back within its step, whose start stays", () => {
  const parts = stream(
    START,
    ...step("old"),
    RESTART,
    START,
    ...step("new"),
    FINISH,
    answer("new"),
  );
  assertEquals(parts, [...SHOWN, "reset-step", "text-start", "text-delta new", "finish"]);
});

Deno.test("an attempt that showed nothing leaves nothing to take back", () => {
  const parts = stream(START, part({ type: "start-step" }), RESTART, START, ...step("new"), FINISH);
  assertEquals(parts, ["start", "start-step", "text-start", "text-delta new", "finish"]);
  assertEquals(stream(START, RESTART, START, ...step("old")), SHOWN);
});

Deno.test("an attempt that had finished a step ends the stream as a lost network does", () => {
  const error = assertThrows(
    () => stream(START, ...step("one"), ...step("two"), RESTART),
    TypeError,
  );
  // What the SDK takes for a disconnection, to be resumed.
  assertEquals(error.message.toLowerCase().includes("network"), true);
});

Deno.test("what was missed is taken from the entry, in place of what was shown of its step", () => {
  const parts = stream(START, ...step("old"), answer("new"));
  assertEquals(parts, [...SHOWN, "reset-step", ...WHOLE]);
});

Deno.test("an answer that was never seen comes whole from its entry", () => {
  assertEquals(stream(answer("new")), ["start", "start-step", ...WHOLE]);
  const entry = stream(RESTART, answer("new", { parts: [] }));
  assertEquals(entry, ["start", "finish"]);
});

Deno.test("steps that were shown whole are not repeated from the entry", () => {
  const call = {
    type: "tool-clock",
    toolCallId: "c1",
    state: "output-available",
    input: {},
    output: 1,
  };
  const said = (text: string) => ({ type: "text", text, state: "done" });
  const parts = [
    { type: "step-start" },
    said("one"),
    call,
    { type: "step-start" },
    said("two and more"),
    { type: "step-start" },
    { ...call, toolCallId: "c2" },
    said("three"),
  ];
  const seen = stream(START, ...step("one"), ...step("two"), answer("", { parts }));
  assertEquals(seen, [
    ...["start", "start-step", "text-start", "text-delta one"],
    ...["start-step", "text-start", "text-delta two"],
    ...["reset-step", "text-start", "text-delta two and more", "text-end"],
    ...["start-step", "tool-input-available c2", "tool-output-available c2"],
    ...["text-start", "text-delta three", "text-end", "finish"],
  ]);
});

Deno.test("tool calls come from an entry in the state that they are in", () => {
  const call = { type: "tool-clock", input: {} };
  const parts = [
    { ...call, toolCallId: "1", state: "input-streaming" },
    { ...call, toolCallId: "2", state: "input-available" },
    { ...call, toolCallId: "3", state: "output-available", output: 1 },
    { ...call, toolCallId: "4", state: "output-error", errorText: "no" },
    { ...call, type: "dynamic-tool", toolName: "any", toolCallId: "5", state: "input-available" },
    { type: "file", url: "data:,", mediaType: "text/plain" },
  ];
  const taken = new AnswerParts().take(answer("", { parts }));
  assertEquals(taken.slice(1, -1), [
    { type: "tool-input-start", toolCallId: "1", toolName: "clock" },
    { type: "tool-input-available", toolCallId: "2", toolName: "clock", input: {} },
    { type: "tool-input-available", toolCallId: "3", toolName: "clock", input: {} },
    { type: "tool-output-available", toolCallId: "3", output: 1 },
    { type: "tool-input-available", toolCallId: "4", toolName: "clock", input: {} },
    { type: "tool-output-error", toolCallId: "4", errorText: "no" },
    { type: "tool-input-available", toolCallId: "5", toolName: "any", dynamic: true, input: {} },
    { type: "file", url: "data:,", mediaType: "text/plain" },
  ]);
});

Deno.test("a run ends the stream as it ended itself", () => {
  const ends = (more: Partial<AssistantEntry>) =>
    stream(answer("", { parts: [], ...more })).slice(1);
  assertEquals(ends({ outcome: "cancelled" }), ["abort"]);
  assertEquals(ends({ outcome: "interrupted" }), ["error The answer was interrupted"]);
  const error = { code: "MODEL_TIMEOUT", message: "The model went silent" };
  assertEquals(ends({ outcome: "failed", error }), ["error The model went silent"]);
});
