/**
 * Structural equality.
 *
 * @module
 */

/**
 * Whether two values have the same structure: same prototype, same enumerable own keys, equal values.
 * Dates, expressions, URLs, byte buffers, maps (keys in any order), sets and cycles are compared by
 * content; `NaN` equals itself, functions and symbols only themselves.
 *
 * @throws {TypeError} For two different `WeakMap`s or `WeakSet`s: nobody can look into them.
 */
export function equal(a: unknown, b: unknown): boolean {
  return compare(a, b, new Map());
}

type Seen = Map<object, object>;

function compare(a: unknown, b: unknown, seen: Seen): boolean {
  if (Object.is(a, b) || a === b) return true;
  if (!isObject(a) || !isObject(b) || !samePrototype(a, b)) return false;
  if (a instanceof Date && b instanceof Date) return Object.is(a.getTime(), b.getTime());
  if (a instanceof RegExp || a instanceof URL) return String(a) === String(b);
  if (a instanceof WeakRef && b instanceof WeakRef) return compare(a.deref(), b.deref(), seen);
  if (a instanceof WeakMap || a instanceof WeakSet) {
    throw new TypeError(`Cannot compare ${a.constructor.name} instances`);
  }
  if (isBytes(a) && isBytes(b)) return sameBytes(bytesOf(a), bytesOf(b));
  if (seen.get(a) === b) return true;
  seen.set(a, b);
  if (a instanceof Error && b instanceof Error && a.message !== b.message) return false;
  if (a instanceof Set && b instanceof Set && !sameEntries(a, b, seen)) return false;
  if (a instanceof Map && b instanceof Map && !sameEntries(a, b, seen)) return false;
  return sameProperties(a, b, seen);
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/** Objects without prototype equal plain ones, as JSON and `Object.create(null)` should. */
function samePrototype(a: object, b: object): boolean {
  const plain = (value: object): object => Object.getPrototypeOf(value) ?? Object.prototype;
  return plain(a) === plain(b);
}

function isBytes(value: object): value is ArrayBufferLike | ArrayBufferView {
  return ArrayBuffer.isView(value) || value instanceof ArrayBuffer ||
    value instanceof SharedArrayBuffer;
}

function bytesOf(value: ArrayBufferLike | ArrayBufferView): Uint8Array {
  return ArrayBuffer.isView(value)
    ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
    : new Uint8Array(value);
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

type Keyed = ReadonlySet<unknown> | ReadonlyMap<unknown, unknown>;

/** Each entry of `a` takes one of `b` away, so that two equal keys cannot hide behind one. */
function sameEntries(a: Keyed, b: Keyed, seen: Seen): boolean {
  if (a.size !== b.size) return false;
  const rest = new Map<unknown, unknown>(b.entries());
  for (const [key, value] of a.entries()) {
    const twin = rest.has(key)
      ? [key, rest.get(key)]
      : [...rest].find(([otherKey, other]) =>
        isObject(key) && attempt(key, otherKey, seen) && attempt(value, other, seen)
      );
    if (twin === undefined || !compare(value, twin[1], seen)) return false;
    rest.delete(twin[0]);
  }
  return true;
}

/** Compares without remembering: a failed guess must not count as seen. */
function attempt(a: unknown, b: unknown, seen: Seen): boolean {
  return compare(a, b, new Map(seen));
}

function sameProperties(a: object, b: object, seen: Seen): boolean {
  const keys = enumerableKeys(a);
  if (keys.length !== enumerableKeys(b).length) return false;
  return keys.every((key) =>
    Object.hasOwn(b, key) && compare(Reflect.get(a, key), Reflect.get(b, key), seen)
  );
}

function enumerableKeys(value: object): (string | symbol)[] {
  return Reflect.ownKeys(value).filter((key) =>
    Object.prototype.propertyIsEnumerable.call(value, key)
  );
}
