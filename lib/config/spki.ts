/**
 * Reads what kind of key an SPKI structure holds (RFC 5280 §4.1), synchronously:
 * Web Crypto answers later than a fault of the configuration must be known, and
 * `node:crypto` would bring Node's type package into the lock file of Deno 2.5.
 *
 * @module
 */

/** A key that a token can be verified with, as far as its outside tells. */
export type SpkiKey =
  | { readonly kind: "rsa"; readonly modulusBits: number }
  | { readonly kind: "ec"; readonly curve: "P-256" | "P-384" | "P-521" }
  | { readonly kind: "ed25519" };

/** One DER element (X.690 §8.1): what it holds, and what follows it. */
interface Element {
  readonly content: Uint8Array;
  readonly rest: Uint8Array;
}

const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OBJECT_IDENTIFIER = 0x06;
const SEQUENCE = 0x30;

/** Object identifiers, their content in hexadecimal (RFC 3279 §2.3.1, RFC 5480 §2.1.1, RFC 8410 §3). */
const OID = { rsa: "2a864886f70d010101", ec: "2a8648ce3d0201", ed25519: "2b6570" } as const;

/** Curves by object identifier, with the bytes of one coordinate (RFC 5480 §2.1.1.1). */
const CURVES: Readonly<
  Record<string, { readonly curve: "P-256" | "P-384" | "P-521"; readonly coordinateBytes: number }>
> = {
  "2a8648ce3d030107": { curve: "P-256", coordinateBytes: 32 },
  "2b81040022": { curve: "P-384", coordinateBytes: 48 },
  "2b81040023": { curve: "P-521", coordinateBytes: 66 },
};

/** First byte of an uncompressed point (SEC 1 §2.3.3), the only form that Web Crypto must take. */
const UNCOMPRESSED = 0x04;

const ED25519_BYTES = 32;

/** The key in `der`, or `undefined` where it is none of those that tokens are verified with. */
export function parseSpki(der: Uint8Array): SpkiKey | undefined {
  const outer = readElement(der, SEQUENCE);
  if (outer === undefined || outer.rest.length > 0) return undefined;
  const algorithm = readElement(outer.content, SEQUENCE);
  const bits = algorithm && readElement(algorithm.rest, BIT_STRING);
  const oid = algorithm && readElement(algorithm.content, OBJECT_IDENTIFIER);
  // A bit string starts with the number of its unused bits, which is 0 for a key.
  if (!bits || !oid || bits.rest.length > 0 || bits.content[0] !== 0) return undefined;
  const key = bits.content.subarray(1);
  switch (toHex(oid.content)) {
    case OID.rsa:
      return parseRsa(key);
    case OID.ec:
      return parseEc(oid.rest, key);
    case OID.ed25519:
      return key.length === ED25519_BYTES ? { kind: "ed25519" } : undefined;
    default:
      return undefined;
  }
}

/** RSAPublicKey: modulus, then exponent (RFC 8017 §A.1.1). */
function parseRsa(key: Uint8Array): SpkiKey | undefined {
  const sequence = readElement(key, SEQUENCE);
  const modulus = sequence && readElement(sequence.content, INTEGER);
  const exponent = modulus && readElement(modulus.rest, INTEGER);
  if (!modulus || !exponent || exponent.rest.length > 0 || exponent.content.length === 0) {
    return undefined;
  }
  const first = modulus.content.findIndex((byte) => byte !== 0);
  if (first < 0) return undefined;
  const leadingZeros = Math.clz32(modulus.content[first]!) - 24;
  return { kind: "rsa", modulusBits: 8 * (modulus.content.length - first) - leadingZeros };
}

function parseEc(parameters: Uint8Array, key: Uint8Array): SpkiKey | undefined {
  const oid = readElement(parameters, OBJECT_IDENTIFIER);
  const named = oid && CURVES[toHex(oid.content)];
  if (!named || key[0] !== UNCOMPRESSED) return undefined;
  return key.length === 1 + 2 * named.coordinateBytes
    ? { kind: "ec", curve: named.curve }
    : undefined;
}

/** The element at the start of `bytes`, if it has that tag and is there as a whole. */
function readElement(bytes: Uint8Array, tag: number): Element | undefined {
  if (bytes.length < 2 || bytes[0] !== tag) return undefined;
  const short = bytes[1]!;
  // From 0x80 upward the byte counts the bytes of the length that follow it.
  const lengthBytes = short < 0x80 ? 0 : short & 0x7f;
  if (lengthBytes > 2 || short === 0x80 || bytes.length < 2 + lengthBytes) return undefined;
  const length = lengthBytes === 0
    ? short
    : bytes.subarray(2, 2 + lengthBytes).reduce((sum, byte) => sum * 256 + byte, 0);
  const start = 2 + lengthBytes;
  if (bytes.length < start + length) return undefined;
  return {
    content: bytes.subarray(start, start + length),
    rest: bytes.subarray(start + length),
  };
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
