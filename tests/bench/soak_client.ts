/**
 * One client of the soak: it comes, and leaves while it waits, or chats a little.
 *
 * @module
 */
import { delay } from "@std/async/delay";
import { OPCODES, RawSocket } from "../support/raw_socket.ts";
import type { ServerProcess } from "../support/server_process.ts";

/** How long a client waits at the gate, milliseconds. */
export const WAIT_MS = 4_000;

/** One client in so many leaves while it waits. */
const LEAVES_EVERY = 10;

/** One client in so many sends a message and waits for its answer; the others ping. */
const SPEAKS_EVERY = 10;

/** Longest stay of a client, milliseconds. */
const STAY_MS = 3_000;

/** Comes as client number `client`, and says what became of it. */
export async function visit(
  server: ServerProcess,
  token: string,
  client: number,
): Promise<string> {
  const authorization = `Bearer ${token}`;
  using socket = await RawSocket.knock(server.address, { authorization });
  if (client % LEAVES_EVERY === 0) {
    // Some before the server has seen them, some well within their wait.
    await delay(client % 3 * WAIT_MS / 8);
    return "left while it waited";
  }
  const { status, body } = await socket.response();
  if (status !== 101) return `refused: ${status} ${JSON.parse(body).code}`;
  const first = await socket.json();
  if (first["type"] !== "session.ready") return `let in, and refused: ${first["code"]}`;
  const speaks = client % SPEAKS_EVERY === 1;
  if (speaks) await speak(socket, `soak-${client}`);
  else await ping(socket);
  if (speaks) await forget(server, { threadId: `soak-${client}`, authorization });
  await delay(client * 7 % STAY_MS);
  // Every other one leaves without a word.
  if (client % 2 === 0) await socket.sendFrame(OPCODES.close, Uint8Array.of(3, 232));
  return speaks ? "was answered" : "pinged";
}

async function ping(socket: RawSocket): Promise<void> {
  await socket.sendText('{"type":"ping","id":"p"}');
  const { type } = await socket.json();
  if (type !== "pong") throw new Error(`A ping was answered with ${type}`);
}

/** Says something in a new thread and waits for the answer. */
async function speak(socket: RawSocket, threadId: string): Promise<void> {
  const message = { id: "m1", text: "/count 5 0" };
  await socket.sendText(JSON.stringify({ type: "message.send", id: "f1", threadId, message }));
  while (true) {
    const { type, code, entry } = await socket.json() as {
      type: string;
      code?: string;
      entry?: { outcome?: string };
    };
    if (type === "error") throw new Error(`A message was refused: ${code}`);
    if (entry?.outcome !== undefined) return;
  }
}

/** Takes a thread away, so that what is stored does not grow. */
async function forget(
  server: ServerProcess,
  { threadId, authorization }: { threadId: string; authorization: string },
): Promise<void> {
  const { status } = await server.request(`/api/threads/${threadId}`, {
    method: "DELETE",
    headers: { authorization },
  });
  if (status !== 204) throw new Error(`A thread could not be deleted: ${status}`);
}
