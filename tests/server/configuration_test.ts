import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { needsServer, ServerProcess } from "../support/server_process.ts";

/** What may never be printed. */
const SECRETS = ["too short to be a secret", "sk with a blank 4711", "kv-token-4712"];

Deno.test({
  ...needsServer(
    "a server with faults in its configuration names all of them at once, listens nowhere and exits with 78",
  ),
  async fn() {
    // Whoever listened first would die of the address in use, with another code.
    using taken = Deno.listen({ hostname: "0.0.0.0", port: 0 });
    await using server = new ServerProcess({
      env: {
        APP_ENV: "production",
        PORT: String(taken.addr.port),
        JWT_SECRET: SECRETS[0]!,
        JWT_ALGORITHMS: "RS256",
        ALLOWED_ORIGINS: "https://app.example.com/path",
        STARTUP_WAIT_MS: "soon",
        OPENAI_API_KEY: SECRETS[1]!,
        OPENAI_BASE_URL: "ftp://model.example",
        DENO_KV_ACCESS_TOKEN: SECRETS[2]!,
        KV_PATH: "http://",
        LIMIT_SOCKETS_PER_SUBJECT: "0",
      },
    });
    const { code, signal } = await server.exited();

    assertEquals({ code, signal }, { code: 78, signal: null });
    assertEquals(server.lines, []);
    const named = [...server.stderr.matchAll(/^ {2}- ([A-Z_]+) must .+$/gm)].map(([, name]) =>
      name
    );
    assertEquals(
      [...new Set(named)].sort(),
      [
        "ALLOWED_ORIGINS",
        "JWT_ALGORITHMS",
        "JWT_AUDIENCE",
        "JWT_ISSUER",
        "JWT_SECRET",
        "KV_PATH",
        "LIMIT_SOCKETS_PER_SUBJECT",
        "OPENAI_API_KEY",
        "OPENAI_BASE_URL",
        "OPENAI_MODEL",
        "STARTUP_WAIT_MS",
      ],
    );
    assertMatch(server.stderr, /^The configuration has \d+ faults:\n/);
    assertEquals(server.stderr.match(/The configuration has/g)?.length, 1);
    for (const secret of SECRETS) assertEquals(server.stderr.includes(secret), false, secret);
  },
});

Deno.test({
  ...needsServer("a server without any key exits with 78 in production, and asks for one"),
  async fn() {
    await using server = new ServerProcess({
      env: { APP_ENV: "", JWT_SECRET: "", JWT_ISSUER: "issuer", JWT_AUDIENCE: "audience" },
    });
    const { code } = await server.exited();

    assertEquals([code, server.lines], [78, []]);
    assertStringIncludes(server.stderr, "The configuration has 1 fault:\n  - JWT_SECRET must be");
  },
});

Deno.test({
  ...needsServer("a server without any key starts in test, and warns that tokens end with it"),
  async fn() {
    await using server = await ServerProcess.start({ env: { JWT_SECRET: "" } });
    assertMatch(server.address, /^http:\/\/127\.0\.0\.1:[1-9]\d*$/);
    await server.state("ready");
    const warnings = server.logs.filter(({ level }) => level === "warning");
    assertEquals(warnings.length, 1);
    assertStringIncludes(warnings[0]!.msg, "JWT_SECRET is not set");
  },
});

Deno.test({
  ...needsServer("a server that cannot listen says where, without a stack"),
  async fn() {
    using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = taken.addr;
    await using server = new ServerProcess({ env: { PORT: String(port) } });
    const { code } = await server.exited();
    assertEquals([code, server.lines], [1, []]);
    assertMatch(
      server.stderr,
      new RegExp(`Cannot listen on HOST 127.0.0.1, PORT ${port}: AddrInUse`),
    );
    assertEquals(/^ {4}at /m.test(server.stderr), false);
  },
});
