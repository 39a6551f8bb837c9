import { assert, assertEquals, assertNotMatch, assertRejects } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { type KeyOptions, loadKeys } from "../../lib/auth/keys.ts";
import { TokenVerifier, type VerifierOptions } from "../../lib/auth/verifier.ts";
import { AppError } from "../../lib/errors.ts";
import { mintToken, TEST_SECRET } from "../support/tokens.ts";
import { AUDIENCE, CORPUS, ISSUER, type Judge, PAIRS, PREVIOUS_SECRET } from "./corpus.ts";

const PUBLIC = ["RS256", "ES256", "EdDSA"];
const SIGNAL = new AbortController().signal;

let jwksFetches = 0;
const KEYS: Readonly<Record<Judge, KeyOptions>> = {
  secret: { kind: "secret", secret: TEST_SECRET, algorithms: ["HS256"] },
  strict: { kind: "secret", secret: TEST_SECRET, algorithms: ["HS256"] },
  rotation: {
    kind: "secret",
    secret: TEST_SECRET,
    previous: PREVIOUS_SECRET,
    algorithms: ["HS256"],
  },
  RS256: { kind: "public", pem: PAIRS.RS256.pem, algorithms: PUBLIC },
  ES256: { kind: "public", pem: PAIRS.ES256.pem, algorithms: PUBLIC },
  EdDSA: { kind: "public", pem: PAIRS.EdDSA.pem, algorithms: PUBLIC },
  jwks: {
    kind: "jwks",
    url: "https://keys.example/jwks.json",
    algorithms: PUBLIC,
    fetch: () => {
      jwksFetches += 1;
      return Promise.resolve(Response.json({ keys: Object.values(PAIRS).map(({ jwk }) => jwk) }));
    },
  },
};

async function open(
  judge: Judge,
  rules: Omit<VerifierOptions, "algorithms"> = {},
): Promise<TokenVerifier> {
  const keys = KEYS[judge];
  return new TokenVerifier(await loadKeys(keys, { signal: SIGNAL }), {
    algorithms: keys.algorithms,
    ...(judge === "strict" ? { issuer: ISSUER, audience: AUDIENCE } : {}),
    ...rules,
  });
}

/** Runs `action` while every use of the global `fetch` is counted and fails. */
async function countFetches(action: () => Promise<void>): Promise<number> {
  const original = globalThis.fetch;
  let count = 0;
  globalThis.fetch = () => {
    count += 1;
    return Promise.reject(new TypeError("No request may leave"));
  };
  try {
    await action();
  } finally {
    globalThis.fetch = original;
  }
  return count;
}

Deno.test("the corpus holds hostile and legitimate tokens of every kind of key", () => {
  assert(CORPUS.filter(({ verdict }) => verdict !== "accept").length >= 60);
  assertEquals(new Set(CORPUS.map(({ judge, name }) => `${judge} ${name}`)).size, CORPUS.length);
  for (const judge of ["secret", "strict", "rotation", ...PUBLIC, "jwks"]) {
    const verdicts = CORPUS.filter((item) => item.judge === judge).map(({ verdict }) => verdict);
    assert(verdicts.includes("accept") && verdicts.includes("UNAUTHENTICATED"), judge);
  }
});

for (const { judge, name, verdict, fetches, token } of CORPUS) {
  const outcome = verdict === "accept" ? "accepts" : `answers ${verdict} to`;
  Deno.test(`TokenVerifier with ${judge} ${outcome} ${name}`, async () => {
    const text = await token();
    const verifier = await open(judge);
    jwksFetches = 0;
    const leaks = await countFetches(async () => {
      if (verdict === "accept") {
        assert((await verifier.verify(text)).subject.length > 0);
        return;
      }
      const error = await assertRejects(() => verifier.verify(text), AppError);
      assertEquals(error.code, verdict);
      assertSilentAbout(text, error);
    });
    verifier.close();
    assertEquals(leaks, 0);
    assertEquals(jwksFetches, fetches ? 1 : 0);
  });
}

/** No part of the token may be told in an error or its causes. */
function assertSilentAbout(token: string, error: Error): void {
  const told = [error.message, error.cause instanceof Error ? error.cause.message : ""].join("\n");
  assertEquals(error.cause instanceof Error && error.cause.cause, undefined);
  for (const part of token.split(".").filter((part) => part.length > 8)) {
    assertEquals(told.includes(part), false);
  }
  assertNotMatch(told, /alice|evil|mine/);
}

Deno.test("TokenVerifier takes subject and end from the token's own claims", async () => {
  const verifier = await open("secret");
  const principal = await verifier.verify(
    await mintToken({ claims: { sub: "bob", exp: 4_000_000_000.25 } }),
  );
  assertEquals(principal.subject, "bob");
  assertEquals(principal.expiresAtMs, 4_000_000_000_250);
});

Deno.test("TokenVerifier takes the last of duplicate claims", async () => {
  const item = CORPUS.find(({ name }) => name.startsWith("duplicate claims"));
  assert(item !== undefined);
  const verifier = await open("secret");
  assertEquals((await verifier.verify(await item.token())).subject, "alice");
});

Deno.test("TokenVerifier gives exp no leeway and nbf and iat 60 s, to the millisecond", async () => {
  using time = new FakeTime(1_000_000_000_000);
  const verifier = await open("secret");
  const verdict = async (claims: Readonly<Record<string, number>>): Promise<string> => {
    const token = await mintToken({ claims: { exp: 2_000_000_000, ...claims } });
    return await verifier.verify(token).then(() => "accept", (error: AppError) => error.code);
  };
  time.tick(999);
  assertEquals(await verdict({ exp: 1_000_000_001 }), "accept");
  time.tick(1);
  assertEquals(await verdict({ exp: 1_000_000_001 }), "TOKEN_EXPIRED");
  for (const claim of ["nbf", "iat"]) {
    assertEquals(await verdict({ [claim]: 1_000_000_061 }), "accept");
    assertEquals(await verdict({ [claim]: 1_000_000_061.001 }), "UNAUTHENTICATED");
  }
});

Deno.test("TokenVerifier refuses every alg that it does not allow, though a key would fit", async () => {
  const keys = await loadKeys({ ...KEYS.secret, algorithms: ["HS256", "HS512"] }, {
    signal: SIGNAL,
  });
  const verifier = new TokenVerifier(keys, { algorithms: ["HS512"] });
  await verifier.verify(await mintToken({ algorithm: "HS512" }));
  const error = await assertRejects(async () => verifier.verify(await mintToken()), AppError);
  assertEquals(error.code, "UNAUTHENTICATED");
});

Deno.test("TokenVerifier checks a token of the current secret once, and any other twice at most", async () => {
  const verify = crypto.subtle.verify;
  let checks = 0;
  const verifier = await open("rotation");
  const tokens = [
    { token: await mintToken(), expected: 1 },
    { token: await mintToken({ secret: PREVIOUS_SECRET }), expected: 2 },
    { token: await mintToken({ secret: "x".repeat(32) }), expected: 2 },
  ];
  crypto.subtle.verify = (...parameters: Parameters<typeof verify>) => {
    checks += 1;
    return verify.apply(crypto.subtle, parameters);
  };
  try {
    for (const { token, expected } of tokens) {
      checks = 0;
      await verifier.verify(token).catch(() => {});
      assertEquals(checks, expected);
    }
  } finally {
    crypto.subtle.verify = verify;
  }
});

Deno.test("TokenVerifier reads nothing of a token over 8 KiB", async () => {
  const verifier = await open("secret");
  const token = "A".repeat(8 * 1024 + 1);
  const error = await assertRejects(() => verifier.verify(token), AppError);
  assert(error.cause instanceof Error);
  assertEquals(error.cause.message, "Cannot accept a token: too large");
});

Deno.test("TokenVerifier takes no token for having a header that it has seen", async () => {
  const { signal } = new AbortController();
  const options = { kind: "secret", secret: TEST_SECRET, algorithms: ["HS256"] } as const;
  const verifier = new TokenVerifier(await loadKeys(options, { signal }), options);
  const good = await mintToken();
  await verifier.verify(good);
  const expired = await mintToken({ expiresInSeconds: -1 });
  const forged = await mintToken({ secret: "another secret of more than 32 bytes" });
  const [header, payload] = good.split(".");
  for (const token of [expired, forged, `${header}.${payload}`, `${header}.${payload}.!`]) {
    await assertRejects(() => verifier.verify(token), AppError);
  }
  assertEquals((await verifier.verify(await mintToken({ sub: "bob" }))).subject, "bob");
});
