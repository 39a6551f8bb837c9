/** The contract's section 8, a model endpoint that is lost: the real server and a scripted endpoint. */
import {
  assert,
  assertEquals,
  assertLess,
  assertLessOrEqual,
  assertStringIncludes,
} from "@std/assert";
import { delay } from "@std/async/delay";
import { ChatClient, chunksOf, textOf } from "../support/chat_client.ts";
import { eventually } from "../support/feed.ts";
import {
  answerCut,
  answerHtml,
  answerHugeLine,
  answerNever,
  answerRaw,
  answerReset,
  answerSilent,
  answerStatus,
  answerText,
  deltaEvent,
  endEvents,
  type ModelAnswer,
  ModelServer,
} from "../support/model_server.ts";
import { needsServer, ServerProcess } from "../support/server_process.ts";
import { mintToken } from "../support/tokens.ts";
import {
  answersIn,
  assertDegraded,
  assertPasses,
  logOf,
  messagesIn,
  metric,
  residentMegabytes,
} from "./observed.ts";

function startWith(
  baseUrl: string,
  limits: Readonly<Record<string, string>> = {},
): Promise<ServerProcess> {
  return ServerProcess.start({
    env: { OPENAI_BASE_URL: baseUrl, OPENAI_MODEL: "scripted", ...limits },
  });
}

/** How a run must end that a model has failed. */
interface Failure {
  readonly code: string;
  /** The text so far. */
  readonly text?: string;
}

/** Sends a message and asserts that its run fails: on the socket, and in the log for good. */
async function assertFails(
  { server, client, token, id }: {
    server: ServerProcess;
    client: ChatClient;
    token: string;
    /** Names the thread too. */
    id: string;
  },
  { code, text = "" }: Failure,
): Promise<void> {
  const { runId } = await client.say(id, { id, text: "hello" });
  const answer = await client.answer(id);
  const { entry } = answer;
  assert(entry.kind === "message" && entry.role === "assistant");
  assertEquals([entry.runId, entry.attempt, entry.outcome], [runId, 1, "failed"]);
  assertEquals(entry.error?.code, code);
  assertEquals(textOf(answer), text);
  assertEquals(spokenIn(client, runId), text);
  const log = await logOf(server, token, id);
  assertEquals(log.map(({ entry }) => entry.kind), ["message", "run.started", "message"]);
  assertEquals([messagesIn(log), answersIn(log)], [[id], [entry]]);
}

/** The text that a run streamed to a client. */
function spokenIn(client: ChatClient, runId: string): string {
  return chunksOf(client.frames.items).filter((chunk) => chunk.runId === runId)
    .map(({ chunk }) => chunk.type === "text-delta" ? chunk.delta : "").join("");
}

interface Row extends Failure {
  readonly name: string;
  readonly answers: readonly ModelAnswer[];
  /** Requests that reach the endpoint for one message. */
  readonly requests: number;
  readonly limits?: Readonly<Record<string, string>>;
}

const unavailable = { code: "MODEL_UNAVAILABLE", requests: 1 } as const;
const IMPATIENT = { LIMIT_MODEL_SILENCE_MS: "400" };

const ROWS: readonly Row[] = [
  { ...unavailable, name: "answers 500", answers: [answerStatus(500)], requests: 3 },
  { ...unavailable, name: "answers 429", answers: [answerStatus(429)], requests: 3 },
  { ...unavailable, name: "answers 400", answers: [answerStatus(400)] },
  {
    ...unavailable,
    name: "asks to come back after a minute",
    answers: [answerStatus(429, { headers: { "retry-after": "60" } })],
  },
  { ...unavailable, name: "answers with a page of HTML", answers: [answerHtml()] },
  {
    ...unavailable,
    name: "answers with bytes that are no UTF-8",
    answers: [answerRaw([Uint8Array.of(0xff, 0xfe, 0xc3, 0x28, 10, 10, 0x80)])],
  },
  {
    ...unavailable,
    name: "ends its stream after some words without a finish reason",
    answers: [answerCut("one two three ")],
    text: "one two three ",
  },
  {
    ...unavailable,
    name: "resets the connection after some words",
    answers: [answerReset("one two ")],
    text: "one two ",
  },
  {
    name: "never answers",
    code: "MODEL_TIMEOUT",
    answers: [answerNever()],
    requests: 1,
    limits: IMPATIENT,
  },
  {
    name: "goes silent after some words",
    code: "MODEL_TIMEOUT",
    answers: [answerSilent("one two ")],
    text: "one two ",
    requests: 1,
    limits: IMPATIENT,
  },
  {
    ...unavailable,
    name: "sends a line of 10 MB",
    answers: [answerHugeLine(10 * 1024 * 1024)],
  },
  { ...unavailable, name: "sends a line without end", answers: [endlessLine()] },
];

for (const { name, answers, requests, limits, ...failure } of ROWS) {
  Deno.test({
    ...needsServer(
      `a model endpoint that ${name} ends each run failed, once, and the server serves on`,
    ),
    async fn() {
      await using model = new ModelServer(...answers);
      await using server = await startWith(model.baseUrl, limits);
      const token = await mintToken();
      await using client = await ChatClient.connect(server.address, token);
      const fails = (id: string) => assertFails({ server, client, token, id }, failure);
      await Promise.all([fails("first"), fails("second")]);
      assertEquals(model.requests.length, 2 * requests);
      await assertDegraded(server, token, "model");
      assertEquals(await metric(server, 'runs_total{outcome="failed"}'), 2);
      assertEquals(await metric(server, "messages_stored_total"), 2);

      model.script(answerText("all is well"));
      await client.say("third", { id: "third", text: "hello" });
      assertEquals(textOf(await client.answer("third")), "all is well");
      assertEquals(await metric(server, 'runs_total{outcome="completed"}'), 1);
      assertEquals(await metric(server, "runs_active"), 0);
      await assertPasses(server);
      await using newcomer = new ChatClient(server.address, token);
      assertEquals((await newcomer.next("session.ready")).degraded, []);
    },
  });
}

Deno.test({
  ...needsServer(
    "a model endpoint that refuses connections ends each run failed, until it is back",
  ),
  async fn() {
    const lost = new ModelServer(answerText("never"));
    const { baseUrl } = lost;
    await lost[Symbol.asyncDispose]();
    await using server = await startWith(baseUrl);
    const token = await mintToken();
    await using client = await ChatClient.connect(server.address, token);
    await assertFails({ server, client, token, id: "first" }, { code: "MODEL_UNAVAILABLE" });
    await assertDegraded(server, token, "model");
    for (const words of [baseUrl, new URL(baseUrl).host]) {
      assert(!JSON.stringify(client.frames.items).includes(words), "it told an address");
    }
  },
});

Deno.test({
  ...needsServer("a model endpoint that answers 503 twice is tried again, and the run completes"),
  async fn() {
    await using model = new ModelServer(answerStatus(503), answerStatus(503), answerText("late"));
    await using server = await startWith(model.baseUrl);
    const token = await mintToken();
    await using client = await ChatClient.connect(server.address, token);
    await client.say("t1", { id: "m1", text: "hello" });
    assertEquals(textOf(await client.answer("t1")), "late");
    assertEquals(model.requests.length, 3);
    await assertPasses(server);
  },
});

Deno.test({
  ...needsServer("invalid UTF-8 within an answer becomes replacement characters, and no more"),
  async fn() {
    const [head, tail] = deltaEvent({ content: "a~b" }).split("~") as [string, string];
    const event = [head, Uint8Array.of(0xff), tail];
    await using model = new ModelServer(answerRaw([...event, ...endEvents()]));
    await using server = await startWith(model.baseUrl);
    await using client = await ChatClient.connect(server.address, await mintToken());
    await client.say("t1", { id: "m1", text: "hello" });
    assertEquals(textOf(await client.answer("t1")), "a\ufffdb");
  },
});

Deno.test({
  ...needsServer(
    "an answer without end is cut at its limit, the endpoint is left, and memory stays bounded",
  ),
  async fn() {
    await using model = new ModelServer(endlessWords());
    await using server = await startWith(model.baseUrl, { LIMIT_ANSWER_BYTES: "20000" });
    const token = await mintToken();
    await using client = await ChatClient.connect(server.address, token);
    const before = await residentMegabytes(server);
    await client.say("t1", { id: "m1", text: "hello" });
    const answer = await client.answer("t1");
    const { entry } = answer;
    assert(entry.kind === "message" && entry.role === "assistant");
    assertEquals([entry.outcome, entry.error?.code], ["failed", "ANSWER_TOO_LARGE"]);
    const text = textOf(answer);
    assertLessOrEqual(text.length, 20_000);
    assertLess(19_000, text.length);
    assertStringIncludes(text, "1 1 2 2 ");
    assertEquals(spokenIn(client, entry.runId), text);
    await model.whenCancelled();
    // Far above what it takes, far below what an endpoint sends that nobody leaves.
    assertLess(await residentMegabytes(server) - before, 128);
    assertEquals(model.requests.length, 1);
    assertEquals(answersIn(await logOf(server, token, "t1")).length, 1);
    // The endpoint did what it should.
    await assertPasses(server);
  },
});

Deno.test({
  ...needsServer(
    "five failed calls in a row stop all requests to a model endpoint for 10 s, and a good one ends that",
  ),
  async fn() {
    await using model = new ModelServer(answerStatus(500));
    await using server = await startWith(model.baseUrl);
    const token = await mintToken();
    await using client = await ChatClient.connect(server.address, token);
    const fails = (call: number) =>
      assertFails({ server, client, token, id: `call-${call}` }, { code: "MODEL_UNAVAILABLE" });
    await Promise.all([1, 2, 3, 4].map(fails));
    assertEquals(model.requests.length, 12);
    await fails(5);
    assertEquals(model.requests.length, 15);
    model.script(answerText("back again"));
    await Promise.all([6, 7, 8].map(fails));
    await assertDegraded(server, token, "model");
    assertEquals(model.requests.length, 15);

    let call = 8;
    const closed = await eventually(async () => {
      const id = `call-${++call}`;
      await client.say(id, { id, text: "hello" });
      const answer = await client.answer(id);
      await delay(250);
      return textOf(answer) === "back again" ? answer : undefined;
    }, "the trial call");
    assert(closed.entry.kind === "message" && closed.entry.role === "assistant");
    assertEquals(closed.entry.outcome, "completed");
    assertEquals(model.requests.length, 16);
    await assertPasses(server);
  },
});

/** One event whose data goes on for ever. */
function endlessLine(): ModelAnswer {
  const block = "x".repeat(65_536);
  return {
    async *body(signal) {
      yield 'data: {"choices":[{"delta":{"content":"';
      while (!signal.aborted) yield block;
    },
  };
}

/** Words without end, as fast as they are taken. */
function endlessWords(): ModelAnswer {
  return {
    async *body(signal) {
      for (let word = 1; !signal.aborted; word++) {
        yield deltaEvent({ content: `${word} `.repeat(50) });
      }
    },
  };
}
