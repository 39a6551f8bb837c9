import { assert, assertEquals, assertLess } from "@std/assert";
import { Canary } from "../support/canary.ts";
import { ChatClient } from "../support/chat_client.ts";
import { eventually } from "../support/feed.ts";
import {
  deltaEvent,
  endEvents,
  type ModelAnswer,
  ModelServer,
  paced,
} from "../support/model_server.ts";
import { OPCODES, RawSocket } from "../support/raw_socket.ts";
import { needsServer, ServerProcess } from "../support/server_process.ts";
import { mintToken } from "../support/tokens.ts";

const MIB = 1_048_576;

/**
 * More than any kernel takes for a reader that does not read: Linux gives a receiver 6 MiB at most,
 * or 32 where more memory is there, and a sender 4.
 */
const KERNEL_BYTES = 64 * MIB;

/** An answer of 0.9 MiB in large pieces: its chunks and its entry are twice that. */
const BIG: ModelAnswer = {
  body: paced([
    ...Array.from({ length: 60 }, () => deltaEvent({ content: "x".repeat(15_999) + " " })),
    ...endEvents(),
  ]),
};
const BIG_BYTES = 2 * 60 * 16_000;

async function startServer(
  model: ModelServer,
  env: Readonly<Record<string, string>>,
): Promise<ServerProcess> {
  const server = await ServerProcess.start({
    env: {
      OPENAI_BASE_URL: model.baseUrl,
      OPENAI_MODEL: "scripted",
      OPENAI_API_KEY: "key",
      LIMIT_FRAMES_PER_SECOND: "10000",
      LIMIT_FRAMES_BURST: "10000",
      ...env,
    },
  });
  await server.state("ready");
  return server;
}

/** A client that has opened threads, behind an entry each, and does not read what comes. */
async function stall(
  server: ServerProcess,
  sub: string,
  threads: readonly string[],
  afterSeq?: number,
) {
  const authorization = `Bearer ${await mintToken({ sub })}`;
  const socket = await RawSocket.knock(server.address, { authorization });
  const { status } = await socket.response();
  if (status !== 101) {
    socket[Symbol.dispose]();
    return { status, socket: null };
  }
  assertEquals((await socket.json()).type, "session.ready");
  for (const threadId of threads) {
    await socket.sendText(JSON.stringify({ type: "thread.open", id: "open", threadId, afterSeq }));
  }
  return { status, socket };
}

/** Reads all that was sent, up to the close frame. */
async function readOn(socket: RawSocket): Promise<{ code: number; lastSeq: number }> {
  let lastSeq = 0;
  while (true) {
    const { opcode, payload } = await socket.frame();
    if (opcode === OPCODES.close) return { code: payload[0]! * 256 + payload[1]!, lastSeq };
    if (opcode !== OPCODES.text) continue;
    const { type, seq } = JSON.parse(new TextDecoder().decode(payload));
    if (type === "entry") lastSeq = seq;
  }
}

async function metrics(server: ServerProcess): Promise<(series: string) => number> {
  const { body } = await server.request("/metrics");
  return (series) => {
    const line = body.split("\n").find((line) => line.startsWith(`${series} `));
    return line === undefined ? 0 : Number(line.slice(line.lastIndexOf(" ")));
  };
}

Deno.test({
  ...needsServer(
    "a reader that stalls is given up at LIMIT_UNSENT_BYTES, costs nobody else anything, and resumes",
  ),
  async fn() {
    await using model = new ModelServer(BIG);
    await using server = await startServer(model, {});
    await using canary = await Canary.start(server.address, { speaks: false });
    await using writer = await ChatClient.connect(server.address, await mintToken());
    await writer.say("t1", { id: "m0", text: "begin" });
    await writer.answer("t1");
    // Up to date from the start: one that still catches up is waited for, and given up later.
    const stalled = await stall(server, "alice", ["t1"], 3);
    using socket = stalled.socket!;

    let answers = 1;
    const answerMore = async () => {
      await writer.say("t1", { id: `m${answers}`, text: "more" });
      await writer.answer("t1", ++answers);
    };
    const slow = async () => (await metrics(server))("drawbridge_slow_consumers_total");
    const { wellbeing } = await canary.during(async () => {
      while (await slow() === 0 && answers * BIG_BYTES < KERNEL_BYTES) await answerMore();
      assertEquals(await slow(), 1);
      // Something that it missed for certain.
      await answerMore();
    });
    console.log(
      `stalled reader: canary ping p99 ${wellbeing.ping.p99} ms (${wellbeing.ping.count})`,
    );

    // It reads on: everything up to where it was given up, then why.
    const { code, lastSeq } = await readOn(socket);
    assertEquals(code, 1013);
    assertLess(lastSeq, 3 * answers);
    const afterSeq = lastSeq;
    await using again = await ChatClient.connect(server.address, await mintToken());
    const opened = await again.request({ type: "thread.open", threadId: "t1", afterSeq });
    assert(opened.type === "thread.opened" && opened.recovered);
    await again.next("entry", ({ seq }) => seq === opened.headSeq);
    const seqs = again.frames.items.flatMap((frame) => frame.type === "entry" ? [frame.seq] : []);
    assertEquals(
      seqs,
      Array.from({ length: 3 * answers - afterSeq }, (_, at) => afterSeq + at + 1),
    );
  },
});

Deno.test({
  ...needsServer("readers that stall do not hold up the drain"),
  async fn() {
    await using model = new ModelServer(BIG);
    await using server = await startServer(model, {});
    await using writer = await ChatClient.connect(server.address, await mintToken());
    const threads = Array.from({ length: 8 }, (_, at) => `t${at}`);
    // One after another: together they are more than a reader may leave unread.
    for (const threadId of threads) {
      await writer.say(threadId, { id: "m1", text: "hello" });
      await writer.answer(threadId);
    }
    using stack = new DisposableStack();
    for (let readers = 0; readers < 4; readers++) {
      stack.use((await stall(server, "alice", [...threads, ...threads])).socket!);
    }
    // They hold all that the server gives them before it waits.
    await writer.request({ type: "ping" });
    server.signal("SIGTERM");
    assertEquals((await writer.closed()).code, 1012);
    assertEquals((await server.exited()).code, 0);
    assertEquals(server.logs.at(-1)?.msg, "drained");
    assertEquals(server.logs.at(-1)?.inTime, true);
    assertEquals(server.logs.filter(({ level }) => level === "error"), []);
  },
});

Deno.test({
  ...needsServer(
    "LIMIT_MEMORY_BYTES refuses new sockets with ADMISSION_FULL, closes the heaviest with 1013, and opens again",
  ),
  async fn() {
    await using model = new ModelServer(BIG);
    const limitBytes = 260 * MIB;
    await using server = await startServer(model, {
      LIMIT_MEMORY_BYTES: String(limitBytes),
      LIMIT_UNSENT_BYTES: String(200 * MIB),
      DENO_V8_FLAGS: "--max-old-space-size=96,--max-semi-space-size=2",
    });
    await using writer = await ChatClient.connect(server.address, await mintToken());
    await using light = await ChatClient.connect(server.address, await mintToken({ sub: "bob" }));
    const threads = Array.from({ length: 30 }, (_, at) => `t${at}`);
    for (const threadId of threads) {
      await writer.say(threadId, { id: "m1", text: "hello" });
      await writer.answer(threadId);
    }
    const sockets: RawSocket[] = [];
    try {
      // Each can hold 29 MiB less what the kernel takes, far below its own limit.
      await eventually(async () => {
        const { socket } = await stall(server, "alice", sockets.length < 14 ? threads : []);
        if (socket === null) return true;
        if (sockets.length < 14) sockets.push(socket);
        else socket[Symbol.dispose]();
        return undefined;
      }, "a refusal");
      // More than an eighth of them: those that were closed first, and still do not read, do not
      // stand before the others.
      await eventually(async () => {
        const read = await metrics(server);
        return read("drawbridge_slow_consumers_total") > 4 || undefined;
      }, "the heaviest to be closed");
      const read = await metrics(server);
      assert(read('drawbridge_gate_refusals_total{code="ADMISSION_FULL"}') > 0);
      // Whoever reads is not concerned.
      assertEquals((await light.request({ type: "ping" })).type, "pong");

      // Which of them were closed is the server's choice: whoever was, is told why behind the rest.
      const told = await Promise.any(sockets.map(readOn));
      assertEquals(told.code, 1013);
      for (const socket of sockets.splice(0)) socket[Symbol.dispose]();
      await eventually(async () => {
        const { socket } = await stall(server, "carol", []);
        socket?.[Symbol.dispose]();
        return socket === null ? undefined : true;
      }, "a place");
      await eventually(async () => {
        const read = await metrics(server);
        return read('drawbridge_closes_total{code="1013"}') > 4 || undefined;
      }, "the closes to be counted");
      assertEquals((await light.request({ type: "ping" })).type, "pong");
    } finally {
      for (const socket of sockets) socket[Symbol.dispose]();
    }
  },
});
