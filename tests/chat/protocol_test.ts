import { assert, assertEquals } from "@std/assert";
import fc from "npm:fast-check@^4.10.2";
import {
  clientFrameSchemas,
  type ClientFrameType,
  encodeChunks,
  encodeFrame,
  errorFrame,
  parseClientFrame,
  serverFrameSchemas,
} from "../../lib/chat/protocol.ts";
import { AppError, ERRORS } from "../../lib/errors.ts";

/** One valid frame of each type, with every optional field. */
const VALID: { readonly [Type in ClientFrameType]: Readonly<Record<string, unknown>> } = {
  "message.send": {
    type: "message.send",
    id: "1",
    threadId: "t-1",
    message: { id: "m_1", text: "Grüße 👋" },
    agent: "default",
    onBusy: "interrupt",
  },
  "message.regenerate": { type: "message.regenerate", id: "1", threadId: "t-1", onBusy: "queue" },
  "thread.open": {
    type: "thread.open",
    id: "1",
    threadId: "t-1",
    afterSeq: 0,
    run: { runId: "r-1", attempt: 1, index: 0 },
  },
  "thread.close": { type: "thread.close", id: "1", threadId: "t-1" },
  "run.cancel": { type: "run.cancel", id: "1", threadId: "t-1", runId: "r-1" },
  "auth.refresh": { type: "auth.refresh", id: "1", token: "a.b.c" },
  "ping": { type: "ping", id: "1" },
};

/** Fields that may be left out, by type. */
const OPTIONAL: Readonly<Record<string, readonly string[]>> = {
  "message.send": ["agent", "onBusy"],
  "message.regenerate": ["onBusy"],
  "thread.open": ["afterSeq", "run"],
};

const LONGEST_ID = "a".repeat(64);
const BAD_IDS: readonly unknown[] = ["", "a".repeat(65), "a b", "a.b", "ä", "a\n", "../x", 1, null];

/** What parsing makes of a frame: `ok`, or the code and the ref. */
function verdict(frame: unknown): string {
  const parsed = parseClientFrame(typeof frame === "string" ? frame : JSON.stringify(frame));
  return parsed.ok ? "ok" : `${parsed.error.code} ${parsed.ref ?? "-"}`;
}

Deno.test("parseClientFrame takes every frame of the protocol, and yields exactly its fields", () => {
  assertEquals(Object.keys(VALID).sort(), Object.keys(clientFrameSchemas).sort());
  for (const frame of Object.values(VALID)) {
    const parsed = parseClientFrame(JSON.stringify(frame));
    assert(parsed.ok, JSON.stringify(frame));
    assertEquals<unknown>(parsed.frame, frame);
  }
});

Deno.test("parseClientFrame asks for every field but the optional ones", () => {
  for (const [type, frame] of Object.entries(VALID)) {
    for (const field of Object.keys(frame)) {
      const { [field]: _left, ...rest } = frame;
      const expected = field === "type"
        ? "INVALID_FRAME 1"
        : field === "id"
        ? "INVALID_FRAME -"
        : OPTIONAL[type]?.includes(field)
        ? "ok"
        : "INVALID_REQUEST 1";
      assertEquals(verdict(rest), expected, `${type} without ${field}`);
    }
  }
});

Deno.test("parseClientFrame refuses each field of another kind as INVALID_REQUEST, with the frame's id", () => {
  for (const [type, frame] of Object.entries(VALID)) {
    for (const field of Object.keys(frame).filter((name) => name !== "type" && name !== "id")) {
      for (const value of [null, true, [], 1.5, "\u0000"]) {
        if (field === "token" && typeof value === "string") continue;
        // Any text names an agent; whether it exists is known later.
        if (field === "agent" && typeof value === "string") continue;
        assertEquals(
          verdict({ ...frame, [field]: value }),
          "INVALID_REQUEST 1",
          `${type}.${field} = ${JSON.stringify(value)}`,
        );
      }
    }
  }
});

Deno.test("parseClientFrame takes ids of 1 to 64 of A-Z a-z 0-9 _ -, and no others", () => {
  assertEquals(verdict({ type: "ping", id: LONGEST_ID }), "ok");
  for (const id of BAD_IDS) {
    assertEquals(verdict({ type: "ping", id }), "INVALID_FRAME -", JSON.stringify(id));
    for (const field of ["threadId", "runId"] as const) {
      const frame = { ...VALID["run.cancel"], [field]: id };
      assertEquals(verdict(frame), "INVALID_REQUEST 1", `${field} ${JSON.stringify(id)}`);
    }
    const message = { id, text: "hello" };
    assertEquals(verdict({ ...VALID["message.send"], message }), "INVALID_REQUEST 1");
  }
});

Deno.test("parseClientFrame answers INVALID_FRAME to whatever is no JSON object", () => {
  for (
    const text of [
      "",
      " ",
      "hello",
      "{",
      "{'type':'ping'}",
      '{"type":"ping","id":"1"}{"type":"ping","id":"2"}',
      "null",
      "1",
      "1e999",
      '"ping"',
      "[]",
      '[{"type":"ping","id":"1"}]',
      "undefined",
      "\ufeff{}",
    ]
  ) assertEquals(verdict(text), "INVALID_FRAME -", text);
});

Deno.test("parseClientFrame answers INVALID_FRAME, with the id where it can be read, to a type that is no text", () => {
  for (const type of [undefined, null, 1, {}, ["ping"]]) {
    assertEquals(verdict({ type, id: "7" }), "INVALID_FRAME 7");
    assertEquals(verdict({ type }), "INVALID_FRAME -");
  }
});

Deno.test("parseClientFrame answers UNKNOWN_TYPE to types that are not the protocol's, object members included", () => {
  for (
    const type of [
      "",
      "Ping",
      "ping ",
      "message",
      "ack",
      "session.ready",
      "__proto__",
      "constructor",
      "prototype",
      "toString",
      "hasOwnProperty",
      "valueOf",
    ]
  ) assertEquals(verdict({ type, id: "7" }), "UNKNOWN_TYPE 7", type);
});

Deno.test("parseClientFrame drops fields that no frame has, and pollutes no prototype", () => {
  const text = '{"type":"ping","id":"1","__proto__":{"polluted":true},"constructor":1,"extra":2}';
  const parsed = parseClientFrame(text);
  assert(parsed.ok);
  assertEquals(Object.keys(parsed.frame).sort(), ["id", "type"]);
  assertEquals("polluted" in parsed.frame, false);
  assertEquals("polluted" in {}, false);
  assertEquals(verdict('{"__proto__":{"type":"ping","id":"1"}}'), "INVALID_FRAME -");
});

Deno.test("parseClientFrame survives nesting as deep as a frame can hold", () => {
  const depth = 32_000;
  const deep = "[".repeat(depth) + "]".repeat(depth);
  assertEquals(verdict(deep), "INVALID_FRAME -");
  assertEquals(verdict(`{"type":"ping","id":"1","x":${deep}}`), "ok");
  assertEquals(verdict(`{"type":"x","id":"1","x":${deep}}`), "UNKNOWN_TYPE 1");
  const send = `{"type":"message.send","id":"1","threadId":"t","message":${deep}}`;
  assertEquals(verdict(send), "INVALID_REQUEST 1");
});

Deno.test("parseClientFrame takes positions that are safe integers only", () => {
  const open = (afterSeq: string): string =>
    verdict(`{"type":"thread.open","id":"1","threadId":"t","afterSeq":${afterSeq}}`);
  assertEquals(open("0"), "ok");
  assertEquals(open(String(Number.MAX_SAFE_INTEGER)), "ok");
  for (const number of ["-1", "1.5", "1e400", "-1e400", "9007199254740992", "1e21", '"1"']) {
    assertEquals(open(number), "INVALID_REQUEST 1", number);
  }
  const run = (attempt: string, index: string): string =>
    verdict(
      `{"type":"thread.open","id":"1","threadId":"t",` +
        `"run":{"runId":"r","attempt":${attempt},"index":${index}}}`,
    );
  assertEquals(run("1", "0"), "ok");
  assertEquals(run("0", "0"), "INVALID_REQUEST 1");
  assertEquals(run("1", "-1"), "INVALID_REQUEST 1");
  assertEquals(run("1", "1e400"), "INVALID_REQUEST 1");
});

Deno.test("parseClientFrame refuses blank text and lone surrogates, and takes pairs", () => {
  const send = (json: string): string =>
    verdict(
      `{"type":"message.send","id":"1","threadId":"t","message":{"id":"m","text":"${json}"}}`,
    );
  for (const blank of ["", " ", "\\n\\t", "\\u00a0\\u2003", "\\ufeff"]) {
    assertEquals(send(blank), "INVALID_REQUEST 1", blank);
  }
  for (const lone of ["\\ud83d", "\\udc4b", "a\\ud83d b", "\\udc4b\\ud83d"]) {
    assertEquals(send(lone), "INVALID_REQUEST 1", lone);
  }
  assertEquals(send("\\ud83d\\udc4b"), "ok");
  assertEquals(send("\\u0000"), "ok");
});

Deno.test("parseClientFrame never says what was in the frame it refuses", () => {
  const secret = "s3cr3t-value";
  const frames = [
    { type: secret, id: "1" },
    { type: "run.cancel", id: "1", threadId: `${secret}!`, runId: `${secret}!` },
    { type: "message.send", id: "1", threadId: "t", message: { id: "m", text: 1 }, onBusy: secret },
    { type: "auth.refresh", id: "1", token: { [secret]: secret } },
  ];
  for (const frame of frames) {
    const parsed = parseClientFrame(JSON.stringify(frame));
    assert(!parsed.ok);
    assertEquals(JSON.stringify(errorFrame(parsed.error, parsed.ref)).includes(secret), false);
  }
});

Deno.test("parseClientFrame never throws, and what it takes is what was sent", () => {
  fc.assert(fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.json()), (text) => {
    assertEquals(parseClientFrame(text).ok, false);
  }));
  const texts = fc.string({ unit: "grapheme", minLength: 1 }).filter((text) => text.trim() !== "");
  fc.assert(fc.property(texts, (text) => {
    const frame = { ...VALID["message.send"], message: { id: "m", text } };
    const parsed = parseClientFrame(JSON.stringify(frame));
    assert(parsed.ok);
    assertEquals<unknown>(parsed.frame, frame);
  }));
});

Deno.test("encodeChunks writes one chunk as chunk and several as chunks, as JSON of the object would be", () => {
  const at = { threadId: "t-1", runId: "r-1", attempt: 2, index: 17 };
  const values = fc.array(fc.jsonValue(), { minLength: 1, maxLength: 5 });
  fc.assert(fc.property(values, (chunks) => {
    const texts = chunks.map((chunk) => JSON.stringify(chunk));
    const expected = chunks.length === 1
      ? { type: "chunk", ...at, chunk: chunks[0] }
      : { type: "chunks", ...at, chunks };
    assertEquals(encodeChunks(at, texts), JSON.stringify(expected));
  }));
  const chunk = { type: "text-delta", id: "t", delta: 'a "quoted" \u2028 👋\n' };
  const one = JSON.parse(encodeChunks(at, [JSON.stringify(chunk)]));
  assertEquals(serverFrameSchemas.chunk.parse(one), { type: "chunk", ...at, chunk });
  const two = JSON.parse(encodeChunks(at, [JSON.stringify(chunk), JSON.stringify(chunk)]));
  assertEquals(serverFrameSchemas.chunks.parse(two).chunks, [chunk, chunk]);
});

Deno.test("encodeFrame puts the type first, which the outlet counts frames by", () => {
  assertEquals(encodeFrame({ type: "pong", ref: "1" }), '{"type":"pong","ref":"1"}');
});

Deno.test("errorFrame fits the protocol for every code, and carries retryAfterMs and ref only where they are known", () => {
  for (const code of Object.keys(ERRORS) as (keyof typeof ERRORS)[]) {
    const bare = errorFrame(new AppError(code));
    assertEquals<unknown>(serverFrameSchemas.error.parse(bare), bare);
    assertEquals(Object.keys(bare).sort(), ["code", "message", "retryable", "type"]);
    const full = errorFrame(new AppError(code, { retryAfterMs: 5, cause: "hidden" }), "7");
    assertEquals<unknown>(full, {
      type: "error",
      ref: "7",
      code,
      message: ERRORS[code].title,
      retryable: ERRORS[code].retryable,
      retryAfterMs: 5,
    });
  }
});
