import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { ConfigError, type Environment, loadConfig } from "../../lib/config.ts";
import { checkPublicKey } from "../../lib/config/public_key.ts";

const SECRET = "0123456789abcdef0123456789abcdef";
const URL_OF_KEYS = "https://issuer.example/.well-known/jwks.json";

/** Web Crypto's parameters for a new key of each kind, and what the key is good for. */
const RSA = {
  name: "RSASSA-PKCS1-v1_5",
  publicExponent: new Uint8Array([1, 0, 1]),
  hash: "SHA-256",
};
const KINDS = [
  { parameters: { ...RSA, modulusLength: 2048 }, fits: "RS256" },
  { parameters: { name: "ECDSA", namedCurve: "P-256" }, fits: "ES256" },
  { parameters: { name: "ECDSA", namedCurve: "P-384" }, fits: "ES384" },
  { parameters: { name: "Ed25519" }, fits: "EdDSA" },
] as const;

async function makeKeys(
  parameters: RsaHashedKeyGenParams | EcKeyGenParams | { name: "Ed25519" },
): Promise<{ publicPem: string; privatePem: string }> {
  const pair = await crypto.subtle.generateKey(parameters, true, ["sign", "verify"]);
  if (!("publicKey" in pair)) throw new TypeError("Cannot make a key pair of a symmetric kind");
  const encode = (label: string, der: ArrayBuffer) =>
    `-----BEGIN ${label}-----\n${
      btoa(String.fromCharCode(...new Uint8Array(der))).replace(/.{64}/g, "$&\n")
    }\n-----END ${label}-----\n`;
  return {
    publicPem: encode("PUBLIC KEY", await crypto.subtle.exportKey("spki", pair.publicKey)),
    privatePem: encode("PRIVATE KEY", await crypto.subtle.exportKey("pkcs8", pair.privateKey)),
  };
}

function load(more: Environment) {
  return loadConfig({ JWT_ISSUER: "i", JWT_AUDIENCE: "a", ...more });
}

function faultsOf(more: Environment): string[] {
  return assertThrows(() => load(more), ConfigError).faults.map(({ variable }) => variable);
}

Deno.test("loadConfig counts a secret's bytes of UTF-8, not its characters", () => {
  assertEquals(load({ JWT_SECRET: "é".repeat(16) }).auth.keys, {
    kind: "secret",
    secret: "é".repeat(16),
  });
  assertEquals(faultsOf({ JWT_SECRET: "e".repeat(31) }), ["JWT_SECRET"]);
});

Deno.test("loadConfig takes a secret as it is, spaces included", () => {
  const secret = ` ${SECRET}\n`;
  assertEquals(load({ JWT_SECRET: secret }).auth.keys, { kind: "secret", secret });
  assertEquals(faultsOf({ JWT_SECRET: "   " }), ["JWT_SECRET"]);
});

Deno.test("loadConfig takes a previous secret of the same length, beside a secret only", () => {
  const previous = SECRET.toUpperCase();
  const both = { JWT_SECRET: SECRET, JWT_SECRET_PREVIOUS: previous };
  assertEquals(load(both).auth.keys, { kind: "secret", secret: SECRET, previous });
  assertEquals(faultsOf({ JWT_SECRET: SECRET, JWT_SECRET_PREVIOUS: "short" }), [
    "JWT_SECRET_PREVIOUS",
  ]);
  assertEquals(faultsOf({ JWT_JWKS_URL: URL_OF_KEYS, JWT_SECRET_PREVIOUS: previous }), [
    "JWT_SECRET_PREVIOUS",
  ]);
  assertEquals(faultsOf({ APP_ENV: "test", JWT_SECRET_PREVIOUS: previous }), [
    "JWT_SECRET_PREVIOUS",
  ]);
});

Deno.test("loadConfig wants a key in staging and production", () => {
  for (const APP_ENV of ["staging", "production"]) {
    assertEquals(faultsOf({ APP_ENV }), ["JWT_SECRET"]);
  }
});

Deno.test("loadConfig wants issuer and audience in staging and production only", () => {
  for (const APP_ENV of ["staging", "production"]) {
    const error = assertThrows(() => loadConfig({ APP_ENV, JWT_SECRET: SECRET }), ConfigError);
    assertEquals(error.faults.map(({ variable }) => variable), ["JWT_ISSUER", "JWT_AUDIENCE"]);
  }
  for (const APP_ENV of ["development", "test"]) {
    const { auth } = loadConfig({ APP_ENV, JWT_SECRET: SECRET });
    assertEquals(auth, { keys: { kind: "secret", secret: SECRET }, algorithms: ["HS256"] });
  }
});

Deno.test("loadConfig refuses two kinds of key, in every environment", async () => {
  const { publicPem } = await makeKeys(KINDS[1].parameters);
  const kinds = { JWT_SECRET: SECRET, JWT_PUBLIC_KEY: publicPem, JWT_JWKS_URL: URL_OF_KEYS };
  for (const APP_ENV of ["development", "production"]) {
    for (const left of Object.keys(kinds)) {
      const error = assertThrows(() => load({ APP_ENV, ...kinds, [left]: "" }), ConfigError);
      assertStringIncludes(error.message, "exactly one kind of key");
      assertEquals(error.faults.length, 1);
    }
  }
});

Deno.test("loadConfig takes a JWKS address over http(s) with the default public algorithms", () => {
  for (const url of [URL_OF_KEYS, "http://127.0.0.1:9000/jwks"]) {
    const { auth } = load({ JWT_JWKS_URL: url });
    assertEquals(auth.keys, { kind: "jwks", url });
    assertEquals(auth.algorithms, ["RS256", "ES256", "EdDSA"]);
  }
  for (const url of ["issuer.example/jwks", "file:///etc/jwks", "https://", "http://["]) {
    assertEquals(faultsOf({ JWT_JWKS_URL: url }), ["JWT_JWKS_URL"]);
  }
});

Deno.test("loadConfig mints development tokens only where it has a secret to sign with", () => {
  assert(load({ APP_ENV: "development", JWT_SECRET: SECRET }).devTokens);
  assertEquals(load({ APP_ENV: "development", JWT_JWKS_URL: URL_OF_KEYS }).devTokens, false);
});

Deno.test("loadConfig takes algorithms of the keys' kind, each once", () => {
  assertEquals(load({ JWT_SECRET: SECRET, JWT_ALGORITHMS: "HS512, HS256,HS512" }).auth.algorithms, [
    "HS512",
    "HS256",
  ]);
  assertEquals(
    load({ JWT_JWKS_URL: URL_OF_KEYS, JWT_ALGORITHMS: "PS256,Ed25519" }).auth.algorithms,
    ["PS256", "Ed25519"],
  );
});

Deno.test("loadConfig refuses unknown algorithms and those of the other kind", () => {
  for (const names of ["none", "HS256,none", "hs256", "RS256", "HS256,ES256", ","]) {
    assertEquals(faultsOf({ JWT_SECRET: SECRET, JWT_ALGORITHMS: names }), ["JWT_ALGORITHMS"]);
    assertEquals(faultsOf({ APP_ENV: "test", JWT_ALGORITHMS: names }), ["JWT_ALGORITHMS"]);
  }
  for (const names of ["HS256", "RS256,HS256", "RSA", "RS256;ES256"]) {
    assertEquals(faultsOf({ JWT_JWKS_URL: URL_OF_KEYS, JWT_ALGORITHMS: names }), [
      "JWT_ALGORITHMS",
    ]);
  }
});

Deno.test("loadConfig takes a public key however its line breaks came through", async () => {
  const { publicPem } = await makeKeys(KINDS[1].parameters);
  const forms = [
    publicPem,
    publicPem.trim(),
    publicPem.replaceAll("\n", "\r\n"),
    publicPem.replaceAll("\n", "\\n"),
    publicPem.replaceAll("\n", " "),
    publicPem.replaceAll("\n", "\n    "),
  ];
  for (const form of forms) {
    assertEquals(load({ JWT_PUBLIC_KEY: form }).auth.keys, { kind: "public", pem: publicPem });
  }
});

for (const { parameters, fits } of KINDS) {
  Deno.test(`loadConfig takes a public key that fits ${fits}, and only where that is allowed`, async () => {
    const { publicPem } = await makeKeys(parameters);
    const checked = checkPublicKey(publicPem);
    assert(checked.ok);
    assert(checked.algorithms.includes(fits));
    assertEquals(load({ JWT_PUBLIC_KEY: publicPem, JWT_ALGORITHMS: fits }).auth.algorithms, [fits]);
    const other = fits === "ES256" ? "RS256" : "ES256";
    assertEquals(faultsOf({ JWT_PUBLIC_KEY: publicPem, JWT_ALGORITHMS: other }), [
      "JWT_PUBLIC_KEY",
    ]);
  });
}

Deno.test("loadConfig refuses an HMAC name beside a public key", async () => {
  const { publicPem } = await makeKeys(KINDS[1].parameters);
  for (const names of ["HS256", "ES256,HS256"]) {
    assertEquals(faultsOf({ JWT_PUBLIC_KEY: publicPem, JWT_ALGORITHMS: names }), [
      "JWT_ALGORITHMS",
    ]);
  }
});

Deno.test("loadConfig refuses what is no usable public key, and shows none of it", async () => {
  const { publicPem, privatePem } = await makeKeys(KINDS[1].parameters);
  const { publicPem: weak } = await makeKeys({ ...RSA, modulusLength: 1024 });
  const body = publicPem.split("\n")[1]!;
  const wrong = [
    privatePem,
    privatePem.replaceAll("PRIVATE", "PUBLIC"),
    weak,
    publicPem.replaceAll("PUBLIC KEY", "CERTIFICATE"),
    publicPem.replace(body, body.slice(4)),
    publicPem.replace(body, `${body}AAAA`),
    publicPem.replace(body, "!"),
    publicPem + publicPem,
    body,
    "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
  ];
  for (const pem of wrong) {
    const error = assertThrows(() => load({ JWT_PUBLIC_KEY: pem }), ConfigError);
    assertEquals(error.faults.map(({ variable }) => variable), ["JWT_PUBLIC_KEY"]);
    assertEquals(error.message.includes(body), false);
  }
});
