import {
  assert,
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertMatch,
  assertNotEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { ConfigError, type Environment, loadConfig, secrets } from "../lib/config.ts";
import { describeVariables, VARIABLES } from "../lib/config/variables.ts";
import { DEFAULT_LIMITS, LIMIT_DEFINITIONS } from "../lib/limits.ts";

const SECRET = "0123456789abcdef0123456789abcdef";

const PRODUCTION: Environment = {
  JWT_SECRET: SECRET,
  JWT_ISSUER: "https://issuer.example",
  JWT_AUDIENCE: "drawbridge",
};

/** The faulty variables of `environment`, which must have some. */
function faultsOf(environment: Environment): string[] {
  const error = assertThrows(() => loadConfig(environment), ConfigError);
  assert(error.faults.length > 0);
  return error.faults.map(({ variable }) => variable);
}

function production(more: Environment): Environment {
  return { ...PRODUCTION, ...more };
}

Deno.test("loadConfig takes the production defaults when only what is required is set", () => {
  const config = loadConfig(PRODUCTION);
  assertEquals(config.appEnv, "production");
  assertEquals([config.host, config.port], ["0.0.0.0", 8000]);
  assertEquals(config.kv, {});
  assertEquals(config.auth, {
    keys: { kind: "secret", secret: SECRET },
    algorithms: ["HS256"],
    issuer: "https://issuer.example",
    audience: "drawbridge",
  });
  assertEquals(config.startup, { waitMs: 30_000, timeoutMs: 60_000 });
  assertEquals(config.model, {});
  assertEquals(config.metrics, { open: false });
  assertEquals(config.limits, DEFAULT_LIMITS);
  assertEquals(config.log, { json: true });
  assertFalse(config.devTokens);
  assertFalse(config.allowLocalhostOrigins);
  assertEquals(config.allowedOrigins.size, 0);
  assertEquals(config.warnings, []);
});

Deno.test("loadConfig gives development its conveniences and nothing else", () => {
  const config = loadConfig({ APP_ENV: "development" });
  assertEquals(config.host, "127.0.0.1");
  assertEquals(config.startup, { waitMs: 10_000, timeoutMs: 60_000 });
  assertEquals(config.metrics, { open: true });
  assertEquals(config.log, { json: false });
  assert(config.devTokens);
  assert(config.allowLocalhostOrigins);
});

Deno.test("loadConfig gives the test environment JSON logs, short waits and no localhost origins", () => {
  const config = loadConfig({ APP_ENV: "test" });
  assertEquals(config.startup, { waitMs: 2_000, timeoutMs: 60_000 });
  assertEquals(config.log, { json: true });
  assert(config.devTokens);
  assertFalse(config.allowLocalhostOrigins);
});

Deno.test("loadConfig signs with a random secret and a warning where development has no key", () => {
  const [one, other] = [1, 2].map(() => loadConfig({ APP_ENV: "development" }));
  const keys = one!.auth.keys;
  assert(keys.kind === "secret");
  assert(keys.secret.length >= 32);
  assertNotEquals(one!.auth.keys, other!.auth.keys);
  assertEquals(one!.warnings.length, 1);
  assertStringIncludes(one!.warnings[0]!, "JWT_SECRET");
  assertFalse(one!.warnings.join().includes(keys.secret));
});

Deno.test("loadConfig takes an empty variable for one that is unset", () => {
  const empty = Object.fromEntries(
    describeVariables().map(({ name }) => [name, ""]),
  );
  assertEquals(loadConfig({ ...empty, ...PRODUCTION }), loadConfig(PRODUCTION));
  assertEquals(loadConfig(production({ PORT: "  ", LIMIT_RUNS: " " })), loadConfig(PRODUCTION));
});

Deno.test("loadConfig reports every fault at once, one line each, with what is allowed", () => {
  const error = assertThrows(
    () =>
      loadConfig({
        APP_ENV: "prod",
        HOST: "http://localhost:8000",
        PORT: "65536",
        KV_PATH: "https://kv.example",
        JWT_SECRET: "too short",
        JWT_ALGORITHMS: "none",
        ALLOWED_ORIGINS: "*",
        STARTUP_WAIT_MS: "-1",
        OPENAI_BASE_URL: "https://model.example/v1",
        METRICS_TOKEN: "two words",
        LIMIT_RUNS: "0",
        LIMIT_RUN: "5",
      }),
    ConfigError,
  );
  assertInstanceOf(error, Error);
  assertEquals(error.faults.map(({ variable }) => variable).sort(), [
    "ALLOWED_ORIGINS",
    "APP_ENV",
    "DENO_KV_ACCESS_TOKEN",
    "HOST",
    "JWT_ALGORITHMS",
    "JWT_AUDIENCE",
    "JWT_ISSUER",
    "JWT_SECRET",
    "LIMIT_RUN",
    "LIMIT_RUNS",
    "METRICS_TOKEN",
    "OPENAI_MODEL",
    "PORT",
    "STARTUP_WAIT_MS",
  ]);
  const [head, ...lines] = error.message.split("\n");
  assertStringIncludes(head!, "14 faults");
  assertEquals(lines.length, 14);
  for (const line of lines) assertMatch(line, /^ {2}- [A-Z_]+ must be /);
  assertStringIncludes(error.message, "PORT must be an integer from 0 to 65535");
  assertStringIncludes(error.message, "development, test, staging, production");
});

Deno.test("ConfigError never holds the value of any variable", () => {
  const marker = "5ecret-Value";
  const names = [...describeVariables().map(({ name }) => name), "LIMIT_TYPO"];
  for (const value of [marker, `${marker} two`, `http://${marker}`, `https://u:${marker}@[`]) {
    const environment = Object.fromEntries(names.map((name) => [name, value]));
    const error = assertThrows(() => loadConfig(environment), ConfigError);
    assertFalse(JSON.stringify([error.message, error.stack, error.faults]).includes(marker));
  }
});

Deno.test("loadConfig refuses an unknown APP_ENV, whatever its case", () => {
  for (const value of ["dev", "Production", "production,test"]) {
    assertEquals(faultsOf(production({ APP_ENV: value })), ["APP_ENV"]);
  }
});

Deno.test("loadConfig takes host names and addresses, and no host with a port or a scheme", () => {
  for (const host of ["localhost", "0.0.0.0", "::", "::1", "fe80::1", "a.example", "a_b"]) {
    assertEquals(loadConfig(production({ HOST: host })).host, host);
  }
  const none = ["localhost:8000", "http://a", "[::1]", "a b", "a/b", ".", "-", "256.1.1.1"];
  for (const host of [...none, "fe80::1%eth0", ":::::", "1:2"]) {
    assertEquals(faultsOf(production({ HOST: host })), ["HOST"]);
  }
});

Deno.test("loadConfig takes ports from 0 to 65535 in plain decimal digits only", () => {
  for (const port of [0, 1, 65_535]) {
    assertEquals(loadConfig(production({ PORT: String(port) })).port, port);
  }
  for (const port of ["-1", "65536", "80.0", "8e3", "0x50", "http", "+80", "08"]) {
    assertEquals(faultsOf(production({ PORT: port })), ["PORT"]);
  }
});

Deno.test("loadConfig wants an access token beside a KV Connect address only", () => {
  for (const path of ["/data/kv.sqlite", ":memory:", "C:\\data\\kv"]) {
    assertEquals(loadConfig(production({ KV_PATH: path })).kv, { path });
  }
  const address = { KV_PATH: "https://kv.example", DENO_KV_ACCESS_TOKEN: "kv-token" };
  assertEquals(loadConfig(production(address)).kv, {
    path: "https://kv.example",
    accessToken: "kv-token",
  });
  assertEquals(faultsOf(production({ KV_PATH: "http://127.0.0.1:4512" })), [
    "DENO_KV_ACCESS_TOKEN",
  ]);
  assertEquals(faultsOf(production({ KV_PATH: "redis://127.0.0.1" })), ["KV_PATH"]);
});

Deno.test("loadConfig takes exact origins as browsers write them", () => {
  const { allowedOrigins } = loadConfig(production({
    ALLOWED_ORIGINS: "https://a.example, http://B.example:3000,https://c.example:443,",
  }));
  assertEquals([...allowedOrigins], [
    "https://a.example",
    "http://b.example:3000",
    "https://c.example",
  ]);
});

Deno.test("loadConfig refuses origins that are not exact", () => {
  const inexact = [
    ...["*", "https://*.example", "https://a.example/", "https://a.example/path"],
    ...["https://a.example?q", "https://a.example#f", "https://u@a.example", "a.example", "null"],
    ...["wss://a.example", "https://", "https://a.example https://b.example"],
    ...["https://a.example;script-src"],
  ];
  for (const origin of inexact) {
    const environment = production({ ALLOWED_ORIGINS: `https://good.example,${origin}` });
    const error = assertThrows(() => loadConfig(environment), ConfigError, "entry 2");
    assertEquals(error.faults.length, 1, origin);
  }
});

Deno.test("loadConfig keeps the start-up budget at or above the wait", () => {
  assertEquals(loadConfig(production({ STARTUP_WAIT_MS: "31000" })).startup, {
    waitMs: 31_000,
    timeoutMs: 62_000,
  });
  assertEquals(
    loadConfig(production({ STARTUP_WAIT_MS: "500", STARTUP_TIMEOUT_MS: "500" })).startup,
    { waitMs: 500, timeoutMs: 500 },
  );
  for (const more of [{ STARTUP_TIMEOUT_MS: "29999" }, { STARTUP_TIMEOUT_MS: "soon" }]) {
    assertEquals(faultsOf(production(more)), ["STARTUP_TIMEOUT_MS"]);
  }
  assertEquals(faultsOf(production({ STARTUP_WAIT_MS: "0" })), ["STARTUP_WAIT_MS"]);
});

Deno.test("loadConfig clamps times to what a timer can wait, lest it fires at once", () => {
  const config = loadConfig(production({
    STARTUP_WAIT_MS: "9007199254740991",
    LIMIT_MODEL_SILENCE_MS: "9007199254740991",
  }));
  const most = 2 ** 31 - 1;
  assertEquals(config.startup, { waitMs: most, timeoutMs: most });
  assertEquals(config.limits.modelSilenceMs, most);
});

Deno.test("loadConfig takes the model only as a whole", () => {
  const key = { OPENAI_API_KEY: "sk-key" };
  const model = { OPENAI_MODEL: "small" };
  const url = { OPENAI_BASE_URL: "http://127.0.0.1:11434/v1" };
  const read = (more: Environment) => loadConfig(production(more)).model;
  assertEquals(read({ ...url, ...model }), { baseUrl: url.OPENAI_BASE_URL, name: "small" });
  assertEquals(read({ ...url, ...model, ...key }), {
    baseUrl: url.OPENAI_BASE_URL,
    name: "small",
    apiKey: "sk-key",
  });
  assertEquals(read({ ...key, ...model }), {
    baseUrl: "https://api.openai.com/v1",
    name: "small",
    apiKey: "sk-key",
  });
  for (const more of [url, key, model, { ...url, ...key }]) {
    assertEquals(faultsOf(production(more)), ["OPENAI_MODEL"]);
  }
  assertEquals(faultsOf(production({ ...model, OPENAI_BASE_URL: "model.example" })), [
    "OPENAI_BASE_URL",
  ]);
});

Deno.test("loadConfig warns rather than stops where development has a key but no model", () => {
  const config = loadConfig({ APP_ENV: "development", JWT_SECRET: SECRET, OPENAI_API_KEY: "sk-1" });
  assertEquals(config.model, {});
  assertEquals(config.warnings.length, 1);
  assertStringIncludes(config.warnings[0]!, "OPENAI_MODEL");
});

Deno.test("loadConfig closes /metrics to all but its token, in development too", () => {
  for (const APP_ENV of ["development", "production"]) {
    const config = loadConfig(production({ APP_ENV, METRICS_TOKEN: "scrape-me" }));
    assertEquals(config.metrics, { token: "scrape-me", open: false });
  }
});

Deno.test("loadConfig sets each limit by its own variable", () => {
  for (const [name, { variable }] of Object.entries(LIMIT_DEFINITIONS)) {
    const { limits } = loadConfig(production({ [variable]: "7" }));
    assertEquals(limits, { ...DEFAULT_LIMITS, [name]: 7 });
  }
});

Deno.test("loadConfig refuses limits that are no positive safe integers", () => {
  for (const value of ["0", "-1", "1.5", "1e3", "many", "9007199254740992", "Infinity", "NaN"]) {
    assertEquals(faultsOf(production({ LIMIT_WAITING: value })), ["LIMIT_WAITING"]);
  }
});

Deno.test("loadConfig refuses a LIMIT_ variable that no limit has", () => {
  assertEquals(faultsOf(production({ LIMIT_FRAME_BYTE: "1" })), ["LIMIT_FRAME_BYTE"]);
});

Deno.test("loadConfig takes a path or an https address for PAGE_TOKEN_URL", () => {
  assertEquals(loadConfig(PRODUCTION).page, {});
  for (
    const tokenUrl of [
      ...["/session/token", "/token?for=chat", "/", "https://auth.example/token"],
      ...["https://auth.example", "https://auth.example:8443?a=b", "https://[::1]:8443/token"],
    ]
  ) {
    assertEquals(loadConfig(production({ PAGE_TOKEN_URL: tokenUrl })).page, { tokenUrl });
  }
  for (
    const tokenUrl of [
      ...[
        "token",
        "//evil.example/token",
        "/\\evil.example",
        "/a b",
        "/a#b",
        "javascript:alert(1)",
      ],
      ...["http://auth.example/token", "https://user:pass@auth.example/", "https://*.example/"],
      ...["https://a.example;script-src/", "https://", "https://a.example/#b", "https://a:b/"],
    ]
  ) {
    assertEquals(faultsOf(production({ PAGE_TOKEN_URL: tokenUrl })), ["PAGE_TOKEN_URL"], tokenUrl);
  }
});

Deno.test("secrets lists every value that a log must not show", () => {
  const config = loadConfig(production({
    JWT_SECRET_PREVIOUS: SECRET.toUpperCase(),
    KV_PATH: "https://user:kv-password@kv.example",
    DENO_KV_ACCESS_TOKEN: "kv-token",
    OPENAI_API_KEY: "sk-key",
    OPENAI_MODEL: "small",
    METRICS_TOKEN: "scrape-me",
  }));
  assertEquals(
    secrets(config).sort(),
    [
      SECRET,
      SECRET.toUpperCase(),
      "kv-password",
      "kv-token",
      "scrape-me",
      "sk-key",
    ].sort(),
  );
});

Deno.test("describeVariables describes each variable and each limit once", () => {
  const rows = describeVariables();
  const names = rows.map(({ name }) => name);
  assertEquals(names, [
    ...Object.keys(VARIABLES),
    ...Object.values(LIMIT_DEFINITIONS).map(({ variable }) => variable),
  ]);
  for (const row of rows) for (const text of Object.values(row)) assertNotEquals(text, "");
});
