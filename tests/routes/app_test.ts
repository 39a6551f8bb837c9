import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { World } from "../support/in_process.ts";
import { hmacSigner, mintToken, nowSeconds, signToken } from "../support/tokens.ts";
import { problemIn } from "./problems.ts";

const PRODUCTION = {
  APP_ENV: "production",
  JWT_ISSUER: "https://issuer.example",
  JWT_AUDIENCE: "drawbridge",
};
const CLAIMS = { issuer: "https://issuer.example", audience: "drawbridge" };

/** Paths of every kind: page, health, metrics, auth, api, and none. */
const PATHS = [
  "/",
  "/health",
  "/health/live",
  "/health/ready",
  "/health/startup",
  "/metrics",
  "/auth/dev-token",
  "/api/threads",
  "/api/nowhere",
  "/nowhere",
  "/ws",
];

Deno.test("every response carries X-Request-Id: the client's own where it has our form, else a new one", async () => {
  await using world = await World.open();
  for (const path of PATHS) {
    for (const method of ["GET", "POST", "HEAD", "OPTIONS"]) {
      const given = await world.request(path, { method, headers: { "X-Request-Id": "my_req-1" } });
      await given.body?.cancel();
      assertEquals(given.headers.get("x-request-id"), "my_req-1", `${method} ${path}`);
      const forged = await world.request(path, { method, headers: { "X-Request-Id": "a b<c>" } });
      await forged.body?.cancel();
      assertMatch(forged.headers.get("x-request-id") ?? "", /^[0-9a-f-]{36}$/, `${method} ${path}`);
    }
  }
  const ids = await Promise.all([1, 2].map(async () => {
    const response = await world.request("/health/live");
    await response.body?.cancel();
    return response.headers.get("x-request-id");
  }));
  assertNotEquals(ids[0], ids[1]);
});

Deno.test("a path that is none is 404 NOT_FOUND, under /api with a token too", async () => {
  await using world = await World.open();
  for (const path of ["/nowhere", "/health/nowhere", "/auth", "/threads", "/wsx", "/api/nowhere"]) {
    await problemIn(await world.request(path), "NOT_FOUND");
    await problemIn(await world.request(path, { method: "POST", json: {} }), "NOT_FOUND");
  }
  await problemIn(await world.request("/api/threads/t/nowhere"), "NOT_FOUND");
  await using production = await World.open({ env: PRODUCTION });
  for (const [method, path] of [["GET", "/auth/dev-token"], ["POST", "/metrics"]] as const) {
    await problemIn(await production.request(path, { method, token: CLAIMS }), "NOT_FOUND");
  }
});

Deno.test("a method that a path does not take is 405 with Allow", async () => {
  await using world = await World.open();
  const paths: readonly (readonly [string, string])[] = [
    ["/api/threads", "GET, HEAD, POST"],
    ["/api/threads/t", "GET, HEAD, PATCH, DELETE"],
    ["/api/threads/t/entries", "GET, HEAD"],
    ["/api/threads/t/messages", "POST"],
    ["/api/threads/t/runs/r/cancel", "POST"],
    ["/api/chat", "POST"],
    ["/api/chat/t/stream", "GET, HEAD"],
    ["/api/chat/t/stop", "POST"],
    ...["/", "/assets/a.js", "/favicon.ico", "/docs", "/openapi.json", "/asyncapi.json"]
      .map((path) => [path, "GET, HEAD"] as const),
    ...["/health", "/health/live", "/health/startup", "/health/ready", "/metrics"]
      .map((path) => [path, "GET, HEAD"] as const),
    ["/auth/dev-token", "POST"],
    ["/ws", "GET"],
  ];
  for (const [path, allow] of paths) {
    for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE"]) {
      if (allow.split(", ").includes(method)) continue;
      const response = await world.request(path, { method });
      await problemIn(response, "METHOD_NOT_ALLOWED");
      assertEquals(response.headers.get("allow"), allow, `${method} ${path}`);
    }
  }
});

Deno.test("HEAD answers as GET does, without a body", async () => {
  await using world = await World.open();
  for (const path of ["/", "/health", "/health/live", "/metrics", "/api/threads"]) {
    const [get, head] = [await world.request(path), await world.request(path, { method: "HEAD" })];
    await get.body?.cancel();
    assertEquals([head.status, await head.text()], [get.status, ""], path);
    assertEquals(head.headers.get("content-type"), get.headers.get("content-type"), path);
  }
});

Deno.test("every response forbids sniffing, framing and referrers, and https is pinned outside of development", async () => {
  for (const APP_ENV of ["test", "development", "staging", "production"]) {
    await using world = await World.open({ env: { ...PRODUCTION, APP_ENV } });
    for (const path of PATHS) {
      const response = await world.request(path, { token: CLAIMS });
      await response.body?.cancel();
      const header = (name: string): string => response.headers.get(name) ?? "";
      assertEquals(header("x-content-type-options"), "nosniff", path);
      assertEquals(header("x-frame-options"), "DENY", path);
      assertEquals(header("referrer-policy"), "no-referrer", path);
      assertMatch(header("content-security-policy"), /default-src 'none'/, path);
      assertMatch(header("content-security-policy"), /frame-ancestors 'none'/, path);
      assertEquals(header("server") + header("x-powered-by"), "", path);
      const pinned = APP_ENV === "staging" || APP_ENV === "production";
      assertEquals(header("strict-transport-security") !== "", pinned, `${APP_ENV} ${path}`);
    }
  }
});

Deno.test("/api asks for one bearer token in the header, and says why it refuses", async () => {
  await using world = await World.open();
  const token = await mintToken();
  const refused: readonly (readonly [string, Record<string, string>, string?])[] = [
    ["none", {}],
    ["another scheme", { Authorization: `Basic ${btoa("a:b")}` }],
    ["an empty one", { Authorization: "Bearer " }],
    ["two", { Authorization: `Bearer ${token}, Bearer ${token}` }],
    ["garbage", { Authorization: "Bearer a.b.c" }],
    ["another key's", {
      Authorization: `Bearer ${await mintToken({ secret: "x".repeat(32) })}`,
    }],
    ["one without sub", { Authorization: `Bearer ${await mintToken({ claims: { sub: "" } })}` }],
    ["one unsigned", {
      Authorization: `Bearer ${await signToken(
        { alg: "none" },
        { sub: "alice", exp: nowSeconds() + 60 },
        hmacSigner("x".repeat(32)),
      )}`,
    }],
    ["one in the URL", {}, `?access_token=${token}`],
    ["one in both", { Authorization: `Bearer ${token}` }, `?token=${token}`],
  ];
  for (const [what, headers, query = ""] of refused) {
    const response = await world.request(`/api/threads${query}`, { sub: null, headers });
    const { code } = await response.clone().json();
    assertEquals(code, "UNAUTHENTICATED", what);
    await problemIn(response, "UNAUTHENTICATED");
    assertMatch(response.headers.get("www-authenticate") ?? "", /^Bearer /, what);
  }
  const expired = await world.request("/api/threads", { token: { expiresInSeconds: -1 } });
  await problemIn(expired, "TOKEN_EXPIRED");
  assertMatch(expired.headers.get("www-authenticate") ?? "", /^Bearer .*invalid_token/);
  await problemIn(await world.request("/api/nowhere", { sub: null }), "UNAUTHENTICATED");
});

Deno.test("CORS answers an allowed origin on /api, without credentials, errors included", async () => {
  await using world = await World.open({ env: { ALLOWED_ORIGINS: "https://app.example" } });
  for (
    const Origin of ["https://app.example", "https://drawbridge.test", "http://drawbridge.test"]
  ) {
    const responses = [
      await world.request("/api/threads", { headers: { Origin } }),
      await world.request("/api/threads", { sub: null, headers: { Origin } }),
      await world.request("/api/threads/none", { headers: { Origin } }),
      await world.request("/api/threads/t", { method: "PUT", headers: { Origin } }),
      await world.request("/api/threads", { method: "POST", body: "{", headers: { Origin } }),
    ];
    assertEquals(responses.map(({ status }) => status), [200, 401, 404, 405, 400]);
    for (const response of responses) {
      await response.body?.cancel();
      assertEquals(response.headers.get("access-control-allow-origin"), Origin);
      assertEquals(response.headers.get("access-control-allow-credentials"), null);
      assertMatch(response.headers.get("access-control-expose-headers") ?? "", /X-Request-Id/);
      assertMatch(response.headers.get("vary") ?? "", /origin/i);
    }
  }
});

Deno.test("CORS tells a foreign origin nothing, on /api and elsewhere", async () => {
  await using world = await World.open({ env: { ALLOWED_ORIGINS: "https://app.example" } });
  const foreign = [
    "https://evil.example",
    "https://app.example.evil.example",
    "https://app.example:8443",
    "http://app.example",
    "null",
    "http://localhost:3000",
  ];
  for (const Origin of foreign) {
    for (const method of ["GET", "OPTIONS"]) {
      const headers = { Origin, "Access-Control-Request-Method": "GET" };
      const response = await world.request("/api/threads", { method, headers });
      await response.body?.cancel();
      assertEquals(response.headers.get("access-control-allow-origin"), null, Origin);
    }
  }
  for (const path of ["/health", "/metrics", "/auth/dev-token", "/"]) {
    const headers = { Origin: "https://app.example" };
    const response = await world.request(path, { headers });
    await response.body?.cancel();
    assertEquals(response.headers.get("access-control-allow-origin"), null, path);
  }
});

Deno.test("CORS answers a preflight without a token, while the gate is closed too", async () => {
  await using world = await World.open({
    env: { ALLOWED_ORIGINS: "https://app.example" },
    closed: true,
    withoutKeys: true,
  });
  for (const method of ["GET", "POST", "PATCH", "DELETE"]) {
    const response = await world.request("/api/threads/t", {
      sub: null,
      method: "OPTIONS",
      headers: {
        Origin: "https://app.example",
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,content-type",
      },
    });
    assertEquals([response.status, await response.text()], [204, ""]);
    const header = (name: string): string => response.headers.get(name) ?? "";
    assertEquals(header("access-control-allow-origin"), "https://app.example");
    assert(header("access-control-allow-methods").split(",").includes(method));
    assertMatch(header("access-control-allow-headers"), /authorization/i);
    assertMatch(header("access-control-allow-headers"), /content-type/i);
    assertEquals(header("access-control-allow-credentials"), "");
    assert(header("x-request-id"));
  }
});

Deno.test("POST /auth/dev-token mints a token that /api takes, and is not to be kept", async () => {
  await using world = await World.open();
  const asked = { method: "POST", sub: null, json: { sub: "ada lovelace" } } as const;
  const response = await world.request("/auth/dev-token", asked);
  assertEquals([response.status, response.headers.get("cache-control")], [200, "no-store"]);
  const { token, expiresAt, ...rest } = await response.json();
  assertEquals(rest, {});
  assert(Date.parse(expiresAt) > Date.now());
  const principal = await world.services.verifier.verify(token);
  assertEquals(principal.subject, "ada lovelace");
  assertEquals(new Date(principal.expiresAtMs).toISOString(), expiresAt);
  const headers = { Authorization: `Bearer ${token}` };
  const threads = await world.request("/api/threads", { sub: null, headers });
  assertEquals((await threads.json()).threads, []);
});

Deno.test("POST /auth/dev-token refuses a sub that no token may have, while starting as well", async () => {
  await using world = await World.open({ closed: true, withoutKeys: true });
  const post = (json: unknown): Promise<Response> =>
    world.request("/auth/dev-token", { method: "POST", sub: null, json });
  for (
    const json of [{}, { sub: "" }, { sub: 1 }, { sub: "x".repeat(257) }, { sub: "\ud800" }, []]
  ) {
    await problemIn(await post(json), "INVALID_REQUEST");
  }
  const longest = await post({ sub: "x".repeat(256) });
  assertEquals(longest.status, 200);
  await longest.body?.cancel();
});

Deno.test("POST /auth/dev-token does not exist in staging and production", async () => {
  for (const APP_ENV of ["staging", "production"]) {
    await using world = await World.open({ env: { ...PRODUCTION, APP_ENV } });
    const asked = { method: "POST", sub: null, json: { sub: "ada" } } as const;
    await problemIn(await world.request("/auth/dev-token", asked), "NOT_FOUND");
  }
});

Deno.test("GET / is the page, for people without a token", async () => {
  await using world = await World.open({ closed: true });
  const response = await world.request("/", { sub: null });
  assertEquals(response.status, 200);
  assertMatch(response.headers.get("content-type") ?? "", /^text\/html/);
  assertMatch(await response.text(), /Drawbridge/);
});

Deno.test("/ws refuses over HTTP what is no handshake, with problem documents", async () => {
  await using world = await World.open();
  const plain = await world.request("/ws");
  await problemIn(plain, "UPGRADE_REQUIRED");
  for (const method of ["POST", "HEAD", "OPTIONS", "DELETE"]) {
    const response = await world.request("/ws", { method });
    assertEquals(response.status, 405);
    assertEquals(response.headers.get("allow"), "GET");
    await response.body?.cancel();
  }
  const upgrade = {
    Upgrade: "WebSocket",
    Connection: "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
  };
  const wrong = { ...upgrade, "Sec-WebSocket-Version": "8" };
  const version = await world.request("/ws", { headers: wrong });
  await problemIn(version, "UPGRADE_REQUIRED");
  assertEquals(version.headers.get("sec-websocket-version"), "13");
  const key = { ...upgrade, "Sec-WebSocket-Key": "short" };
  await problemIn(await world.request("/ws", { headers: key }), "INVALID_REQUEST");
  const origin = { ...upgrade, Origin: "https://evil.example" };
  await problemIn(await world.request("/ws", { headers: origin }), "ORIGIN_NOT_ALLOWED");
  const offer = { ...upgrade, "Sec-WebSocket-Protocol": "chat" };
  await problemIn(await world.request("/ws", { headers: offer }), "UNSUPPORTED_PROTOCOL");
  const nobody = await world.request("/ws", { sub: null, headers: upgrade });
  await problemIn(nobody, "UNAUTHENTICATED");
  assertMatch(nobody.headers.get("www-authenticate") ?? "", /^Bearer /);
  const expired = await world.request("/ws", { headers: upgrade, token: { expiresInSeconds: -1 } });
  await problemIn(expired, "TOKEN_EXPIRED");
  const refusals = world.samples.filter(({ name }) => name === "gate_refusals_total");
  assertEquals(refusals.map(({ labels }) => labels["code"]).slice(-5), [
    "INVALID_REQUEST",
    "ORIGIN_NOT_ALLOWED",
    "UNSUPPORTED_PROTOCOL",
    "UNAUTHENTICATED",
    "TOKEN_EXPIRED",
  ]);
});

Deno.test("/ws answers 429 to a subject that has all its sockets, and 503 while draining", async () => {
  await using world = await World.open({ env: { LIMIT_SOCKETS_PER_SUBJECT: "1" } });
  const headers = {
    Upgrade: "websocket",
    Connection: "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
  };
  world.connections.tryTake("alice");
  await problemIn(await world.request("/ws", { headers }), "TOO_MANY_CONNECTIONS");
  assertEquals(world.connections.count, 1);
  world.barrier.drain();
  await problemIn(await world.request("/ws", { headers }), "DRAINING");
});
