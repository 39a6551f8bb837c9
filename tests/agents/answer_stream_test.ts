import { assertEquals, assertRejects } from "@std/assert";
import { AnswerStream, type AskedCall, type SdkPart } from "../../lib/agents/answer_stream.ts";
import type { StreamPart } from "../../lib/agents/language_model.ts";
import type { Chunk } from "../../lib/agents/model.ts";
import { finishPart, openCall } from "../support/answers.ts";

const START: Chunk = { type: "start", messageId: "a-1", messageMetadata: { runId: "r-1" } };
const TOOL_CALL = { type: "tool-call", toolCallId: "c", toolName: "n", input: "{}" } as const;

/** An answer whose SDK passes every part on as it is. */
function answerOf(): AnswerStream {
  const toChunk = (part: SdkPart) => part as unknown as Chunk;
  return new AnswerStream({ messageId: "a-1", runId: "r-1", toChunk });
}

function asked(parts: ReadableStream<StreamPart>, toolChoice?: "none"): AskedCall {
  return {
    params: { prompt: [], ...(toolChoice === undefined ? {} : { toolChoice: { type: "none" } }) },
    open: () => Promise.resolve(openCall(parts)),
  };
}

function say(delta: string): StreamPart & Chunk {
  return { type: "text-delta", id: "t", delta };
}

const BEGIN: StreamPart & Chunk = { type: "text-start", id: "t" };
const END: StreamPart & Chunk = { type: "text-end", id: "t" };

Deno.test("AnswerStream tells its reader each part when it comes, before the call is over", async () => {
  const answer = answerOf();
  const chunks = answer.chunks();
  const next = async () => (await chunks.next()).value;
  const source = new TransformStream<StreamPart, StreamPart>();
  const writer = source.writable.getWriter();
  const calling = answer.call(asked(source.readable));
  void writer.write({ type: "stream-start", warnings: [] });
  void writer.write(BEGIN);
  assertEquals([await next(), await next(), await next()], [START, { type: "start-step" }, BEGIN]);
  void writer.write(say("now"));
  assertEquals(await next(), say("now"));
  void writer.write(END);
  assertEquals(await next(), END);
  void writer.write(finishPart("stop"));
  void writer.close();
  assertEquals((await calling).content, [{ type: "text", text: "now" }]);
  answer.stepped();
  answer.finish("stop");
  const rest: Chunk[] = [{ type: "finish-step" }, { type: "finish", finishReason: "stop" }];
  assertEquals(await Array.fromAsync(chunks), rest);
});

Deno.test("AnswerStream tells what the loop made of a call besides its words, and what tools returned", async () => {
  const answer = answerOf();
  const output = { type: "tool-result", toolCallId: "c", output: 1 };
  await answer.call(asked(ReadableStream.from([finishPart("tool-calls")])));
  answer.called([{ type: "text" }, { type: "reasoning" }, TOOL_CALL]);
  answer.ran(output);
  answer.finish("stop");
  const types = (await Array.fromAsync(answer.chunks())).map(({ type }): string => type);
  assertEquals(types, ["start", "start-step", "tool-call", "tool-result", "finish"]);
});

Deno.test("AnswerStream tells nothing of tools where the model may not call any", async () => {
  const answer = answerOf();
  const parts: StreamPart[] = [
    { type: "tool-input-start", id: "c", toolName: "n" },
    { type: "tool-input-delta", id: "c", delta: "{}" },
    TOOL_CALL,
    finishPart("tool-calls"),
  ];
  await answer.call(asked(ReadableStream.from(parts), "none"));
  answer.called([TOOL_CALL]);
  answer.finish("stop");
  const types = (await Array.fromAsync(answer.chunks())).map(({ type }): string => type);
  assertEquals(types, ["start", "start-step", "finish"]);
});

Deno.test("AnswerStream gives its reader the error behind what came before it", async () => {
  const answer = answerOf();
  answer.fail(new Error("cut"));
  answer.fail(new Error("again"));
  const seen: Chunk[] = [];
  const reading = async () => {
    for await (const chunk of answer.chunks()) seen.push(chunk);
  };
  await assertRejects(reading, Error, "cut");
  assertEquals(seen, [START]);
});

Deno.test("AnswerStream holds the model up while its reader is behind", async () => {
  const answer = answerOf();
  let made = 0;
  async function* parts(): AsyncGenerator<StreamPart> {
    yield BEGIN;
    for (; made < 1_000; made++) yield say("a");
    yield END;
    yield finishPart("stop");
  }
  const calling = answer.call(asked(ReadableStream.from(parts())));
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(made < 100, true, `${made} parts wait`);
  answer.fail(new Error("left"));
  // Nobody reads: what comes is dropped, and the call goes on to its end.
  assertEquals((await calling).content, [{ type: "text", text: "a".repeat(1_000) }]);
});
