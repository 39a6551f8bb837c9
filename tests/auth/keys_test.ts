import { assertEquals, assertRejects } from "@std/assert";
import { loadKeys } from "../../lib/auth/keys.ts";
import { makeKeys, TEST_SECRET } from "../support/tokens.ts";

const SIGNAL = new AbortController().signal;

Deno.test("loadKeys gives the current secret first, then the previous one, for each algorithm", async () => {
  const keys = await loadKeys(
    {
      kind: "secret",
      secret: TEST_SECRET,
      previous: "p".repeat(32),
      algorithms: ["HS256", "HS512"],
    },
    { signal: SIGNAL },
  );
  const message = new TextEncoder().encode("message");
  const current = await crypto.subtle.importKey(
    "raw",
    new TextEncoder().encode(TEST_SECRET),
    { name: "HMAC", hash: "SHA-512" },
    false,
    ["sign"],
  );
  const signature = await crypto.subtle.sign("HMAC", current, message);
  const candidates = await keys.candidates({ alg: "HS512", kid: "ignored" });
  const verdicts = await Promise.all(
    candidates.map((key) => crypto.subtle.verify("HMAC", key, signature, message)),
  );
  assertEquals(verdicts, [true, false]);
});

Deno.test("loadKeys imports keys that can only verify and that no code can read out", async () => {
  const { pem } = await makeKeys("ES256", "ec");
  const sources = await Promise.all([
    loadKeys({ kind: "secret", secret: TEST_SECRET, algorithms: ["HS256"] }, { signal: SIGNAL }),
    loadKeys({ kind: "public", pem, algorithms: ["ES256"] }, { signal: SIGNAL }),
  ]);
  const keys = (await Promise.all([
    sources[0].candidates({ alg: "HS256" }),
    sources[1].candidates({ alg: "ES256" }),
  ])).flat();
  assertEquals(keys.map(({ extractable, usages }) => ({ extractable, usages })), [
    { extractable: false, usages: ["verify"] },
    { extractable: false, usages: ["verify"] },
  ]);
});

Deno.test("loadKeys imports once: the same key objects are given to every token", async () => {
  const keys = await loadKeys(
    { kind: "secret", secret: TEST_SECRET, algorithms: ["HS256"] },
    { signal: SIGNAL },
  );
  const [first] = await keys.candidates({ alg: "HS256" });
  const [second] = await keys.candidates({ alg: "HS256" });
  assertEquals(first === second, true);
});

Deno.test("loadKeys imports a PEM for the algorithms that it fits and gives none for others", async () => {
  for (const alg of ["RS256", "ES256", "EdDSA"] as const) {
    const { pem } = await makeKeys(alg, "key");
    const algorithms = ["RS256", "ES256", "EdDSA"];
    const keys = await loadKeys({ kind: "public", pem, algorithms }, { signal: SIGNAL });
    for (const other of [...algorithms, "HS256"]) {
      assertEquals((await keys.candidates({ alg: other })).length, other === alg ? 1 : 0);
    }
  }
});

Deno.test("loadKeys throws where a PEM fits no algorithm, without telling the PEM", async () => {
  const { pem } = await makeKeys("ES256", "ec");
  const attempts = [
    { pem, algorithms: ["RS256", "EdDSA"] },
    { pem, algorithms: ["HS256"] },
    { pem: "no key", algorithms: ["ES256"] },
    { pem: pem.replaceAll("PUBLIC", "PRIVATE"), algorithms: ["ES256"] },
  ];
  for (const attempt of attempts) {
    await assertRejects(
      () => loadKeys({ kind: "public", ...attempt }, { signal: SIGNAL }),
      Error,
      `Cannot load the public key: it fits none of ${attempt.algorithms.join(", ")}`,
    );
  }
});

Deno.test("loadKeys throws where an RSA key is shorter than 2048 bits", async () => {
  const pair = await crypto.subtle.generateKey(
    {
      name: "RSASSA-PKCS1-v1_5",
      modulusLength: 1024,
      publicExponent: Uint8Array.of(1, 0, 1),
      hash: "SHA-256",
    },
    true,
    ["sign", "verify"],
  );
  const spki = new Uint8Array(await crypto.subtle.exportKey("spki", pair.publicKey));
  const body = btoa(String.fromCharCode(...spki));
  const pem = `-----BEGIN PUBLIC KEY-----\n${body}\n-----END PUBLIC KEY-----`;
  await assertRejects(
    () => loadKeys({ kind: "public", pem, algorithms: ["RS256"] }, { signal: SIGNAL }),
    Error,
    "it fits none of RS256",
  );
});

Deno.test("loadKeys throws where a secret is meant for a public key algorithm", async () => {
  await assertRejects(
    () =>
      loadKeys({ kind: "secret", secret: TEST_SECRET, algorithms: ["HS256", "RS256"] }, {
        signal: SIGNAL,
      }),
    Error,
    "RS256 is no HMAC algorithm",
  );
});

Deno.test("loadKeys throws the signal's reason where that has aborted", async () => {
  const reason = new Error("the phase is over");
  const error = await assertRejects(() =>
    loadKeys({ kind: "secret", secret: TEST_SECRET, algorithms: ["HS256"] }, {
      signal: AbortSignal.abort(reason),
    })
  );
  assertEquals(error, reason);
});
