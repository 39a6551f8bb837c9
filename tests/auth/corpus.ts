/**
 * Hostile and legitimate tokens, each with its verdict. Read by the verifier's
 * test, which also counts outgoing requests.
 *
 * @module
 */
import type { ErrorCode } from "../../lib/errors.ts";
import {
  encodePart,
  hmacSigner,
  makeKeys,
  mintToken,
  mintWith,
  nowSeconds,
  type SigningKeys,
  signToken,
  TEST_SECRET,
} from "../support/tokens.ts";

/** Which verifier judges a token: of a secret, with issuer and audience, with two secrets, a PEM, a JWKS. */
export type Judge = "secret" | "strict" | "rotation" | "RS256" | "ES256" | "EdDSA" | "jwks";

/** One token and what must become of it. */
export interface CorpusCase {
  readonly name: string;
  readonly judge: Judge;
  readonly verdict: "accept" | Extract<ErrorCode, "UNAUTHENTICATED" | "TOKEN_EXPIRED">;
  /** Whether its `kid` is unknown to the JWKS, so that one fetch is due. */
  readonly fetches?: true;
  readonly token: () => string | Promise<string>;
}

/** The key pairs behind the public judges. */
export const PAIRS: Readonly<Record<"RS256" | "ES256" | "EdDSA", SigningKeys>> = {
  RS256: await makeKeys("RS256", "rsa-1"),
  ES256: await makeKeys("ES256", "ec-1"),
  EdDSA: await makeKeys("EdDSA", "ed-1"),
};

/** What the `strict` judge demands. */
export const ISSUER = "https://issuer.example";
/** What the `strict` judge demands. */
export const AUDIENCE = "drawbridge";
/** The older secret of the `rotation` judge. */
export const PREVIOUS_SECRET = "the drawbridge stayed up until it was ready!";

const hmac = hmacSigner(TEST_SECRET);
const HS256 = { alg: "HS256", typ: "JWT" };
const NOW = nowSeconds();
const CLAIMS = { sub: "alice", exp: NOW + 3_600 };
const LAST_EXP = 8.64e12;

const withHeader = (header: object | string) => () => signToken(header, CLAIMS, hmac);
const withClaims = (claims: object | string) => () => signToken(HS256, claims, hmac);
const minted = (claims: object) => () => mintToken({ claims: { ...claims } });
const strictly = (claims: object) => () =>
  mintToken({ issuer: ISSUER, audience: AUDIENCE, claims: { ...claims } });
const changed = (change: (parts: [string, string, string]) => string) => async () => {
  const [header = "", payload = "", signature = ""] = (await mintToken()).split(".");
  return change([header, payload, signature]);
};
const sized = async (bytes: number): Promise<string> => {
  const fill = (length: number) => mintToken({ claims: { fill: "x".repeat(length) } });
  let length = Math.floor((bytes - (await fill(0)).length) * 3 / 4) - 2;
  while ((await fill(length + 1)).length <= bytes) length += 1;
  return await fill(length);
};
/** The same bytes with other bits in the last character, which decode to nothing. */
const respelt = (part: string): string =>
  part.slice(0, -1) +
  { A: "B", Q: "R", g: "h", w: "x" }[part.at(-1)!.replace(/[^AQgw]/, "A")];

/** The tokens. */
export const CORPUS: readonly CorpusCase[] = [
  // Legitimate
  accept("secret", "a plain token", () => mintToken()),
  accept("secret", "a token without typ", withHeader({ alg: "HS256" })),
  accept("secret", "another typ", withHeader({ alg: "HS256", typ: "at+jwt" })),
  accept("secret", "claims nobody asked for", minted({ scope: "chat", jti: "1", nested: [{}] })),
  accept("secret", "a subject of 256 units", minted({ sub: "x".repeat(256) })),
  accept("secret", "a subject of 128 pairs of surrogates", minted({ sub: "🏰".repeat(128) })),
  accept("secret", "a subject of one NUL", minted({ sub: "\0" })),
  accept("secret", "the last exp there is", minted({ exp: LAST_EXP })),
  accept("secret", "a fraction of a second in exp", minted({ exp: NOW + 3_600.5 })),
  accept("secret", "nbf and iat within the skew", minted({ nbf: NOW + 50, iat: NOW + 50 })),
  accept("secret", "an iat before 1970", minted({ iat: -5 })),
  accept("secret", "white space within the JSON", withClaims(` ${JSON.stringify(CLAIMS)}\n`)),
  accept("secret", "8 KiB to the byte or nearly", () => sized(8 * 1024)),
  accept("secret", "an iss where none is demanded", minted({ iss: "https://else.example" })),
  accept("strict", "issuer and audience as demanded", strictly({})),
  accept("strict", "the audience among others", strictly({ aud: ["else", AUDIENCE] })),
  accept("rotation", "a token of the current secret", () => mintToken()),
  accept(
    "rotation",
    "a token of the previous secret",
    () => mintToken({ secret: PREVIOUS_SECRET }),
  ),
  accept("RS256", "a token of the RSA key", () => mintWith(PAIRS.RS256)),
  accept("ES256", "a token of the EC key", () => mintWith(PAIRS.ES256)),
  accept("EdDSA", "a token of the Ed25519 key", () => mintWith(PAIRS.EdDSA)),
  accept("jwks", "a token of the RSA key in the set", () => mintWith(PAIRS.RS256)),
  accept("jwks", "a token of the EC key in the set", () => mintWith(PAIRS.ES256)),
  accept("jwks", "a token of the Ed25519 key in the set", () => mintWith(PAIRS.EdDSA)),
  accept(
    "jwks",
    "a token without kid",
    () => signToken({ alg: "ES256" }, CLAIMS, PAIRS.ES256.sign),
  ),

  // Algorithms
  refuse(
    "RS256",
    "HS256 with the PEM as its secret",
    () => signToken(HS256, CLAIMS, hmacSigner(PAIRS.RS256.pem)),
  ),
  refuse(
    "RS256",
    "HS256 with the PEM without its last line break",
    () => signToken(HS256, CLAIMS, hmacSigner(PAIRS.RS256.pem.trim())),
  ),
  refuse(
    "jwks",
    "HS256 with a JWK as its secret and that key's kid",
    () =>
      signToken({ ...HS256, kid: "rsa-1" }, CLAIMS, hmacSigner(JSON.stringify(PAIRS.RS256.jwk))),
  ),
  ...["none", "None", "NONE", "nOnE"].map((alg) =>
    refuse(
      "secret",
      `alg ${alg} without signature`,
      () => `${encodePart({ alg })}.${encodePart(CLAIMS)}.`,
    )
  ),
  ...["none", "hs256", "HS256 ", "HS512", "RS256", "", null, 256, ["HS256"], { a: 1 }].map((alg) =>
    refuse("secret", `alg ${JSON.stringify(alg)} with a signature`, withHeader({ alg }))
  ),
  refuse("secret", "no alg at all", withHeader({ typ: "JWT" })),
  refuse(
    "ES256",
    "alg RS256 over an EC key",
    () => signToken({ alg: "RS256" }, CLAIMS, PAIRS.ES256.sign),
  ),
  refuse(
    "jwks",
    "alg ES256 with the RSA key's kid",
    () => signToken({ alg: "ES256", kid: "rsa-1" }, CLAIMS, PAIRS.ES256.sign),
  ),
  refuse(
    "jwks",
    "alg PS256, which is not allowed, with a key that could",
    () => signToken({ alg: "PS256", kid: "rsa-1" }, CLAIMS, PAIRS.RS256.sign),
  ),
  refuse(
    "ES256",
    "an ECDSA signature of zeros",
    () => signToken({ alg: "ES256" }, CLAIMS, () => Promise.resolve(new Uint8Array(64))),
  ),
  refuse(
    "EdDSA",
    "an Ed25519 signature of zeros",
    () => signToken({ alg: "EdDSA" }, CLAIMS, () => Promise.resolve(new Uint8Array(64))),
  ),
  refuse("secret", "duplicate alg, none last", withHeader('{"alg":"HS256","alg":"none"}')),

  // Keys that the token brings along
  ...(["ES256", "jwks"] as const).flatMap((judge) => [
    refuse(judge, "an embedded jwk that did sign", async () => {
      const { jwk, sign } = await makeKeys("ES256", "mine");
      return await signToken({ alg: "ES256", jwk }, CLAIMS, sign);
    }),
    refuse(judge, "jku and x5u beside a foreign signature", async () => {
      const { sign } = await makeKeys("ES256", "mine");
      const elsewhere = "https://evil.example/jwks.json";
      return await signToken({ alg: "ES256", jku: elsewhere, x5u: elsewhere }, CLAIMS, sign);
    }),
    refuse(judge, "an embedded x5c beside a foreign signature", async () => {
      const { sign } = await makeKeys("ES256", "mine");
      return await signToken({ alg: "ES256", x5c: ["MIIB"], x5t: "AA" }, CLAIMS, sign);
    }),
  ]),
  refuse("secret", "an embedded oct jwk that did sign", () =>
    signToken(
      { ...HS256, jwk: { kty: "oct", k: encodePart("mine".repeat(8)) } },
      CLAIMS,
      hmacSigner("mine".repeat(8)),
    )),
  accept(
    "secret",
    "jwk, jku, x5u and x5c that are ignored beside a good signature",
    withHeader({
      ...HS256,
      jwk: { kty: "oct", k: "AA" },
      jku: "https://evil.example/jwks.json",
      x5u: "https://evil.example/cert.pem",
      x5c: ["MIIB"],
    }),
  ),

  // kid
  ...[
    "../../../../dev/null",
    "' OR 1=1 --",
    "http://169.254.169.254/",
    "__proto__",
    "rsa-1\0",
    "k".repeat(4_000),
    "",
  ].flatMap((kid) => [
    accept(
      "secret",
      `kid ${JSON.stringify(kid.slice(0, 30))}, which a secret ignores`,
      withHeader({
        ...HS256,
        kid,
      }),
    ),
    {
      ...refuse(
        "jwks",
        `the unknown kid ${JSON.stringify(kid.slice(0, 30))}`,
        () => signToken({ alg: "ES256", kid }, CLAIMS, PAIRS.ES256.sign),
      ),
      fetches: true as const,
    },
  ]),
  ...[1, null, ["rsa-1"], { toString: "rsa-1" }, true].flatMap((kid) => [
    refuse("secret", `kid ${JSON.stringify(kid)}`, withHeader({ ...HS256, kid })),
    refuse(
      "jwks",
      `kid ${JSON.stringify(kid)}`,
      () => signToken({ alg: "RS256", kid }, CLAIMS, PAIRS.RS256.sign),
    ),
  ]),

  // Extensions
  refuse("secret", "crit with an unknown name", withHeader({ ...HS256, crit: ["x"], x: 1 })),
  refuse(
    "jwks",
    "crit beside an unknown kid, which is not looked for",
    () => signToken({ alg: "ES256", kid: "new", crit: ["x"], x: 1 }, CLAIMS, PAIRS.ES256.sign),
  ),
  refuse("secret", "an empty crit", withHeader({ ...HS256, crit: [] })),
  refuse("secret", "crit null", withHeader({ ...HS256, crit: null })),
  refuse("secret", "crit exp", withHeader({ ...HS256, crit: ["exp"], exp: 1 })),
  refuse("secret", "b64 true, duly critical", withHeader({ ...HS256, crit: ["b64"], b64: true })),
  refuse("secret", "b64 false without crit", withHeader({ ...HS256, b64: false })),
  refuse("secret", "an unencoded payload, b64 false", async () => {
    const header = encodePart({ ...HS256, crit: ["b64"], b64: false });
    const input = `${header}.alice`;
    return `${input}.${encodePart(await hmac(new TextEncoder().encode(input)))}`;
  }),

  // Claims
  expired("secret", "expired a second ago", minted({ exp: NOW - 1 })),
  expired("secret", "expires now: there is no leeway", minted({ exp: NOW })),
  expired("secret", "expired within what nbf is forgiven", minted({ exp: NOW - 30 })),
  expired("secret", "exp 0", minted({ exp: 0 })),
  expired("secret", "exp below zero", minted({ exp: -1 })),
  expired("secret", "exp -1e308", minted({ exp: -1e308 })),
  expired(
    "rotation",
    "expired, of the previous secret",
    () => mintToken({ secret: PREVIOUS_SECRET, expiresInSeconds: -1 }),
  ),
  expired("jwks", "expired, of the set", () => mintWith(PAIRS.ES256, { exp: 1 })),
  ...[LAST_EXP + 1, 1e308, `${NOW + 3_600}`, "", null, [NOW + 3_600], {}, true].map((exp) =>
    refuse("secret", `exp ${JSON.stringify(exp)}`, minted({ exp }))
  ),
  refuse("secret", "exp beyond what a double holds", withClaims('{"sub":"alice","exp":1e999}')),
  refuse("secret", "exp NaN", withClaims('{"sub":"alice","exp":NaN}')),
  refuse("secret", "no exp", withClaims({ sub: "alice" })),
  ...[7, "", null, ["alice"], { alice: 1 }, true, "x".repeat(257)].map((sub) =>
    refuse("secret", `sub ${JSON.stringify(sub).slice(0, 30)}`, minted({ sub }))
  ),
  refuse("secret", "no sub", withClaims({ exp: NOW + 3_600 })),
  refuse(
    "secret",
    "sub with a lone surrogate",
    withClaims(String.raw`{"sub":"\ud800","exp":${NOW + 3_600}}`),
  ),
  refuse(
    "secret",
    "sub and exp by prototype",
    withClaims(`{"__proto__":{"sub":"alice","exp":${NOW + 3_600}}}`),
  ),
  refuse("secret", "nbf beyond the skew", minted({ nbf: NOW + 1_200 })),
  refuse("secret", "iat beyond the skew", minted({ iat: NOW + 1_200 })),
  ...["nbf", "iat"].flatMap((claim) =>
    ["0", null, [0], {}, false].map((value) =>
      refuse("secret", `${claim} ${JSON.stringify(value)}`, minted({ [claim]: value }))
    )
  ),
  ...[undefined, `${ISSUER}/`, ISSUER.toUpperCase(), [ISSUER], null, ""].map((iss) =>
    refuse("strict", `iss ${JSON.stringify(iss)}`, strictly({ iss }))
  ),
  ...[
    undefined,
    "Drawbridge",
    "drawbridge ",
    [],
    ["else"],
    [[AUDIENCE]],
    [AUDIENCE, 1],
    {},
    null,
    1,
  ]
    .map((aud) => refuse("strict", `aud ${JSON.stringify(aud)}`, strictly({ aud }))),
  ...[
    { sub: "" },
    { nbf: NOW + 1_200 },
    { iat: NOW + 1_200 },
    { iss: "https://else.example" },
    { aud: "else" },
    { iat: "0" },
  ].map((fault) =>
    refuse(
      "strict",
      `expired and ${JSON.stringify(fault)}`,
      strictly({ exp: NOW - 100, ...fault }),
    )
  ),
  refuse(
    "secret",
    "expired and signed by another",
    () => mintToken({ secret: PREVIOUS_SECRET, expiresInSeconds: -1 }),
  ),
  refuse(
    "strict",
    "claims of another case",
    () => mintToken({ claims: { ISS: ISSUER, AUD: AUDIENCE } }),
  ),
  accept(
    "secret",
    "duplicate claims: the last is taken",
    withClaims(
      `{"sub":"mallory","sub":"alice","exp":${NOW + 3_600}}`,
    ),
  ),
  ...["[]", "null", '"alice"', "7", "", "{", '{"sub":"alice"'].map((payload) =>
    refuse("secret", `the payload ${JSON.stringify(payload)}`, withClaims(payload))
  ),
  refuse(
    "secret",
    "claims behind a byte order mark",
    withClaims(`\u{feff}${JSON.stringify(CLAIMS)}`),
  ),
  refuse(
    "secret",
    "claims that are not UTF-8",
    withClaims(
      Uint8Array.from(
        `{"sub":"\xff","exp":${NOW + 3_600}}`,
        (character) => character.charCodeAt(0),
      ),
    ),
  ),
  refuse(
    "secret",
    "a token within a token",
    async () => await signToken({ ...HS256, cty: "JWT" }, await mintToken(), hmac),
  ),
  accept(
    "secret",
    "claims nested 2,000 deep that nobody reads",
    withClaims(
      `{"sub":"alice","exp":${NOW + 3_600},"x":${"[".repeat(2_000)}${"]".repeat(2_000)}}`,
    ),
  ),
  refuse("secret", "a header of brackets", () => signToken("[".repeat(4_000), CLAIMS, hmac)),

  // Signatures
  refuse("secret", "signed by another secret", () => mintToken({ secret: PREVIOUS_SECRET })),
  refuse("rotation", "signed by neither secret", () => mintToken({ secret: "x".repeat(32) })),
  refuse(
    "RS256",
    "signed by another RSA key",
    async () => await mintWith(await makeKeys("RS256", "rsa-1")),
  ),
  refuse(
    "jwks",
    "signed by another key under a known kid",
    async () => await mintWith(await makeKeys("ES256", "ec-1")),
  ),
  refuse("secret", "the signature stripped", changed(([h, p]) => `${h}.${p}.`)),
  refuse("secret", "the signature and its dot stripped", changed(([h, p]) => `${h}.${p}`)),
  refuse(
    "secret",
    "the signature truncated",
    changed(([h, p, s]) => `${h}.${p}.${s.slice(0, 32)}`),
  ),
  refuse("secret", "the signature lengthened", changed(([h, p, s]) => `${h}.${p}.${s}AAAA`)),
  refuse(
    "secret",
    "the signature of another token",
    async () =>
      `${(await mintToken({ sub: "root" })).split(".", 2).join(".")}.${
        (await mintToken()).split(".")[2]
      }`,
  ),
  refuse(
    "secret",
    "the payload replaced",
    changed(([h, , s]) => `${h}.${encodePart({ ...CLAIMS, sub: "root" })}.${s}`),
  ),

  // Encodings
  refuse(
    "secret",
    "other trailing bits in the signature",
    changed(([h, p, s]) =>
      `${h}.${p}.${s.slice(0, -1)}${String.fromCharCode(s.charCodeAt(s.length - 1) + 1)}`
    ),
  ),
  refuse("secret", "other trailing bits in the header, signed so", async () => {
    const input = `${respelt(encodePart('{"alg":"HS256"} '))}.${encodePart(CLAIMS)}`;
    return `${input}.${encodePart(await hmac(new TextEncoder().encode(input)))}`;
  }),
  refuse("secret", "padding", changed(([h, p, s]) => `${h}.${p}.${s}=`)),
  refuse("secret", "the alphabet of plain base64", async () => {
    const input = `${encodePart(HS256)}.${btoa(JSON.stringify({ ...CLAIMS, x: "???>>>" }))}`;
    return `${input}.${encodePart(await hmac(new TextEncoder().encode(input)))}`;
  }),
  ...[" ", "\t", "\n", "\0", "%20", "\u00a0", "é", "\u{1f3f0}", ",", ";", "="].flatMap((odd) => [
    refuse("secret", `${JSON.stringify(odd)} before`, changed((parts) => odd + parts.join("."))),
    refuse("secret", `${JSON.stringify(odd)} after`, changed((parts) => parts.join(".") + odd)),
    refuse(
      "secret",
      `${JSON.stringify(odd)} within`,
      changed(([h, p, s]) => `${h}.${p.slice(0, 4)}${odd}${p.slice(4)}.${s}`),
    ),
  ]),
  refuse("secret", "a full-width dot", changed((parts) => parts.join("\uff0e"))),
  refuse("secret", "a leading dot", changed((parts) => `.${parts.join(".")}`)),
  refuse("secret", "a trailing dot", changed((parts) => `${parts.join(".")}.`)),
  refuse("secret", "two tokens in a row", async () => `${await mintToken()}.${await mintToken()}`),
  refuse("secret", "five parts, as of a JWE", changed(([h, p, s]) => `${h}.${p}.${s}.${p}.${s}`)),
  refuse(
    "secret",
    "a real JWE header, five parts",
    () => `${encodePart({ alg: "dir", enc: "A256GCM" })}..AAAA.AAAA.AAAA`,
  ),
  refuse(
    "secret",
    "a JWS in JSON",
    changed(([h, p, s]) => JSON.stringify({ protected: h, payload: p, signature: s })),
  ),
  refuse("secret", "the scheme again", changed((parts) => `Bearer ${parts.join(".")}`)),
  ...["", ".", "..", "...", "null", "undefined", "a.b.c", "{}", "\ud800"].map((token) =>
    refuse("secret", `the text ${JSON.stringify(token)}`, () => token)
  ),

  // Sizes
  refuse("secret", "a good token over 8 KiB", () => sized(8 * 1024 + 4)),
  refuse("secret", "a megabyte", () => "A".repeat(1_048_576)),
  refuse("secret", "a hundred thousand dots", () => ".".repeat(100_000)),
];

type Make = () => string | Promise<string>;

function accept(judge: Judge, name: string, token: Make): CorpusCase {
  return { judge, name, verdict: "accept", token };
}

function refuse(judge: Judge, name: string, token: Make): CorpusCase {
  return { judge, name, verdict: "UNAUTHENTICATED", token };
}

function expired(judge: Judge, name: string, token: Make): CorpusCase {
  return { judge, name, verdict: "TOKEN_EXPIRED", token };
}
