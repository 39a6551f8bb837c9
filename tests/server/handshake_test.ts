import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  type HeaderChanges,
  httpRequest,
  type RawResponse,
  RawSocket,
} from "../support/raw_socket.ts";
import { eventually } from "../support/feed.ts";
import { needsServer, ServerProcess } from "../support/server_process.ts";
import { encodePart, mintToken, nowSeconds, signToken } from "../support/tokens.ts";

/** Text that no answer may repeat. */
const MARK = "MARKED-BY-THE-TEST";

interface Knock {
  readonly headers?: HeaderChanges;
  readonly method?: string;
  readonly target?: string;
}

/** The answer to a handshake, which is no upgrade. */
async function knock(address: string, { headers = {}, ...request }: Knock): Promise<RawResponse> {
  using socket = await RawSocket.knock(address, headers, request);
  return await socket.response();
}

/** Asserts that a handshake is refused with that status and code, as a problem document should be. */
async function assertRefused(
  address: string,
  attempt: Knock,
  [status, code]: readonly [number, string],
): Promise<Headers> {
  const answer = await knock(address, attempt);
  const of = JSON.stringify(attempt).slice(0, 300);
  assertEquals(answer.status, status, `${of}: ${answer.body}`);
  assertEquals(answer.headers.get("content-type"), "application/problem+json", of);
  assertMatch(answer.headers.get("x-request-id") ?? "", /^[A-Za-z0-9_-]{1,64}$/, of);
  const problem = JSON.parse(answer.body);
  assertEquals([problem.status, problem.code], [status, code], of);
  assertEquals(problem.requestId, answer.headers.get("x-request-id"), of);
  for (const name of ["type", "title", "detail"]) assertEquals(typeof problem[name], "string", of);
  assertEquals(problem.retryable, status === 429 || status === 503, of);
  if (status === 429 || status === 503) {
    assertMatch(answer.headers.get("retry-after") ?? "", /^[1-9]\d*$/, of);
    assert(problem.retryAfterMs > 0, of);
  }
  assertEquals(answer.headers.has("sec-websocket-accept"), false, of);
  assertEquals(answer.headers.has("sec-websocket-protocol"), false, of);
  const whole = `${[...answer.headers]}${answer.body}`;
  assertEquals(whole.includes(MARK) || whole.includes("eyJ"), false, `repeated: ${whole}`);
  return answer.headers;
}

/** An open socket: its handshake was answered with 101, and the session has greeted. */
async function open(address: string, headers: HeaderChanges): Promise<[RawSocket, RawResponse]> {
  const socket = await RawSocket.knock(address, headers);
  const answer = await socket.response();
  assertEquals(answer.status, 101, answer.body);
  assertEquals((await socket.json()).type, "session.ready");
  return [socket, answer];
}

/** A subprotocol whose name is at fault, beside a good one. */
const MALFORMED_OFFERS = ["drawbridge.v1,,", "drawbridge.v1, drawbridge.v1", "drawbridge v1", ""];

Deno.test({
  ...needsServer("GET /ws refuses step by step, in the contract's order, before any upgrade"),
  async fn(t) {
    await using server = await ServerProcess.start({
      env: {
        JWT_ISSUER: "https://issuer.example",
        JWT_AUDIENCE: "drawbridge",
        ALLOWED_ORIGINS: "https://app.example.com",
        LIMIT_SOCKETS_PER_SUBJECT: "2",
      },
    });
    await server.state("ready");
    const { address } = server;
    const claims = { issuer: "https://issuer.example", audience: "drawbridge" };
    const token = await mintToken(claims);
    const expired = await mintToken({ ...claims, expiresInSeconds: -1 });
    const bearer = { authorization: `Bearer ${token}` };
    const bad = { origin: "https://evil.example", "sec-websocket-protocol": "chat" };

    await t.step("1: a method other than GET is 405, whatever else is wrong", async () => {
      for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"]) {
        const headers = { ...bad, "content-length": "0", upgrade: null };
        const answer = await assertRefused(address, { method, headers }, [
          405,
          "METHOD_NOT_ALLOWED",
        ]);
        assertEquals(answer.get("allow"), "GET");
      }
    });

    await t.step("1: no upgrade to WebSocket is 426, and says what to upgrade to", async () => {
      for (const upgrade of [null, "h2c", "websockets"]) {
        const headers = { ...bad, upgrade, "sec-websocket-key": "x" };
        const answer = await assertRefused(address, { headers }, [426, "UPGRADE_REQUIRED"]);
        assertEquals(answer.get("upgrade"), "websocket");
      }
    });

    await t.step("1: another version is 426 with Sec-WebSocket-Version: 13", async () => {
      for (const version of [null, "8", "14", "13, 8", "013"]) {
        const headers = { ...bad, "sec-websocket-version": version, "sec-websocket-key": "x" };
        const answer = await assertRefused(address, { headers }, [426, "UPGRADE_REQUIRED"]);
        assertEquals(answer.get("sec-websocket-version"), "13");
      }
    });

    await t.step("1: a bad key or a malformed header is 400", async () => {
      const key = "dGhlIHNhbXBsZSBub25jZQ==";
      const changes: HeaderChanges[] = [
        ...[null, "", MARK, "dGhlIHNhbXBsZSBub25jZQ", [key, key]]
          .map((key) => ({ "sec-websocket-key": key })),
        ...MALFORMED_OFFERS.map((offer) => ({ "sec-websocket-protocol": offer })),
        { connection: "keep-alive" },
      ];
      for (const change of changes) {
        // The origin comes after it.
        const headers = { ...bearer, origin: bad.origin, ...change };
        await assertRefused(address, { headers }, [400, "INVALID_REQUEST"]);
      }
    });

    await t.step("3: another origin is 403, before subprotocols and credentials", async () => {
      const foreign = [
        bad.origin,
        "null",
        "",
        `https://${MARK}.app.example.com`,
        "https://app.example.com.evil.example",
        "http://app.example.com",
        "https://app.example.com:444",
        "http://localhost:3000",
      ];
      for (const origin of foreign) {
        await assertRefused(address, { headers: { ...bad, origin } }, [403, "ORIGIN_NOT_ALLOWED"]);
      }
    });

    await t.step("3: the same origin, an allowed one and none are let in", async () => {
      for (const origin of [address, "https://app.example.com", null]) {
        const [socket] = await open(address, { ...bearer, origin });
        socket[Symbol.dispose]();
      }
    });

    await t.step("4: subprotocols without drawbridge.v1 are 400, before credentials", async () => {
      for (const offer of ["chat", "drawbridge.v2", "Drawbridge.v1", `bearer.${expired}`]) {
        const headers = { "sec-websocket-protocol": offer };
        await assertRefused(address, { headers }, [400, "UNSUPPORTED_PROTOCOL"]);
      }
    });

    await t.step("5: none, two or a malformed credential is 401 with a challenge", async () => {
      const offer = `drawbridge.v1, bearer.${token}`;
      const changes: HeaderChanges[] = [
        {},
        { "sec-websocket-protocol": "drawbridge.v1" },
        { ...bearer, "sec-websocket-protocol": offer },
        { "sec-websocket-protocol": `${offer}, bearer.${token}` },
        { authorization: [`Bearer ${token}`, `Bearer ${token}`] },
        { authorization: `Basic ${btoa(`alice:${MARK}`)}` },
        { authorization: "Bearer" },
        { authorization: token },
        { "sec-websocket-protocol": "drawbridge.v1, bearer." },
        { cookie: `token=${token}` },
      ];
      for (const headers of changes) {
        const answer = await assertRefused(address, { headers }, [401, "UNAUTHENTICATED"]);
        assertMatch(answer.get("www-authenticate") ?? "", /^Bearer /);
      }
    });

    await t.step("5: a credential in the URL is 401, also beside a good one", async () => {
      for (const name of ["token", "access_token", "jwt", "bearer", "ticket", "Token"]) {
        for (const headers of [{}, bearer]) {
          const attempt = { headers, target: `/ws?x=1&${name}=${token}` };
          const answer = await assertRefused(address, attempt, [401, "UNAUTHENTICATED"]);
          assertMatch(answer.get("www-authenticate") ?? "", /^Bearer /);
        }
      }
    });

    await t.step("5: a token that is not to be believed is 401 with a challenge", async () => {
      const good = { sub: "alice", exp: nowSeconds() + 60, iss: claims.issuer, aud: "drawbridge" };
      const [head, payload, signature] = token.split(".");
      const tokens = [
        MARK,
        `${head}.${payload}`,
        `${head}.${payload}.`,
        `${head}.${encodePart({ ...good, sub: "mallory" })}.${signature}`,
        await signToken({ alg: "none" }, good, () => Promise.resolve(new Uint8Array(0))),
        await mintToken({ ...claims, secret: "another secret that is long enough to be one" }),
        await mintToken({ ...claims, algorithm: "HS512" }),
        await mintToken({ ...claims, issuer: `https://${MARK}.example` }),
        await mintToken({ issuer: claims.issuer }),
        await mintToken({ ...claims, audience: "another" }),
        await mintToken({ ...claims, sub: "" }),
        await mintToken({ ...claims, sub: "a".repeat(257) }),
        await mintToken({ ...claims, claims: { sub: 1 } }),
        await mintToken({ ...claims, claims: { exp: "tomorrow" } }),
        await mintToken({ ...claims, claims: { exp: undefined } }),
        await mintToken({ ...claims, claims: { exp: 8.64e12 + 1 } }),
        await mintToken({ ...claims, claims: { nbf: nowSeconds() + 3_600 } }),
        await mintToken({ ...claims, claims: { iat: nowSeconds() + 3_600 } }),
        await mintToken({ ...claims, issuer: "another", expiresInSeconds: -1 }),
        await mintToken({ ...claims, claims: { padding: "a".repeat(9_000) } }),
        await mintToken({ ...claims, header: { crit: ["exp"] } }),
      ];
      for (const one of tokens) {
        const headers = { authorization: `Bearer ${one}` };
        const answer = await assertRefused(address, { headers }, [401, "UNAUTHENTICATED"]);
        assertMatch(answer.get("www-authenticate") ?? "", /^Bearer .*error="/);
      }
    });

    await t.step("5: a token whose only fault is its age is 401 TOKEN_EXPIRED", async () => {
      const changes: HeaderChanges[] = [
        { authorization: `Bearer ${expired}` },
        { "sec-websocket-protocol": `drawbridge.v1, bearer.${expired}` },
      ];
      for (const headers of changes) {
        const answer = await assertRefused(address, { headers }, [401, "TOKEN_EXPIRED"]);
        assertMatch(answer.get("www-authenticate") ?? "", /^Bearer .*error="invalid_token"/);
      }
    });

    await t.step(
      "drawbridge.v1 alone is echoed where it was offered, the token never",
      async () => {
        for (
          const offer of [
            `drawbridge.v1, bearer.${token}`,
            `bearer.${token}, drawbridge.v1`,
            `chat,bearer.${token},drawbridge.v1`,
          ]
        ) {
          const [socket, { headers }] = await open(address, { "sec-websocket-protocol": offer });
          socket[Symbol.dispose]();
          assertEquals(headers.get("sec-websocket-protocol"), "drawbridge.v1");
          assertEquals(headers.get("sec-websocket-accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
          assertEquals(headers.has("sec-websocket-extensions"), false);
          assertEquals([...headers].join().includes(token), false);
        }
      },
    );

    await t.step("no subprotocol is selected where none was offered", async () => {
      const [socket, { headers }] = await open(address, bearer);
      socket[Symbol.dispose]();
      assertEquals(headers.has("sec-websocket-protocol"), false);
    });

    await t.step(
      "a subject over its open sockets is 429, others are not, until one closes",
      async () => {
        const dora = await mintToken({ ...claims, sub: "dora" });
        const hers = { authorization: `Bearer ${dora}` };
        const [first] = await open(address, hers);
        const [second] = await open(address, hers);
        try {
          await assertRefused(address, { headers: hers }, [429, "TOO_MANY_CONNECTIONS"]);
          const eve = await mintToken({ ...claims, sub: "eve" });
          const [other] = await open(address, { authorization: `Bearer ${eve}` });
          other[Symbol.dispose]();
        } finally {
          first[Symbol.dispose]();
        }
        const [third] = await eventually(async () => {
          const socket = await RawSocket.knock(address, hers);
          const answer = await socket.response();
          if (answer.status === 101) return [socket];
          socket[Symbol.dispose]();
          return undefined;
        }, "a free place");
        for (const socket of [second, third!]) socket[Symbol.dispose]();
      },
    );

    await t.step(
      "another route is 404 as a problem, and the health routes still answer",
      async () => {
        const missing = await httpRequest(address, { path: `/${MARK}` });
        assertEquals([missing.status, JSON.parse(missing.body).code], [404, "NOT_FOUND"]);
        assertEquals((await server.request("/health/ready")).status, 200);
      },
    );

    assertEquals(server.stderr, "");
  },
});
