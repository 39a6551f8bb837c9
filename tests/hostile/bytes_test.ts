import { assert, assertEquals } from "@std/assert";
import fc from "npm:fast-check@^4.10.2";
import { type HostileBytes, hostileBytes } from "../support/arbitraries.ts";
import { OPCODES, RawSocket } from "../support/raw_socket.ts";
import { needsServer } from "../support/server_process.ts";
import { Arena, Tally } from "./arena.ts";

/** Runs of the property and sockets in each: 1,600 in all. */
const RUNS = 100;
const LANES = 16;

/** Sends its bytes on a socket of its own, then a ping where one may still be answered. */
async function attackOnce(arena: Arena, { what, pieces, ends, unfinished }: HostileBytes) {
  using socket = await RawSocket.knock(arena.server.address, {
    authorization: `Bearer ${arena.token}`,
  });
  assertEquals((await socket.response()).status, 101);
  assertEquals((await socket.json()).type, "session.ready");
  try {
    for (const piece of pieces) await socket.write(piece);
    // The server waits for the rest, which never comes.
    if (unfinished) return "left unfinished";
    if (!ends) await socket.sendText('{"type":"ping","id":"after"}');
  } catch (error) {
    if (!isCut(error)) throw error;
    return "cut";
  }
  while (true) {
    try {
      const { opcode, payload } = await socket.frame();
      if (opcode === OPCODES.close) return payload.length === 0 ? "close" : "close, with a code";
      if (opcode !== OPCODES.text) continue;
      const text = new TextDecoder().decode(payload);
      arena.inspect(text);
      if (text === '{"type":"pong","ref":"after"}') {
        assert(!ends, `${what} must end the socket`);
        return "lives on";
      }
    } catch (error) {
      if (!isCut(error)) throw error;
      return "cut";
    }
  }
}

/** Whether the server ended the connection without a word. */
function isCut(error: unknown): boolean {
  return error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BrokenPipe ||
    error instanceof Error && error.message === "The stream ended within a body or frame";
}

Deno.test({
  ...needsServer(
    "a server ends each of 1,600 sockets that break the WebSocket protocol, alone, and a canary chats on",
  ),
  fn: () =>
    Arena.run(async (arena) => {
      const tally = new Tally();
      const property = fc.asyncProperty(
        fc.array(hostileBytes, { minLength: LANES, maxLength: LANES }),
        async (attacks) => {
          await Promise.all(
            attacks.map(async (bytes) => tally.add(bytes.what, await attackOnce(arena, bytes))),
          );
        },
      );
      await arena.attack("protocol violations", {
        tally,
        attack: (seed) => fc.assert(property, { seed, numRuns: RUNS / 2, endOnFailure: true }),
      });
      assertEquals(tally.total, RUNS * LANES);
    }),
});
