/**
 * JSON values of any size over a store whose values are small: what fits
 * stands under its key; the rest goes in pieces under a name of its own, and
 * the key says where.
 *
 * @module
 */
import { blobPrefix, type Incarnation } from "./keys.ts";
import type { Packed } from "./records.ts";
import { type Check, put, type Store, type Write } from "./store.ts";
import { VanishedError } from "./vanished.ts";

/** Bytes under one key: Deno KV takes 65,536, its own serialisation included. */
const PIECE_BYTES = 60_000;

/** Pieces in one commit: 480 kB of Deno KV's 800 KiB. */
const PIECES_PER_COMMIT = 8;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/**
 * Packs a value's JSON. A large one's pieces are stored here and now, under a
 * new name: they are nobody's until the returned value is committed, and go
 * with their thread if it never is.
 *
 * @param options.check Says that the thread is there: behind its removal nobody would remove them.
 * @param options.expireInMs Lets the pieces vanish by themselves after so many milliseconds.
 * @throws {AppError} `STORE_UNAVAILABLE`
 * @throws {VanishedError} where `check` does not hold.
 */
export async function pack(
  store: Store,
  { thread, json, check, expireInMs }: {
    thread: Incarnation;
    json: string;
    check: Check;
    expireInMs?: number;
  },
): Promise<Packed> {
  const bytes = encoder.encode(json);
  if (bytes.length <= PIECE_BYTES) return bytes;
  const blobId = crypto.randomUUID();
  const prefix = blobPrefix(thread, blobId);
  const writes: Write[] = [];
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    const key = [...prefix, at / PIECE_BYTES];
    const piece = bytes.slice(at, at + PIECE_BYTES);
    writes.push(put(key, piece, expireInMs === undefined ? {} : { expireInMs }));
  }
  for (let from = 0; from < writes.length; from += PIECES_PER_COMMIT) {
    const some = writes.slice(from, from + PIECES_PER_COMMIT);
    if (await store.commit({ checks: [check], writes: some }) === null) {
      throw new VanishedError(`Cannot store blob ${blobId}: its thread has moved on`);
    }
  }
  return { blobId, pieces: writes.length };
}

/**
 * The JSON of a packed value.
 *
 * @throws {AppError} `STORE_UNAVAILABLE`
 * @throws {VanishedError} where a piece is missing, as while its thread is being removed.
 */
export async function unpack(
  store: Store,
  { thread, packed }: { thread: Incarnation; packed: Packed },
): Promise<string> {
  if (packed instanceof Uint8Array) return decoder.decode(packed);
  const { blobId, pieces } = packed;
  const rows = await store.list({ prefix: blobPrefix(thread, blobId), limit: pieces });
  if (rows.length < pieces) {
    throw new VanishedError(
      `Cannot read blob ${blobId}: ${rows.length} of ${pieces} pieces are there`,
    );
  }
  const whole = new Uint8Array(rows.reduce((length, row) => length + row.value!.length, 0));
  let at = 0;
  for (const { value } of rows) {
    whole.set(value!, at);
    at += value!.length;
  }
  return decoder.decode(whole);
}
