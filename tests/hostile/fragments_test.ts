import { assert, assertEquals } from "@std/assert";
import { frameBytes } from "../support/arbitraries.ts";
import { Canary } from "../support/canary.ts";
import { ChatClient } from "../support/chat_client.ts";
import { eventually } from "../support/feed.ts";
import { RawSocket } from "../support/raw_socket.ts";
import { needsServer, ServerProcess } from "../support/server_process.ts";
import { mintToken } from "../support/tokens.ts";

const MIB = 1_048_576;

/** Above what an idle server takes, below that and the message. */
const LIMIT_MEMORY_BYTES = 220 * MIB;
const MESSAGE_BYTES = 200 * MIB;

/** V8's longest string is a little shorter. */
const NO_STRING_BYTES = 512 * MIB;

/** What a test takes that sends that much, bytes. */
const ROOM_BYTES = 2_048 * MIB;

const PIECE = new Uint8Array(MIB).fill(120);

/** A connected client that may send what it likes. */
async function connect(server: ServerProcess): Promise<RawSocket> {
  const authorization = `Bearer ${await mintToken({ sub: "mallory" })}`;
  const socket = await RawSocket.knock(server.address, { authorization });
  assertEquals((await socket.response()).status, 101);
  assertEquals((await socket.json()).type, "session.ready");
  return socket;
}

/** Sends one text message in pieces, and its end or not. */
async function sendMessage(
  socket: RawSocket,
  { bytes = MESSAGE_BYTES, ends }: { bytes?: number; ends: boolean },
): Promise<void> {
  const count = bytes / PIECE.length;
  await socket.write(frameBytes({ opcode: 1, payload: PIECE, fin: false }));
  const middle = frameBytes({ opcode: 0, payload: PIECE, fin: false });
  for (let sent = 1; sent < count - 1; sent++) await socket.write(middle);
  await socket.write(frameBytes({ opcode: 0, payload: PIECE, fin: ends }));
}

/** What a test needs that takes {@linkcode ROOM_BYTES}. */
function needsRoom(name: string): { name: string; ignore: boolean } {
  const needed = needsServer(name);
  if (needed.ignore || Deno.systemMemoryInfo().available > ROOM_BYTES) return needed;
  return { name: `${name} [ignored: needs 2 GiB of memory]`, ignore: true };
}

/** How a newcomer is met: the status of its handshake. */
async function knock(server: ServerProcess): Promise<number> {
  const authorization = `Bearer ${await mintToken({ sub: "newcomer" })}`;
  using socket = await RawSocket.knock(server.address, { authorization });
  return (await socket.response()).status;
}

Deno.test({
  ...needsServer(
    "messages of 200 MiB in fragments end their sockets alone, and newcomers wait only while they are held",
  ),
  async fn() {
    await using server = await ServerProcess.start({
      env: {
        LIMIT_MEMORY_BYTES: String(LIMIT_MEMORY_BYTES),
        LIMIT_FRAMES_PER_SECOND: "10000",
        LIMIT_FRAMES_BURST: "10000",
      },
    });
    await server.state("ready");
    assertEquals(await knock(server), 101);
    await using canary = await Canary.start(server.address, { speaks: false });
    const { wellbeing } = await canary.during(async () => {
      {
        using socket = await connect(server);
        await sendMessage(socket, { ends: false });
        await eventually(async () => await knock(server) === 503 || undefined, "a refusal");
      }
      await eventually(async () => await knock(server) === 101 || undefined, "a place");
      // Once it is whole it is refused, and then is garbage that nobody would collect.
      for (let time = 1; time <= 2; time++) {
        {
          using socket = await connect(server);
          await sendMessage(socket, { ends: true });
          assertEquals((await socket.closed()).code, 1009);
          assertEquals(await knock(server), 503);
        }
        await eventually(async () => await knock(server) === 101 || undefined, "a place");
      }
    });
    const { ping: { count, p99, longest } } = wellbeing;
    console.log(`fragments: canary ping p99 ${p99}, longest ${longest} ms (${count})`);
    assert(await server.metric("slow_consumers_total") === 0, "somebody who reads was closed");
    assertEquals(server.logs.filter(({ level }) => level === "error"), []);
  },
});

Deno.test({
  ...needsRoom(
    "a message of 512 MiB, for which the platform has no string, ends nobody else's socket and not the process",
  ),
  async fn() {
    await using server = await ServerProcess.start();
    await server.state("ready");
    await using bystander = await ChatClient.connect(server.address, await mintToken());
    using socket = await connect(server);
    await sendMessage(socket, { bytes: NO_STRING_BYTES, ends: true });
    await server.log("The platform could not read a socket", { level: "error" });
    assertEquals((await bystander.request({ type: "ping" })).type, "pong");
    await eventually(async () => await knock(server) === 101 || undefined, "a place");
  },
});
