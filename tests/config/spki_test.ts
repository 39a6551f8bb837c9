import { assertEquals } from "@std/assert";
import { parseSpki } from "../../lib/config/spki.ts";

const RSA = {
  name: "RSASSA-PKCS1-v1_5",
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
  hash: "SHA-256",
};

async function makeDer(parameters: RsaHashedKeyGenParams | EcKeyGenParams): Promise<Uint8Array> {
  const pair = await crypto.subtle.generateKey(parameters, true, ["sign", "verify"]);
  return new Uint8Array(await crypto.subtle.exportKey("spki", pair.publicKey));
}

/** The SPKI of a P-256 point that is `point`, with `unusedBits` in its bit string. */
function makeEcDer(point: Uint8Array, unusedBits = 0): Uint8Array {
  const oids = Uint8Array.from(
    "301306072a8648ce3d020106082a8648ce3d030107".match(/../g)!,
    (hex) => parseInt(hex, 16),
  );
  const bits = [0x03, point.length + 1, unusedBits, ...point];
  return new Uint8Array([0x30, oids.length + bits.length, ...oids, ...bits]);
}

Deno.test("parseSpki tells the kind and the size of what Web Crypto exports", async () => {
  assertEquals(parseSpki(await makeDer(RSA)), { kind: "rsa", modulusBits: 2048 });
  assertEquals(parseSpki(await makeDer({ name: "ECDSA", namedCurve: "P-384" })), {
    kind: "ec",
    curve: "P-384",
  });
});

Deno.test("parseSpki counts a modulus from its highest set bit", async () => {
  const der = await makeDer(RSA);
  // A modulus of 2048 bits: an integer of 257 bytes, the first one 0 to keep it positive.
  const start =
    der.findIndex((_, index) =>
      [0x02, 0x82, 0x01, 0x01, 0x00].every((byte, offset) => der[index + offset] === byte)
    ) + 5;
  der[start] = 0x7f;
  assertEquals(parseSpki(der), { kind: "rsa", modulusBits: 2047 });
});

Deno.test("parseSpki takes no key that is cut anywhere or followed by anything", async () => {
  const der = await makeDer(RSA);
  for (let length = 0; length < der.length; length++) {
    assertEquals(parseSpki(der.subarray(0, length)), undefined, `cut at ${length}`);
  }
  assertEquals(parseSpki(new Uint8Array([...der, 0])), undefined);
});

Deno.test("parseSpki takes an uncompressed point of its curve's length only", () => {
  const point = new Uint8Array(65).fill(4);
  assertEquals(parseSpki(makeEcDer(point)), { kind: "ec", curve: "P-256" });
  assertEquals(parseSpki(makeEcDer(point, 1)), undefined);
  assertEquals(parseSpki(makeEcDer(point.subarray(1))), undefined);
  assertEquals(parseSpki(makeEcDer(new Uint8Array([2, ...point.subarray(0, 32)]))), undefined);
});

Deno.test("parseSpki answers undefined rather than throwing, whatever one byte becomes", async () => {
  const der = await makeDer({ name: "ECDSA", namedCurve: "P-256" });
  for (let index = 0; index < 27; index++) {
    const broken = der.slice();
    broken[index]! ^= 0xff;
    assertEquals(parseSpki(broken), undefined, `byte ${index}`);
  }
});
