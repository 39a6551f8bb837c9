/**
 * Input that nobody should send: frames, the bytes below them, handshakes, and HTTP requests.
 * Arbitraries only; nothing here needs a permission.
 *
 * @module
 */
import fc from "npm:fast-check@^4.10.2";
import { clientFrameSchemas } from "../../lib/chat/protocol.ts";
import { ID_PATTERN } from "../../lib/limits.ts";

/** What one socket may be sent as a message. */
export interface HostileFrame {
  /** The kind of hostility, for counts. */
  readonly what: string;
  readonly data: string | Uint8Array<ArrayBuffer>;
}

/** Threads that hostile frames name: few enough to meet each other, many enough to stay short. */
const threadIds = fc.nat(47).map((number) => `t${number}`);

/** Ids that are allowed, and those just beyond. */
const edgeIds = fc.oneof(
  fc.constantFrom(
    ...["a", "-", "_", "0", "a".repeat(64), "__proto__", "constructor", "toString", "null"],
    ...[
      "",
      "a".repeat(65),
      "a b",
      "a\n",
      "\na",
      "a\u0000",
      "\u0000",
      "ä",
      "٣",
      "a/b",
      "../x",
      "%2e",
    ],
    ...["a".repeat(4_000), "\ud800", "𝐚", "a\u200b", " ", "\u2028", "${a}", "a;b", "'", '"', "\\"],
  ),
  fc.stringMatching(ID_PATTERN),
);

/** Numbers as JSON may write them, most of them no position in a log. */
const numbers = fc.oneof(
  fc.constantFrom(
    ...["0", "-0", "1", "-1", "1.5", "1e3", "1e999", "-1e999", "9007199254740991"],
    ...["9007199254740992", "9007199254740993", "1e21", "1e-9", "2147483648", "4294967296"],
    ...["18446744073709551616", `1${"0".repeat(400)}`, `0.${"0".repeat(400)}1`],
  ),
  fc.double().map((value) => Number.isFinite(value) ? String(value) : "0"),
);

/** Text that is hard to store, to escape or to measure. */
const texts = fc.oneof(
  { weight: 8, arbitrary: fc.string({ unit: "binary", maxLength: 40 }) },
  {
    weight: 6,
    arbitrary: fc.constantFrom(
      ...["", " ", "\t\r\n", "\u0000", "a\u0000b", "\ud800", "\udc00\ud800", "\ufeff", "\u202e"],
      ...["__proto__", "</script>", "{{7*7}}", "'; --", "/count 0", "/time Mars", "/search \ud83d"],
      ...["/count 1e9", "/time " + "x".repeat(300), "𝟘".repeat(50)],
    ),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      unit: fc.constantFrom("x", "é", "€", "😀", "\u0000", "\\"),
      bytes: fc.integer({ min: 32_760, max: 32_776 }),
    }).map(({ unit, bytes }) => unit.repeat(Math.ceil(bytes / byteLength(unit)))),
  },
);

/** JSON of anything. */
const anything: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom("null", "true", "false", "[]", "{}", '""', "[null]", '{"__proto__":null}'),
  numbers,
  texts.map((text) => JSON.stringify(text)),
  fc.json({ maxDepth: 3 }),
  fc.integer({ min: 1, max: 5_000 }).map((depth) => "[".repeat(depth) + "]".repeat(depth)),
);

/** A frame as JSON texts by field, so that a field can hold what `JSON.stringify` never writes. */
type Fields = Readonly<Record<string, string>>;

const quoted = (ids: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  ids.map((id) => JSON.stringify(id));
const onBusy = fc.constantFrom('"queue"', '"reject"', '"interrupt"', undefined);

/** Frames that are right in every field. */
const goodFields: fc.Arbitrary<Fields> = fc.oneof(
  frameOf("ping"),
  frameOf("thread.open", {
    threadId: quoted(threadIds),
    afterSeq: fc.constantFrom(undefined, "0"),
  }),
  frameOf("thread.close", { threadId: quoted(threadIds) }),
  frameOf("run.cancel", { threadId: quoted(threadIds), runId: quoted(fc.constantFrom("r", "R")) }),
  frameOf("message.regenerate", { threadId: quoted(threadIds), onBusy }),
  frameOf("auth.refresh", {
    token: quoted(fc.constantFrom("", "a.b.c", "eyJhbGciOiJub25lIn0.e30.")),
  }),
  frameOf("message.send", {
    threadId: quoted(threadIds),
    message: fc.record({ id: quoted(fc.constantFrom("m1", "m2", "m3")), text: quoted(texts) })
      .map(({ id, text }) => `{"id":${id},"text":${text}}`),
    agent: fc.constantFrom(undefined, '"default"', '"nobody"', '"__proto__"'),
    onBusy,
  }),
);

/** Good frames with one field that is wrong, missing, doubled or added. */
const wrongFields = fc.tuple(goodFields, fc.nat(), anything, edgeIds, numbers, fc.nat(6)).map(
  ([fields, at, value, id, number, how]): string => {
    const names = Object.keys(fields);
    const name = names[at % names.length]!;
    const { [name]: _left, ...others } = fields;
    switch (how) {
      case 0:
        return encode({ ...fields, [name]: value });
      case 1:
        return encode({ ...fields, [name]: JSON.stringify(id) });
      case 2:
        return encode(others);
      case 3:
        return encode({ ...fields, afterSeq: number });
      case 4:
        return encode({ ...fields, run: `{"runId":"r","attempt":${number},"index":${value}}` });
      case 5:
        return `${encode(fields).slice(0, -1)},${JSON.stringify(name)}:${value}}`;
      default:
        return `{"__proto__":${encode(fields)},"constructor":${value},${encode(fields).slice(1)}`;
    }
  },
);

/** Types that the protocol does not have for a client. */
const unknownTypes = fc.oneof(
  fc.constantFrom(
    ...["Ping", "ping ", "", "ack", "entry", "chunk", "session.ready", "__proto__", "constructor"],
    ...["hasOwnProperty", "toString", "valueOf", "message.send\u0000", "message", "0", "\ud800"],
  ),
  texts,
).map((type) => `{"type":${JSON.stringify(type)},"id":"u"}`);

/** Good JSON with some characters put in, taken out or doubled. */
const brokenJson = fc.tuple(
  goodFields,
  fc.nat(),
  fc.nat(12),
  fc.constantFrom("", "\u0000", "{", "}", "[", ",", '"', "\\", "\ufeff", "//", "'", "\\ud8", "NaN"),
).map(([fields, at, length, put]) => {
  const text = encode(fields);
  const from = at % (text.length + 1);
  return text.slice(0, from) + put + text.slice(from + length);
});

/** Brackets to a depth at which a recursive reader falls over. */
const deep = fc.tuple(
  fc.integer({ min: 1, max: 60_000 }),
  fc.constantFrom(["[", "]"], ['{"a":', "}"], ["[{", "}]"], ['{"type":', "}"]),
  fc.boolean(),
).map(([depth, [open, close], closed]) => {
  const levels = Math.min(depth, Math.floor(65_000 / (open!.length + close!.length)));
  const nested = open!.repeat(levels) + (closed ? "0" + close!.repeat(levels) : "");
  return levels % 2 === 0 ? nested : `{"type":"thread.open","id":"d","threadId":${nested}}`;
});

/** Frames about as long as one may be, in units of one to four bytes. */
const long = fc.record({
  unit: fc.constantFrom("x", "é", "€", "😀"),
  bytes: fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min: 65_500, max: 65_580 }) },
    { weight: 1, arbitrary: fc.integer({ min: 65_536, max: 400_000 }) },
  ),
}).map(({ unit, bytes }) => {
  const head = '{"type":"ping","id":"l","x":"';
  const room = bytes - byteLength(head) - 2;
  return `${head}${unit.repeat(Math.floor(room / byteLength(unit)))}"}`;
});

/** One message as hostile as they come; some are right. */
export const hostileFrames: fc.Arbitrary<HostileFrame> = fc.oneof(
  { weight: 40, arbitrary: named("wrong fields", wrongFields) },
  { weight: 20, arbitrary: named("broken JSON", brokenJson) },
  { weight: 10, arbitrary: named("unknown type", unknownTypes) },
  { weight: 10, arbitrary: named("any JSON", anything) },
  { weight: 8, arbitrary: named("any text", fc.string({ unit: "binary", maxLength: 200 })) },
  { weight: 6, arbitrary: named("good", goodFields.map(encode)) },
  { weight: 3, arbitrary: named("deep", deep) },
  { weight: 2, arbitrary: named("long", long) },
  {
    weight: 1,
    arbitrary: fc.uint8Array({ maxLength: 200 })
      .map((bytes) => ({ what: "binary", data: Uint8Array.from(bytes) })),
  },
);

/** Answers to what names an existing type and has a good `id`. */
const ANSWERS: Readonly<Record<string, readonly string[]>> = {
  "ping": ["pong"],
  "thread.close": ["ack", "INVALID_REQUEST"],
  "thread.open": ["thread.opened", "INVALID_REQUEST", "NOT_FOUND"],
  "run.cancel": ["ack", "INVALID_REQUEST", "NOT_FOUND"],
  "auth.refresh": ["INVALID_REQUEST", "UNAUTHENTICATED"],
  "message.regenerate": [
    ...["ack", "INVALID_REQUEST", "NOT_FOUND", "RUN_ACTIVE", "TOO_MANY_RUNS"],
  ],
  "message.send": [
    ...["ack", "INVALID_REQUEST", "MESSAGE_TOO_LARGE", "IDEMPOTENCY_CONFLICT"],
    ...["RUN_ACTIVE", "TOO_MANY_RUNS"],
  ],
};

/**
 * What may become of a message, read from the protocol and not from the server:
 * error codes, types of answers, or `close` and a code.
 */
export function outcomesOf(data: HostileFrame["data"], frameBytes: number): readonly string[] {
  if (typeof data !== "string") return ["close 1003"];
  if (byteLength(data) > frameBytes) return ["close 1009"];
  let value: { type?: unknown; id?: unknown } | null;
  try {
    // What arrives is UTF-8: it has no lone surrogate.
    value = JSON.parse(data.toWellFormed());
  } catch {
    return ["INVALID_FRAME"];
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return ["INVALID_FRAME"];
  const { type, id } = value;
  if (typeof type !== "string" || typeof id !== "string") return ["INVALID_FRAME"];
  if (!/^[\w-]{1,64}$/.test(id)) return ["INVALID_FRAME"];
  return Object.hasOwn(clientFrameSchemas, type) ? ANSWERS[type]! : ["UNKNOWN_TYPE"];
}

/** What is sent below the messages, after a handshake that went well. */
export interface HostileBytes {
  readonly what: string;
  readonly pieces: readonly Uint8Array[];
  /** It breaks RFC 6455, or says good-bye: the server must close. Otherwise it may answer too. */
  readonly ends: boolean;
  /** It stops in the middle, so that nothing need happen before the client leaves. */
  readonly unfinished: boolean;
}

/** How one WebSocket frame is put together wrongly. */
interface FrameShape {
  readonly opcode: number;
  readonly payload: Uint8Array;
  readonly fin?: boolean;
  readonly rsv?: number;
  readonly masked?: boolean;
  /** The length that it claims. */
  readonly length?: number;
}

/** The bytes of a WebSocket frame of whatever shape; the mask is zero. */
export function frameBytes(shape: FrameShape): Uint8Array {
  const { opcode, payload, fin = true, rsv = 0, masked = true, length = payload.length } = shape;
  const first = (fin ? 0x80 : 0) | rsv << 4 | opcode;
  const mask = masked ? 0x80 : 0;
  const size = length < 126
    ? [mask | length]
    : length < 65_536
    ? [mask | 126, length >> 8, length & 0xff]
    : [mask | 127, ...new Uint8Array(new BigUint64Array([BigInt(length)]).buffer).reverse()];
  return Uint8Array.from([first, ...size, ...(masked ? [0, 0, 0, 0] : []), ...payload]);
}

const PING = new TextEncoder().encode('{"type":"ping","id":"raw"}');
const payloads = fc.uint8Array({ maxLength: 125 });

/**
 * Bytes that break RFC 6455 in one way each, or that are odd and allowed. Deno forgives frames
 * without a mask and long pongs.
 */
export const hostileBytes: fc.Arbitrary<HostileBytes> = fc.oneof(
  attack(
    "reserved bits",
    fc.integer({ min: 1, max: 7 }).map((rsv) => [
      frameBytes({ opcode: 1, payload: PING, rsv }),
    ]),
    { ends: true },
  ),
  attack(
    "reserved opcode",
    fc.constantFrom(3, 4, 5, 6, 7, 11, 12, 13, 14, 15).map((opcode) => [
      frameBytes({ opcode, payload: PING }),
    ]),
    { ends: true },
  ),
  attack(
    "unmasked",
    fc.constantFrom(1, 2, 8, 9, 10).map((opcode) => [
      frameBytes({ opcode, payload: PING, masked: false }),
    ]),
  ),
  attack(
    "oversized control",
    fc.tuple(fc.constantFrom(8, 9, 10), fc.integer({ min: 126, max: 9_000 }))
      .map(([opcode, length]) => [
        frameBytes({ opcode, payload: new Uint8Array(length).fill(120) }),
      ]),
  ),
  attack(
    "fragmented control",
    fc.constantFrom(8, 9, 10).map((opcode) => [
      frameBytes({ opcode, payload: PING, fin: false }),
    ]),
    { ends: true },
  ),
  attack(
    "continuation of nothing",
    fc.boolean().map((fin) => [
      frameBytes({ opcode: 0, payload: PING, fin }),
    ]),
    { ends: true },
  ),
  attack(
    "message within a message",
    fc.constantFrom(1, 2).map((opcode) => [
      frameBytes({ opcode: 1, payload: PING, fin: false }),
      frameBytes({ opcode, payload: PING }),
    ]),
    { ends: true },
  ),
  attack(
    "endless message",
    fc.tuple(fc.integer({ min: 1, max: 24 }), fc.integer({ min: 0, max: 8_192 }), fc.boolean())
      .map(([count, size, pings]) => [
        frameBytes({ opcode: 1, payload: PING, fin: false }),
        ...Array.from(
          { length: count },
          (_, at) =>
            pings && at % 4 === 0
              ? frameBytes({ opcode: 9, payload: PING })
              : frameBytes({ opcode: 0, payload: new Uint8Array(size).fill(120), fin: false }),
        ),
      ]),
    { unfinished: true },
  ),
  attack(
    "fragmented message, then too large",
    fc.integer({ min: 2, max: 9 }).map((count) => [
      frameBytes({ opcode: 1, payload: new Uint8Array(40_000).fill(120), fin: false }),
      ...Array.from({ length: count }, (_, at) =>
        frameBytes({
          opcode: 0,
          payload: new Uint8Array(30_000).fill(120),
          fin: at === count - 1,
        })),
    ]),
    { ends: true },
  ),
  attack(
    "invalid UTF-8",
    fc.constantFrom(
      ...[[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82]],
      ...[[0x80], [0xf8, 0x88, 0x80, 0x80, 0x80], [0xfe, 0xff]],
    ).map((bytes) => [
      frameBytes({ opcode: 1, payload: Uint8Array.from([...PING, ...bytes]) }),
    ]),
    { ends: true },
  ),
  attack(
    "close with an odd code",
    fc.tuple(
      fc.oneof(
        fc.constantFrom(0, 999, 1000, 1004, 1005, 1006, 1015, 1016, 2999, 3000, 4999, 5000, 65535),
        fc.nat(65_535),
      ),
      fc.uint8Array({ maxLength: 123 }),
    ).map(([code, reason]) => [
      frameBytes({ opcode: 8, payload: Uint8Array.from([code >> 8, code & 0xff, ...reason]) }),
    ]),
    { ends: true },
  ),
  attack(
    "close of one byte",
    fc.nat(255).map((byte) => [
      frameBytes({ opcode: 8, payload: Uint8Array.of(byte) }),
    ]),
    { ends: true },
  ),
  attack(
    "close, then more",
    payloads.map((payload) => [
      frameBytes({ opcode: 8, payload: Uint8Array.of(3, 232) }),
      frameBytes({ opcode: 1, payload }),
      frameBytes({ opcode: 9, payload }),
    ]),
    { ends: true },
  ),
  attack(
    "claims more than it sends",
    fc.constantFrom(200, 70_000, 2 ** 31, 2 ** 40, 2 ** 53)
      .map((length) => [frameBytes({ opcode: 1, payload: PING, length })]),
    { unfinished: true },
  ),
  attack(
    "length of 2^64",
    fc.constant([
      Uint8Array.from([0x81, 0xff, ...Array<number>(8).fill(0xff), 0, 0, 0, 0, ...PING]),
    ]),
    { unfinished: true },
  ),
  attack(
    "pings and pongs",
    fc.array(payloads, { minLength: 1, maxLength: 20 }).map((many) =>
      many.flatMap((payload) => [
        frameBytes({ opcode: 9, payload }),
        frameBytes({ opcode: 10, payload }),
      ])
    ),
  ),
  attack(
    "cut anywhere",
    fc.integer({ min: 1, max: 31 }).map((length) => [
      frameBytes({ opcode: 1, payload: PING }).slice(0, length),
    ]),
    { unfinished: true },
  ),
  attack(
    "any bytes",
    fc.array(fc.uint8Array({ minLength: 1, maxLength: 400 }), {
      minLength: 1,
      maxLength: 4,
    }),
    { unfinished: true },
  ),
  attack(
    "HTTP after the upgrade",
    fc.constantFrom("GET", "POST", "PRI").map((method) => [
      new TextEncoder().encode(`${method} /metrics HTTP/1.1\r\nHost: x\r\n\r\n`),
    ]),
    { unfinished: true },
  ),
);

/** How a request's bytes are sent. */
export type Delivery = "whole" | "slow" | "half-closed" | "cut" | "pipelined";

/** One handshake. */
export interface HostileHandshake {
  readonly what: readonly string[];
  readonly method: string;
  readonly target: string;
  /** Names and values, Latin-1; `TOKEN` in a value stands for a token that verifies. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Put after the head as it is. */
  readonly rest: string;
  readonly delivery: Delivery;
  /** Its framing is no plain request's: it may be refused for that alone. */
  readonly framed: boolean;
}

type Draft = Omit<HostileHandshake, "what" | "delivery">;
type Mutation = { readonly what: string; readonly apply: (draft: Draft) => Draft };

const GOOD: Draft = {
  method: "GET",
  target: "/ws",
  headers: [
    ["Host", "HOST"],
    ["Connection", "Upgrade"],
    ["Upgrade", "websocket"],
    ["Sec-WebSocket-Version", "13"],
    ["Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="],
    ["Authorization", "Bearer TOKEN"],
  ],
  rest: "",
  framed: false,
};

/** Values that a parser may trip over; CR and LF are left to the framing mutations. */
const oddValues = fc.oneof(
  fc.constantFrom(
    ...["", " ", ",", ",,", "*", "null", "0", "-1", "14", "13.0", "013", "13, 13", "\u0000"],
    ...["\u00ff\u00fe", "\t", "a\u0000b", '"', "\\", "%00", "é", "\u0080\u009f", "x".repeat(9_000)],
    ...["websocket, h2c", "close, Upgrade", "keep-alive", "Bearer", "Bearer  ", "Basic TOKEN"],
    ...["Bearer TOKEN TOKEN", "Bearer TOKEN,TOKEN", "bearer\tTOKEN", "Bearer a.b.c", "TOKEN"],
    ...["drawbridge.v1,,", "drawbridge.v1, drawbridge.v1", "bearer.TOKEN", "bearer.", "graphql-ws"],
    ...["drawbridge.v1, bearer.TOKEN", "drawbridge.v1,bearer.x, bearer.TOKEN", "DRAWBRIDGE.V1"],
    ...["http://evil.example", "https://", "http://HOST.evil.example", "http://a b", "file:///"],
    ...["http://[::1", "HOST, evil.example", "a:b:c", "HOST:99999", "user@HOST", "[", "a b"],
  ),
  fc.string({ maxLength: 60 }).map((text) => text.replace(/[\r\n]/g, "")),
  fc.array(fc.integer({ min: 1, max: 255 }), { maxLength: 40 })
    .map((codes) => String.fromCharCode(...codes).replace(/[\r\n]/g, "")),
);

const CHECKED = [
  ...["Host", "Connection", "Upgrade", "Sec-WebSocket-Version", "Sec-WebSocket-Key"],
  ...["Authorization", "Sec-WebSocket-Protocol", "Origin"],
] as const;

const checkedNames = fc.constantFrom(...CHECKED);

const mutations: fc.Arbitrary<Mutation> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.tuple(checkedNames, oddValues).map(([name, value]) => ({
      what: `another ${name}`,
      apply: (draft: Draft) => ({
        ...draft,
        headers: [...without(draft, name), [name, value] as const],
      }),
    })),
  },
  {
    weight: 4,
    arbitrary: fc.tuple(checkedNames, oddValues, fc.boolean()).map(([name, value, same]) => ({
      what: `a second ${name}`,
      apply: (draft: Draft) => {
        const first = draft.headers.find(([other]) => other === name)?.[1] ?? value;
        return { ...draft, headers: [...draft.headers, [name, same ? first : value] as const] };
      },
    })),
  },
  {
    weight: 2,
    arbitrary: checkedNames.map((name) => ({
      what: `no ${name}`,
      apply: (draft: Draft) => ({ ...draft, headers: without(draft, name) }),
    })),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      ...["POST", "HEAD", "OPTIONS", "TRACE", "CONNECT", "get", "PRI", "G\u0000T", "", "GET GET"],
      ...["X".repeat(3_000)],
    ).map((method) => ({
      what: "another method",
      apply: (draft: Draft) => ({ ...draft, method }),
    })),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      ...["/ws?token=TOKEN", "/ws?Access_Token=x", "/ws?jwt=", "/ws?a=1&bearer=b", "/ws?%74oken=x"],
      ...["/ws/", "//ws", "/ws/../metrics", "/%77s", "/ws%00", "/ws\u0000", "/WS", "*", "", "ws"],
      ...[
        "http://evil.example/ws",
        "http://evil.example?ws",
        "http:///ws",
        "?ws",
        "/ws HTTP/9.9\r\nX: y",
        "/ws#token",
        `/ws?${"a".repeat(60_000)}`,
      ],
      ...["/ws?%", "/ws?%ff%fe", "/ws?\u00e9", "/ws?;DROP", "http://[::1", "/ws?ticket", "/é"],
    ).map((target) => ({
      what: "another target",
      apply: (draft: Draft) => ({ ...draft, target }),
    })),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom<readonly (readonly [string, string])[]>(
      [["Content-Length", "5"], ["Transfer-Encoding", "chunked"]],
      [["Content-Length", "5"], ["Content-Length", "6"]],
      [["Content-Length", "-1"]],
      [["Content-Length", "99999999999999999999"]],
      [["Content-Length", "+5"]],
      [["Transfer-Encoding", "chunked, identity"]],
      [["Transfer-Encoding", "xchunked"]],
      [["Transfer-Encoding ", "chunked"]],
      [["Transfer-Encoding", "\u000bchunked"]],
      [["Expect", "100-continue"], ["Content-Length", "5"]],
      [["X", "y\r\n folded: z"]],
      [["X: y\nSec-WebSocket-Version", "12"]],
      [["X\u0000Y", "z"]],
      [["", "no name"]],
      [["X Y", "space in a name"]],
    ).map((added) => ({
      what: "framing",
      apply: (draft: Draft) => ({
        ...draft,
        headers: [...draft.headers, ...added],
        rest: "0\r\n\r\nGET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
        framed: true,
      }),
    })),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 2_000 })).map((
      [count, size],
    ) => ({
      what: "many headers",
      apply: (draft: Draft) => ({
        ...draft,
        headers: [
          ...draft.headers,
          ...Array.from({ length: count }, (_, at) => [`X-${at}`, "v".repeat(size)] as const),
        ],
        framed: true,
      }),
    })),
  },
  {
    weight: 1,
    arbitrary: fc.constant({
      what: "odd spaces",
      apply: (draft: Draft) => ({
        ...draft,
        headers: draft.headers.map(([name, value]) => [name, ` \t${value}  `] as const),
      }),
    }),
  },
);

/** One handshake with one to three things wrong. */
export const hostileHandshakes: fc.Arbitrary<HostileHandshake> = fc.record({
  changes: fc.array(mutations, { minLength: 1, maxLength: 3 }),
  delivery: fc.oneof(
    { weight: 12, arbitrary: fc.constant<Delivery>("whole") },
    { weight: 1, arbitrary: fc.constantFrom<Delivery>("slow", "half-closed", "cut", "pipelined") },
  ),
}).map(({ changes, delivery }) => {
  const draft = changes.reduce((made, { apply }) => apply(made), GOOD);
  // Changes may undo each other; a handshake that is whole again is no attack, and none is missed.
  return { ...draft, delivery, what: changes.map(({ what }) => what) };
});

/** One request to the HTTP routes, `TOKEN` standing for a token that verifies. */
export interface HostileRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

const segments = fc.oneof(
  fc.constantFrom(
    ...["t0", "%00", "%ff", "%", "%zz", "..", "%2e%2e", "%2f", "a%2fb", "__proto__", "constructor"],
    ...["a".repeat(64), "a".repeat(65), "a".repeat(8_000), "%F0%9F%98%80", "\u00e9", "a;b", "a+b"],
    ...["*", ":threadId", "%0d%0aX:y", "'", '"', "<x>", "null", "-", ""],
  ),
  fc.stringMatching(ID_PATTERN),
);

const queries = fc.constantFrom(
  ...["", "", "?limit=0", "?limit=1e9", "?limit=-1", "?limit=NaN", "?limit=", "?limit=0x10"],
  ...[
    "?afterSeq=-1",
    "?afterSeq=1e999",
    "?afterSeq=9007199254740993",
    "?afterSeq=%00",
    "?cursor=%ff",
  ],
  ...[
    "?cursor=",
    `?cursor=${"x".repeat(5_000)}`,
    "?cursor=__proto__",
    "?limit=1&limit=2",
    "?=",
    "?%",
  ],
  ...[
    "?cursor=eyJhIjoxfQ",
    "?cursor=%F0%9F%98%80",
    "?token=TOKEN",
    "?__proto__[a]=1",
    "?cursor[]=1",
  ],
);

/** One request as hostile as they come. */
export const hostileRequests: fc.Arbitrary<HostileRequest> = fc.record({
  method: fc.constantFrom(
    "GET",
    "GET",
    "POST",
    "POST",
    "PATCH",
    "DELETE",
    "PUT",
    "HEAD",
    "OPTIONS",
  ),
  path: fc.oneof(
    fc.constantFrom("/api/threads", "/auth/dev-token", "/api/chat", "/health", "/metrics", "/docs"),
    segments.map((id) => `/api/threads/${id}`),
    segments.map((id) => `/api/threads/${id}/entries`),
    segments.map((id) => `/api/threads/${id}/messages`),
    fc.tuple(segments, segments).map(([id, run]) => `/api/threads/${id}/runs/${run}/cancel`),
    segments.map((id) => `/api/chat/${id}/stream`),
    segments.map((id) => `/${id}`),
  ),
  query: queries,
  token: fc.constantFrom("Bearer TOKEN", "Bearer TOKEN", "Bearer TOKEN", "Bearer x", "", "TOKEN"),
  host: fc.oneof(
    { weight: 9, arbitrary: fc.constant("") },
    {
      weight: 1,
      arbitrary: fc.constantFrom("a b", "[", "%#", "h:99999", "evil.example", ",", "@"),
    },
  ),
  contentType: fc.constantFrom("application/json", "text/plain", "", "a/b; charset=\u0080", "{}"),
  body: fc.oneof(
    { weight: 1, arbitrary: fc.constant(undefined) },
    { weight: 4, arbitrary: anything },
    {
      weight: 6,
      arbitrary: fc.record({ id: edgeIds, text: texts, title: texts, sub: texts, n: anything })
        .map(({ id, text, title, sub, n }) =>
          `{"id":${JSON.stringify(id)},"text":${JSON.stringify(text)},` +
          `"title":${n.length % 3 === 0 ? n : JSON.stringify(title)},"sub":${JSON.stringify(sub)}}`
        ),
    },
    { weight: 2, arbitrary: brokenJson },
    { weight: 1, arbitrary: fc.integer({ min: 60_000, max: 70_000 }).map((n) => "x".repeat(n)) },
    { weight: 1, arbitrary: deep },
  ),
}).map(({ method, path, query, token, host, contentType, body }) => ({
  method,
  path: path + query,
  headers: {
    ...(host === "" ? {} : { "host": host }),
    ...(token === "" ? {} : { "authorization": token }),
    ...(contentType === "" ? {} : { "content-type": contentType }),
  },
  ...(body === undefined ? {} : { body }),
}));

/**
 * Whether a handshake may be upgraded, by the contract and not by the server: everything else must
 * be refused. Its origin is none, and what its `Host` says decides nothing.
 */
export function mayUpgrade({ method, target, headers }: HostileHandshake): boolean {
  const values = (name: string) =>
    headers.filter(([other]) => other === name).map(([, value]) =>
      value.replace(/^[ \t]+|[ \t]+$/g, "")
    );
  const elements = (name: string) =>
    values(name).flatMap((value) => value.split(",")).map((one) => one.trim());
  const offered = values("Sec-WebSocket-Protocol").length === 0
    ? []
    : elements("Sec-WebSocket-Protocol");
  const names = offered.filter((name) => !name.startsWith("bearer."));
  const bearers = offered.filter((name) => name.startsWith("bearer."));
  const credentials = [
    ...values("Authorization").map((value) => /^bearer +TOKEN$/i.test(value)),
    ...bearers.map((name) => name === "bearer.TOKEN"),
  ];
  return method === "GET" && isWs(target) &&
    elements("Upgrade").some((one) => one.toLowerCase() === "websocket") &&
    elements("Connection").some((one) => one.toLowerCase() === "upgrade") &&
    values("Sec-WebSocket-Version").join() === "13" &&
    values("Sec-WebSocket-Key").join() === "dGhlIHNhbXBsZSBub25jZQ==" &&
    values("Origin").length === 0 &&
    (offered.length === 0 || names.includes("drawbridge.v1")) &&
    new Set(names).size === names.length &&
    credentials.length === 1 && credentials[0]!;
}

function without(
  { headers }: Draft,
  name: string,
): (readonly [name: string, value: string])[] {
  return headers.filter(([other]) => other !== name);
}

function isWs(target: string): boolean {
  const path = target.replace(/^http:\/\/[^/]*/, "").replace(/[?#].*$/, "");
  return (path === "/ws" || path === "/%77s") &&
    !/[?&](?:token|%74oken|access_token|jwt|bearer|ticket)(?:=|&|$)/i.test(target) &&
    !/\s/.test(target);
}

function attack(
  what: string,
  pieces: fc.Arbitrary<readonly Uint8Array[]>,
  { ends = false, unfinished = false } = {},
): fc.Arbitrary<HostileBytes> {
  return pieces.map((made) => ({ what, pieces: made, ends, unfinished }));
}

function named(what: string, data: fc.Arbitrary<string>): fc.Arbitrary<HostileFrame> {
  return data.map((text) => ({ what, data: text }));
}

function frameOf(
  type: string,
  fields: Readonly<Record<string, fc.Arbitrary<string | undefined>>> = {},
): fc.Arbitrary<Fields> {
  return fc.record({
    type: fc.constant(JSON.stringify(type)),
    id: quoted(fc.constantFrom("f1", "f2", "-", "x".repeat(64))),
    ...fields,
  }).map((made) =>
    Object.fromEntries(
      Object.entries(made).filter((field): field is [string, string] => field[1] !== undefined),
    )
  );
}

function encode(fields: Fields): string {
  const pairs = Object.entries(fields).map(([name, value]) => `${JSON.stringify(name)}:${value}`);
  return `{${pairs.join(",")}}`;
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}
