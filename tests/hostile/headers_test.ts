import { assert, assertEquals, assertMatch } from "@std/assert";
import { World } from "../support/in_process.ts";
import { handshakeHeaders, type HeaderChanges, RawSocket } from "../support/raw_socket.ts";
import { needsServer, ServerProcess } from "../support/server_process.ts";
import { mintToken } from "../support/tokens.ts";

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;

/** Sources that are this server itself or nothing, by directive: no other origin, no inline code. */
const OWN: Readonly<Record<string, readonly string[]>> = {
  "img-src": ["'none'", "'self'", "data:"],
  "frame-ancestors": ["'none'"],
  "require-trusted-types-for": ["'script'"],
};
const OWN_ELSEWHERE = ["'none'", "'self'"];

/** One response, and what was asked. */
interface Answered {
  readonly asked: string;
  readonly status: number;
  readonly headers: Headers;
}

/** Every path that the application routes, and some that it does not. */
async function paths(): Promise<readonly string[]> {
  await using world = await World.open();
  const routed = world.routes.map(({ path }) => path).filter((path) => !path.includes("*"));
  return [...new Set([...routed, "/nowhere", "/api/nowhere"])]
    .map((path) => path.replaceAll(/:\w+/g, "t1"));
}

/** Asks for the head of a response; what follows is left. */
async function ask(
  server: ServerProcess,
  { method, path }: { method: string; path: string },
  headers: Readonly<Record<string, string>>,
): Promise<Answered> {
  using socket = await RawSocket.connect(server.address);
  const { host } = new URL(server.address);
  // A chat that is good, so that its event stream is among the responses.
  const message = { id: "m1", role: "user", parts: [{ type: "text", text: "/count 3 0" }] };
  const body = method === "GET" || method === "HEAD"
    ? ""
    : JSON.stringify({ id: "t1", messages: [message], sub: "alice", title: "t", text: "hello" });
  await socket.send({
    method,
    target: path,
    headers: [
      ["host", host],
      ["content-length", String(body.length)],
      ["content-type", "application/json"],
      ...Object.entries(headers),
    ],
    body,
  });
  return { asked: `${method} ${path} ${Object.keys(headers)}`, ...await socket.head() };
}

/** How a handshake is refused. */
async function knock(server: ServerProcess, changes: HeaderChanges): Promise<Answered> {
  using socket = await RawSocket.connect(server.address);
  await socket.send({ headers: handshakeHeaders(server.address, changes) });
  return { asked: `/ws ${JSON.stringify(changes)}`, ...await socket.head() };
}

function assertStrict({ asked, status, headers }: Answered): void {
  const what = `${status} to ${asked}`;
  assertEquals(headers.get("x-content-type-options"), "nosniff", what);
  assertEquals(headers.get("x-frame-options"), "DENY", what);
  assertEquals(headers.get("referrer-policy"), "no-referrer", what);
  assertMatch(headers.get("x-request-id") ?? "", /^[0-9a-f-]{36}$/, what);
  for (const telling of ["server", "x-powered-by", "set-cookie", "access-control-allow-origin"]) {
    assertEquals(headers.get(telling), null, `${telling} in ${what}`);
  }
  assertPolicy(headers.get("content-security-policy") ?? "", what);
}

/** Asserts that a policy (CSP 3) forbids all that it does not allow, and allows nothing foreign. */
function assertPolicy(policy: string, what: string): void {
  const directives = new Map(
    policy.split(";").map((directive) => {
      const [name = "", ...sources] = directive.trim().split(/\s+/);
      return [name, sources] as const;
    }),
  );
  assertEquals(directives.get("default-src"), ["'none'"], `${policy} in ${what}`);
  assertEquals(directives.get("frame-ancestors"), ["'none'"], `${policy} in ${what}`);
  for (const [name, sources] of directives) {
    const own = OWN[name] ?? OWN_ELSEWHERE;
    assert(sources.every((source) => own.includes(source)), `${name} of ${policy} in ${what}`);
  }
}

Deno.test({
  ...needsServer(
    "every response of every route has strict headers, whatever the method, the token and the status",
  ),
  async fn() {
    await using server = await ServerProcess.start();
    await server.state("ready");
    const authorization = `Bearer ${await mintToken()}`;
    const answers: Answered[] = [];
    for (const path of await paths()) {
      for (const method of METHODS) {
        answers.push(await ask(server, { method, path }, {}));
        answers.push(await ask(server, { method, path }, { authorization }));
      }
    }
    answers.push(
      await knock(server, { "sec-websocket-version": "12" }),
      await knock(server, { "sec-websocket-key": "short" }),
      await knock(server, { "origin": "https://evil.example" }),
      await knock(server, { "sec-websocket-protocol": "graphql-ws" }),
      await knock(server, {}),
      await knock(server, { "authorization": "Bearer a.b.c" }),
      await knock(server, { authorization, "host": "a b" }),
    );
    for (const answer of answers) assertStrict(answer);
    const statuses = new Set(answers.map(({ status }) => status));
    for (const status of [200, 201, 202, 204, 400, 401, 403, 404, 405, 426]) {
      assert(statuses.has(status), `no ${status} among ${[...statuses]}`);
    }
    const streams = answers.filter(({ headers }) =>
      headers.get("content-type")?.startsWith("text/event-stream")
    );
    assert(streams.some(({ status }) => status === 200));

    // It has touched no upgrade, which would have ended it on Deno 2.5.
    const upgraded = await knock(server, { authorization });
    assertEquals(upgraded.status, 101);
    assertEquals(server.logs.filter(({ level }) => level === "error"), []);
  },
});

Deno.test({
  ...needsServer("in staging and production every response pins https, and no other tells of it"),
  async fn() {
    for (const [APP_ENV, pins] of [["production", true], ["staging", true], ["test", false]]) {
      await using server = await ServerProcess.start({
        env: {
          APP_ENV: String(APP_ENV),
          HOST: "127.0.0.1",
          JWT_ISSUER: "https://issuer.example",
          JWT_AUDIENCE: "drawbridge",
        },
      });
      await server.state("ready");
      for (const path of await paths()) {
        const { headers, status } = await ask(server, { method: "GET", path }, {});
        const pinned = headers.get("strict-transport-security");
        if (pins) assertMatch(pinned ?? "", /^max-age=\d{7,}/, `${status} ${path}`);
        else assertEquals(pinned, null, path);
      }
    }
  },
});
