import { assert, assertEquals, assertGreater, assertMatch } from "@std/assert";
import { LIMIT_DEFINITIONS } from "../../lib/limits.ts";
import { ChatClient, textOf } from "../support/chat_client.ts";
import { eventually } from "../support/feed.ts";
import { KvAddress } from "../support/hanging_kv.ts";
import { answerSilent, ModelServer } from "../support/model_server.ts";
import { OPCODES, type RawResponse, RawSocket } from "../support/raw_socket.ts";
import { needs } from "../support/permissions.ts";
import { needsServer, ServerProcess } from "../support/server_process.ts";
import { mintToken } from "../support/tokens.ts";

/** Small limits, each met alone. */
const SMALL = {
  LIMIT_FRAME_BYTES: "4000",
  LIMIT_MESSAGE_BYTES: "1000",
  LIMIT_ANSWER_BYTES: "2000",
  LIMIT_FRAMES_PER_SECOND: "1",
  LIMIT_FRAMES_BURST: "40",
  LIMIT_BAD_FRAMES: "3",
  LIMIT_SOCKETS_PER_SUBJECT: "2",
  LIMIT_RUNS: "3",
  LIMIT_RUNS_PER_SUBJECT: "2",
} as const;

/** The value of a metric by its name and labels; 0 where it has none. */
async function count(server: ServerProcess, series: string): Promise<number> {
  const { body } = await server.request("/metrics");
  const line = body.split("\n").find((line) => line.startsWith(`drawbridge_${series} `));
  return line === undefined ? 0 : Number(line.slice(line.lastIndexOf(" ")));
}

/** Waits until a metric that was 0 is at `least`: a close is counted when the peer has answered it. */
async function counted(server: ServerProcess, series: string, least = 1): Promise<void> {
  await eventually(async () => await count(server, series) >= least || undefined, series);
}

async function shake(server: ServerProcess, sub: string): Promise<RawSocket & { sub: string }> {
  const authorization = `Bearer ${await mintToken({ sub })}`;
  return Object.assign(await RawSocket.knock(server.address, { authorization }), { sub });
}

function assertProblem({ status, headers, body }: RawResponse, expected: [number, string]): void {
  const { code, retryable } = JSON.parse(body);
  assertEquals([status, code], expected);
  if (status === 429 || status === 503) {
    assertEquals(retryable, true);
    assertMatch(headers.get("retry-after") ?? "", /^[1-9]\d*$/);
  }
}

Deno.test({
  ...needsServer("a server keeps each limit of a socket, a message and a run, and counts it"),
  async fn(t) {
    await using server = await ServerProcess.start({ env: SMALL });
    await server.state("ready");
    const connect = async (sub: string) =>
      await ChatClient.connect(server.address, await mintToken({ sub }));

    await t.step("codes that clients choose do not crowd the server's own out", async () => {
      const codes = Array.from({ length: 220 }, (_, at) => 3_000 + at);
      await Promise.all(codes.map(async (code) => {
        using socket = await shake(server, `chooser-${code}`);
        assertEquals((await socket.response()).status, 101);
        await socket.sendFrame(OPCODES.close, Uint8Array.of(code >> 8, code & 0xff));
        await socket.closed();
      }));
      await counted(server, 'closes_total{code="other"}', 220);
    });

    await t.step(
      "LIMIT_FRAME_BYTES closes with 1009, and takes a frame of just that size",
      async () => {
        await using client = await connect("frame");
        const frame = (bytes: number) => {
          const head = '{"type":"ping","id":"p","x":"';
          // Three bytes a character: it is bytes that count.
          return `${head}${"€".repeat(Math.floor((bytes - head.length - 2) / 3))}"}`.padEnd(
            bytes - 2 * Math.floor((bytes - head.length - 2) / 3),
          );
        };
        const size = (text: string) => new TextEncoder().encode(text).length;
        assertEquals(size(frame(4_000)), 4_000);
        client.sendText(frame(4_000));
        await client.next("pong");
        client.sendText(frame(4_001));
        assertEquals((await client.closed()).code, 1009);
        await counted(server, 'closes_total{code="1009"}');
      },
    );

    await t.step(
      "LIMIT_MESSAGE_BYTES refuses on the socket and with 413, stores nothing",
      async () => {
        await using client = await connect("message");
        const text = "é".repeat(500);
        const refused = await client.request({
          type: "message.send",
          threadId: "t1",
          message: { id: "m1", text: `${text}.` },
        });
        assertEquals(refused.type === "error" && refused.code, "MESSAGE_TOO_LARGE");
        const authorization = `Bearer ${await mintToken({ sub: "message" })}`;
        for (const size of [1_001, 100_000]) {
          const answer = await server.request("/api/threads/t1/messages", {
            method: "POST",
            headers: { authorization, "content-type": "application/json" },
            body: JSON.stringify({ id: "m1", text: "x".repeat(size) }),
          });
          assertProblem(answer, [413, "MESSAGE_TOO_LARGE"]);
        }
        assertEquals(await count(server, "messages_stored_total"), 0);
        await counted(server, 'frames_total{direction="out",type="error"}');
        const { seq } = await client.say("t1", { id: "m1", text });
        assertEquals(seq, 1);
        await client.answer("t1");
      },
    );

    await t.step("LIMIT_ANSWER_BYTES ends the run failed, the text so far kept", async () => {
      await using client = await connect("answer");
      await client.say("t1", { id: "m1", text: "/count 10000 0" });
      const answer = await client.answer("t1");
      const { entry } = answer;
      assert("outcome" in entry);
      assertEquals([entry.outcome, entry.error?.code], ["failed", "ANSWER_TOO_LARGE"]);
      const text = textOf(answer);
      assert(text.startsWith("1 2 3") && text.length <= 2_000 && text.length > 1_500);
      await counted(server, 'runs_total{outcome="failed"}');
    });

    await t.step(
      "LIMIT_FRAMES_BURST drops what is over it, and closes a flood with 4429",
      async () => {
        await using client = await connect("flood");
        for (let sent = 1; sent <= 45; sent++) client.sendText('{"type":"ping","id":"p"}');
        const error = await client.next("error");
        assertEquals([error.code, error.retryable], ["RATE_LIMITED", true]);
        assertGreater(error.retryAfterMs ?? 0, 0);
        const pongs = client.frames.items.filter(({ type }) => type === "pong").length;
        assert(pongs >= 40 && pongs < 45, `${pongs} pongs`);
        for (let sent = 1; sent <= 200; sent++) client.sendText('{"type":"ping","id":"p"}');
        assertEquals((await client.closed()).code, 4429);
        await counted(server, 'closes_total{code="4429"}');
      },
    );

    await t.step(
      "LIMIT_FRAMES_PER_SECOND lets a client go on after the time it is told",
      async () => {
        await using client = await connect("patient");
        for (let sent = 1; sent <= 45; sent++) client.sendText('{"type":"ping","id":"p"}');
        const { retryAfterMs } = await client.next("error");
        await new Promise((resolve) => setTimeout(resolve, retryAfterMs! + 50));
        client.sendText('{"type":"ping","id":"again"}');
        await client.next("pong", ({ ref }) => ref === "again");
      },
    );

    await t.step("LIMIT_BAD_FRAMES closes with 4400 at the last one in a row", async () => {
      await using client = await connect("bad");
      for (const text of ["{", "[]", '{"type":"ping","id":"p"}', "{", '{"type":"x","id":"y"}']) {
        client.sendText(text);
      }
      await client.next("error", ({ code }) => code === "UNKNOWN_TYPE");
      client.sendText("null");
      assertEquals((await client.closed()).code, 4400);
      await counted(server, 'closes_total{code="4400"}');
    });

    await t.step("LIMIT_SOCKETS_PER_SUBJECT refuses with 429 until one leaves", async () => {
      await using _first = await connect("many");
      const second = await connect("many");
      {
        using third = await shake(server, "many");
        assertProblem(await third.response(), [429, "TOO_MANY_CONNECTIONS"]);
      }
      await counted(server, 'gate_refusals_total{code="TOO_MANY_CONNECTIONS"}');
      // Nobody else is concerned.
      await using _other = await connect("another");
      await second[Symbol.asyncDispose]();
      await eventually(async () => {
        using third = await shake(server, "many");
        return (await third.response()).status === 101 || undefined;
      }, "a place");
    });

    await t.step("LIMIT_RUNS and LIMIT_RUNS_PER_SUBJECT refuse, and store nothing", async () => {
      await using alice = await connect("alice");
      await using bob = await connect("bob");
      const run = async (client: ChatClient, threadId: string) => {
        const message = { id: "m1", text: "/count 10000 200" };
        const answer = await client.request({ type: "message.send", threadId, message });
        return answer.type === "error" ? [answer.code, answer.retryable] : answer.type;
      };
      const refused: Awaited<ReturnType<typeof run>> = ["TOO_MANY_RUNS", true];
      assertEquals(await run(alice, "t1"), "ack");
      assertEquals(await run(alice, "t2"), "ack");
      assertEquals(await run(alice, "t3"), refused);
      assertEquals(await run(bob, "t1"), "ack");
      assertEquals(await run(bob, "t2"), refused);
      assertEquals(await count(server, "runs_active"), 3);
      for (const [client, threadId] of [[alice, "t3"], [bob, "t2"]] as const) {
        const opened = await client.request({ type: "thread.open", threadId });
        assertEquals(opened.type === "error" && opened.code, "NOT_FOUND");
      }
      const opened = await alice.request({ type: "thread.open", threadId: "t1" });
      assert(opened.type === "thread.opened" && opened.activeRun !== null);
      const { runId } = opened.activeRun;
      await alice.request({ type: "run.cancel", threadId: "t1", runId });
      await alice.answer("t1");
      await eventually(async () => await run(bob, "t2") === "ack" || undefined, "a free slot");
    });

    assertEquals(server.logs.filter(({ level }) => level === "error"), []);
  },
});

Deno.test({
  ...needsServer("LIMIT_MODEL_SILENCE_MS ends a run with MODEL_TIMEOUT, and counts it"),
  async fn() {
    await using model = new ModelServer(answerSilent("so far "));
    await using server = await ServerProcess.start({
      env: {
        LIMIT_MODEL_SILENCE_MS: "300",
        OPENAI_BASE_URL: model.baseUrl,
        OPENAI_MODEL: "scripted",
        OPENAI_API_KEY: "key",
      },
    });
    await server.state("ready");
    await using client = await ChatClient.connect(server.address, await mintToken());
    await client.say("t1", { id: "m1", text: "hello" });
    const answer = await client.answer("t1");
    assert("outcome" in answer.entry);
    assertEquals([answer.entry.outcome, answer.entry.error?.code], ["failed", "MODEL_TIMEOUT"]);
    assertEquals(textOf(answer), "so far ");
    await counted(server, 'runs_total{outcome="failed"}');
  },
});

Deno.test({
  ...needsServer("LIMIT_WAITING_PER_SUBJECT and LIMIT_WAITING refuse at the gate, and are counted"),
  async fn() {
    await using kv = new KvAddress({ kind: "hang" });
    await using server = await ServerProcess.start({
      env: {
        ...kv.env,
        STARTUP_WAIT_MS: "60000",
        LIMIT_WAITING_PER_SUBJECT: "2",
        LIMIT_WAITING: "3",
      },
    });
    // Known keys: callers wait under their names.
    await server.log("startup phase ready", { phase: "keys" });
    using stack = new DisposableStack();
    const wait = async (sub: string) => stack.use(await shake(server, sub));
    await wait("alice");
    const second = await wait("alice");
    await server.waiting(2);
    assertProblem(await (await wait("alice")).response(), [429, "TOO_MANY_CONNECTIONS"]);
    await wait("bob");
    await server.waiting(3);
    assertProblem(await (await wait("carol")).response(), [503, "ADMISSION_FULL"]);
    for (const code of ["TOO_MANY_CONNECTIONS", "ADMISSION_FULL"]) {
      assertEquals(await count(server, `gate_refusals_total{code="${code}"}`), 1);
    }
    // A place that is left is free.
    await second.closeWrite();
    await server.waiting(2);
    await wait("carol");
    await server.waiting(3);
  },
});

Deno.test({
  ...needs("read")("each limit that can be set is met by a test that names it"),
  async fn() {
    const files = ["limits_test.ts", "slow_consumers_test.ts"];
    const sources = await Promise.all(
      files.map((file) => Deno.readTextFile(new URL(file, import.meta.url))),
    );
    const names = sources.flatMap((source) =>
      [...source.matchAll(/(?:needsServer|step)\(\s*"([^"]+)"/g)].map(([, name]) => name!)
    );
    const untested = Object.values(LIMIT_DEFINITIONS).map(({ variable }) => variable)
      .filter((variable) => !names.some((name) => name.split(/[^A-Z_]+/).includes(variable)));
    assertEquals(untested, []);
  },
});
