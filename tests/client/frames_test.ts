import { assertEquals } from "@std/assert";
import { serverFrameSchemas, type ServerFrameType, SUBPROTOCOL } from "../../lib/chat/protocol.ts";
import { CLIENT_SUBPROTOCOL, readServerFrame } from "../../lib/client/frames.ts";
import { answered } from "./scripted_server.ts";

const RUN = { threadId: "t", runId: "r", attempt: 1, index: 0 };

/** One of each kind, valid. */
const FRAMES: { readonly [Type in ServerFrameType]: Readonly<Record<string, unknown>> } = {
  "session.ready": {
    sessionId: "s",
    subject: "alice",
    expiresAt: "2026-01-01T00:00:00.000Z",
    waitedMs: 0,
    degraded: [],
    limits: { frameBytes: 1, messageBytes: 1, framesPerSecond: 1 },
  },
  "ack": { ref: "a" },
  "thread.opened": { ref: "a", threadId: "t", headSeq: 0, activeRun: null, recovered: true },
  "entry": { threadId: "t", seq: 1, entry: answered("r", "text") },
  "chunk": { ...RUN, chunk: { type: "start" } },
  "chunks": { ...RUN, chunks: [{ type: "start" }] },
  "pong": { ref: "a" },
  "error": { code: "INTERNAL", message: "No.", retryable: false },
  "session.draining": { reconnectAfterMs: 1 },
};

Deno.test("the client names the protocol's subprotocol", () => {
  assertEquals(CLIENT_SUBPROTOCOL, SUBPROTOCOL);
});

for (const [type, fields] of Object.entries(FRAMES)) {
  Deno.test(`the client reads ${type} where the protocol's schema does`, () => {
    const schema = serverFrameSchemas[type as ServerFrameType];
    const whole = { type, ...fields };
    assertEquals(readServerFrame(JSON.stringify(whole)), schema.parse(whole));
    // What the client relies on it also checks; the schema checks more.
    for (const name of Object.keys(fields)) {
      for (const value of [undefined, null, 1, "x", true, {}, []]) {
        const changed = { ...whole, [name]: value };
        if (readServerFrame(JSON.stringify(changed)) === null) {
          assertEquals(schema.safeParse(changed).success, false, `${name} ${value}`);
        }
      }
      const without = { ...whole, [name]: undefined };
      const isOptional = ["waitedMs", "activeRun"].includes(name);
      assertEquals(readServerFrame(JSON.stringify(without)) === null, !isOptional, name);
    }
  });
}

for (
  const data of ["", "{", "null", "1", "[]", "{}", '{"type":1}', '{"type":"toString"}', null, 1]
) {
  Deno.test(`the client passes over ${JSON.stringify(data)}`, () => {
    assertEquals(readServerFrame(data), null);
  });
}
