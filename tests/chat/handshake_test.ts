import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import {
  checkOrigin,
  checkUpgrade,
  narrowOffer,
  readHandshake,
  type Refusal,
} from "../../lib/chat/handshake.ts";
import { needs } from "../support/permissions.ts";

const URL_WITHOUT = new URL("http://chat.example/ws");
const VALID = {
  "connection": "Upgrade",
  "upgrade": "websocket",
  "sec-websocket-version": "13",
  "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
};

type Changes = Readonly<Record<string, string | null>>;

/** The headers of a valid handshake with `changes`; null takes one away. */
function headersWith(changes: Changes = {}): Headers {
  const headers = new Headers(VALID);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) headers.delete(name);
    else headers.set(name, value);
  }
  return headers;
}

function upgrade(changes: Changes = {}, method = "GET"): string {
  const check = checkUpgrade({ method, headers: headersWith(changes) });
  return check.ok ? "ok" : check.error.code;
}

function refusalOf(check: { readonly ok: true } | Refusal): Refusal {
  assert(!check.ok);
  return check;
}

/** Every value of Sec-WebSocket-Protocol below, with whether it is well-formed. */
const OFFERS: readonly (readonly [offer: string, wellFormed: boolean])[] = [
  ["drawbridge.v1", true],
  ["drawbridge.v1, bearer.a.b.c", true],
  ["bearer.a.b.c, drawbridge.v1", true],
  ["drawbridge.v1,bearer.a.b.c", true],
  ["a ,\tdrawbridge.v1 ,  b", true],
  ["a,drawbridge.v1", true],
  ["!#$%&'*+-.^_`|~09azAZ, drawbridge.v1", true],
  [`drawbridge.v1, bearer.${"a".repeat(8_192)}`, true],
  ["drawbridge.v1,,", false],
  ["drawbridge.v1,", false],
  [",drawbridge.v1", false],
  ["drawbridge.v1, , a", false],
  ["", false],
  [",", false],
  ["drawbridge.v1, drawbridge.v1", false],
  ["drawbridge.v1, a, a", false],
  ["drawbridge v1", false],
  ["drawbridge.v1; q=1", false],
  ["drawbridge.v1, a=b", false],
  ["drawbridge.v1, a/b", false],
  ['"drawbridge.v1"', false],
  ['drawbridge.v1, "a,b"', false],
  ["drawbridge.v1, (a)", false],
  ["drawbridge.v1, é", false],
];

Deno.test("checkUpgrade passes a handshake in every legal spelling", () => {
  const spellings: readonly Changes[] = [
    {},
    { upgrade: "WebSocket" },
    { upgrade: "h2c, WEBSOCKET" },
    { upgrade: "websocket\t,foo" },
    { connection: "keep-alive, UPGRADE" },
    { connection: "Upgrade,keep-alive" },
    { "sec-websocket-key": "//////////////////////==" },
    { "sec-websocket-extensions": "permessage-deflate; client_max_window_bits" },
  ];
  assertEquals(spellings.map((changes) => upgrade(changes)), spellings.map(() => "ok"));
});

Deno.test("checkUpgrade answers 405 with Allow to every other method, whatever else is wrong", () => {
  for (const method of ["POST", "HEAD", "OPTIONS", "PUT", "CONNECT", "get"]) {
    const { error, headers } = refusalOf(checkUpgrade({ method, headers: new Headers() }));
    assertEquals([error.code, error.shape.status], ["METHOD_NOT_ALLOWED", 405]);
    assertEquals(headers, { Allow: "GET" });
  }
});

Deno.test("checkUpgrade answers 426 and what to upgrade to where no WebSocket is asked for", () => {
  for (const value of [null, "", "h2c", "websocket/13", "websockets", "web socket"]) {
    const check = checkUpgrade({ method: "GET", headers: headersWith({ upgrade: value }) });
    const { error, headers } = refusalOf(check);
    assertEquals([error.code, error.shape.status], ["UPGRADE_REQUIRED", 426]);
    assertEquals(headers["Upgrade"], "websocket");
    assertEquals(headers["Connection"], "Upgrade");
    assertEquals(headers["Sec-WebSocket-Version"], "13");
  }
});

Deno.test("checkUpgrade answers 426 with the version to every version but 13", () => {
  for (const value of [null, "", "8", "12", "14", "013", "13.0", "13, 8", "13, 13", "thirteen"]) {
    const changes = { "sec-websocket-version": value };
    const check = checkUpgrade({ method: "GET", headers: headersWith(changes) });
    const { error, headers } = refusalOf(check);
    assertEquals(error.code, "UPGRADE_REQUIRED");
    assertEquals(headers["Sec-WebSocket-Version"], "13");
  }
});

Deno.test("checkUpgrade answers 400 to a key that is not the base64 of 16 bytes", () => {
  const keys = [
    null,
    "",
    "x",
    "dGhlIHNhbXBsZSBub25jZQ",
    "dGhlIHNhbXBsZSBub25jZQ=",
    "dGhlIHNhbXBsZSBub25jZQ===",
    "dGhlIHNhbXBsZSBub25jZTE=",
    "dGhlIHNhbXBsZSBub25jZTEy",
    "dGhlIHNhbXBsZSBub25j_Q==",
    "dGhlIHNhbXBsZSBub25 ZQ==",
    "dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ==",
  ];
  for (const value of keys) {
    assertEquals(upgrade({ "sec-websocket-key": value }), "INVALID_REQUEST", String(value));
  }
});

Deno.test("checkUpgrade answers 400 where Connection does not name Upgrade", () => {
  for (const value of [null, "", "keep-alive", "upgraded", "close, not-upgrade", "up grade"]) {
    assertEquals(upgrade({ connection: value }), "INVALID_REQUEST", String(value));
  }
});

Deno.test("checkUpgrade answers 400 to a malformed offer of subprotocols, and passes the others", () => {
  for (const [offer, wellFormed] of OFFERS) {
    const expected = wellFormed ? "ok" : "INVALID_REQUEST";
    assertEquals(upgrade({ "sec-websocket-protocol": offer }), expected, offer.slice(0, 60));
  }
});

Deno.test("checkUpgrade looks at method, upgrade, version, then the rest", () => {
  const all = { upgrade: null, "sec-websocket-version": "8", "sec-websocket-key": "x" };
  assertEquals(upgrade(all, "POST"), "METHOD_NOT_ALLOWED");
  assertEquals(upgrade(all), "UPGRADE_REQUIRED");
  assertEquals(upgrade({ ...all, upgrade: "websocket" }), "UPGRADE_REQUIRED");
  assertEquals(upgrade({ "sec-websocket-key": "x" }), "INVALID_REQUEST");
});

Deno.test("checkOrigin passes no Origin and an allowed one, and answers 403 to others", () => {
  const rules = { allowedOrigins: new Set(["https://app.example.com"]), allowLocalhost: false };
  const verdict = (origin: string | null): string => {
    const check = checkOrigin(headersWith({ origin, host: "chat.example" }), rules);
    return check.ok ? "ok" : `${check.error.shape.status} ${check.error.code}`;
  };
  assertEquals(verdict(null), "ok");
  assertEquals(verdict("https://app.example.com"), "ok");
  assertEquals(verdict("https://chat.example"), "ok");
  for (const origin of ["https://evil.example", "null", "", "chat.example"]) {
    assertEquals(verdict(origin), "403 ORIGIN_NOT_ALLOWED", origin);
  }
});

Deno.test("readHandshake selects drawbridge.v1 where it is offered, and nothing where none is", () => {
  const read = (changes: Changes): unknown => {
    const handshake = readHandshake(headersWith(changes), URL_WITHOUT);
    return handshake.ok ? [handshake.protocol, handshake.token] : handshake.error.code;
  };
  const authorization = "Bearer a.b.c";
  assertEquals(read({ authorization }), [undefined, "a.b.c"]);
  for (const offer of ["drawbridge.v1", "x, drawbridge.v1", "drawbridge.v1,x"]) {
    assertEquals(read({ authorization, "sec-websocket-protocol": offer }), [
      "drawbridge.v1",
      "a.b.c",
    ]);
  }
  for (const offer of ["bearer.a.b.c, drawbridge.v1", "drawbridge.v1,bearer.a.b.c"]) {
    assertEquals(read({ "sec-websocket-protocol": offer }), ["drawbridge.v1", "a.b.c"]);
  }
});

Deno.test("readHandshake answers 400 where subprotocols are offered without drawbridge.v1, before any credential", () => {
  for (
    const offer of ["chat", "bearer.a.b.c", "Drawbridge.v1", "drawbridge.v2", "drawbridge.v10"]
  ) {
    const headers = headersWith({ "sec-websocket-protocol": offer });
    const { error } = refusalOf(readHandshake(headers, URL_WITHOUT));
    assertEquals([error.code, error.shape.status], ["UNSUPPORTED_PROTOCOL", 400], offer);
  }
});

Deno.test("readHandshake answers 401 with a challenge to no, two or misplaced credentials", () => {
  const authorization = "Bearer a.b.c";
  const both = "drawbridge.v1, bearer.a.b.c";
  const cases: readonly (readonly [Changes, string])[] = [
    [{}, ""],
    [{ "sec-websocket-protocol": "drawbridge.v1" }, ""],
    [{ authorization, "sec-websocket-protocol": both }, ""],
    [{ "sec-websocket-protocol": `${both}, bearer.d.e.f` }, ""],
    [{ "sec-websocket-protocol": `${both}, bearer.a.b.c` }, ""],
    [{ authorization: `${authorization}, ${authorization}` }, ""],
    [{ authorization }, "?token=a.b.c"],
    [{ "sec-websocket-protocol": both }, "?Access_Token=a.b.c"],
    [{}, "?ticket=1"],
  ];
  for (const [changes, query] of cases) {
    const headers = headersWith(changes);
    assertEquals(checkUpgrade({ method: "GET", headers }).ok, true);
    const refusal = refusalOf(readHandshake(headers, new URL(query, URL_WITHOUT)));
    assertEquals([refusal.error.code, refusal.error.shape.status], ["UNAUTHENTICATED", 401]);
    assert(refusal.headers["WWW-Authenticate"]?.startsWith("Bearer "));
  }
});

Deno.test("narrowOffer leaves the request alone where nothing is selected", () => {
  const request = { headers: headersWith() };
  const { headers } = request;
  assertStrictEquals(narrowOffer(request, undefined), request);
  assertStrictEquals(request.headers, headers);
});

Deno.test({
  ...needs("net")(
    "whatever passes the checks is upgraded by Deno, with drawbridge.v1 alone echoed",
  ),
  async fn() {
    const sockets: WebSocket[] = [];
    await using server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      (request) => {
        const check = checkUpgrade(request);
        if (!check.ok) return new Response(check.error.code, { status: check.error.shape.status });
        const protocol = request.headers.has("sec-websocket-protocol")
          ? "drawbridge.v1"
          : undefined;
        const { socket, response } = Deno.upgradeWebSocket(
          narrowOffer(request, protocol),
          protocol === undefined ? {} : { protocol },
        );
        sockets.push(socket);
        return response;
      },
    );
    const offers = OFFERS.map(([offer, wellFormed]) => ({ offer, wellFormed }));
    for (const { offer, wellFormed } of [{ offer: undefined, wellFormed: true }, ...offers]) {
      using connection = await Deno.connect({ hostname: "127.0.0.1", port: server.addr.port });
      const answer = await shakeHands(connection, offer);
      const [status, echoed] = [/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1], echoOf(answer)];
      assertEquals(
        [status, echoed],
        wellFormed
          ? ["101", offer === undefined ? undefined : "drawbridge.v1"]
          : ["400", undefined],
        offer,
      );
      if (wellFormed) await echoOneFrame(connection, sockets.pop()!);
    }
  },
});

function echoOf(answer: string): string | undefined {
  return /^sec-websocket-protocol: *(.*)$/im.exec(answer)?.[1]?.trim();
}

/** Sends a handshake by hand, since a client would not send what is malformed. */
async function shakeHands(connection: Deno.Conn, offer: string | undefined): Promise<string> {
  const lines = Object.entries(VALID).map(([name, value]) => `${name}: ${value}`);
  if (offer !== undefined) lines.push(`sec-websocket-protocol: ${offer}`);
  const request = `GET /ws HTTP/1.1\r\nhost: chat.example\r\n${lines.join("\r\n")}\r\n\r\n`;
  // Header bytes are Latin-1.
  const bytes = Uint8Array.from(request, (character) => character.charCodeAt(0));
  const writer = connection.writable.getWriter();
  await writer.write(bytes);
  writer.releaseLock();
  const buffer = new Uint8Array(4_096);
  let answer = "";
  while (!answer.includes("\r\n\r\n")) {
    const count = await connection.read(buffer);
    if (count === null) break;
    answer += new TextDecoder().decode(buffer.subarray(0, count));
  }
  return answer;
}

/** Shows that the upgraded socket lives: a masked "hi" goes in, and the close comes back. */
async function echoOneFrame(connection: Deno.Conn, socket: WebSocket): Promise<void> {
  const received = new Promise<unknown>((resolve) => {
    socket.onmessage = ({ data }) => resolve(data);
  });
  const closed = new Promise<void>((resolve) => {
    socket.onclose = () => resolve();
  });
  const writer = connection.writable.getWriter();
  await writer.write(Uint8Array.of(0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69));
  assertEquals(await received, "hi");
  await writer.write(Uint8Array.of(0x88, 0x80, 0, 0, 0, 0));
  await closed;
  writer.releaseLock();
}
