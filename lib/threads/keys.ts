/**
 * The key layout, in one place. Every key of a thread starts with its owner.
 *
 * ```text
 * thread   subject thread                         ThreadHead
 * activity subject updatedAtMs thread             ""          newest activity, read in reverse
 * lease    subject thread                         LeaseRecord of the active run
 * data     subject thread generation entry seq    Entry
 *                                    message id   MessageRecord
 *                                    run     id   RunRecord
 *                                    chunk   id attempt index  the chunks from this index on
 *                                    blob    id n   a piece of a value too large for one key
 * trash    generation                             TrashRecord
 * follower subject thread generation instance     true        who wants to hear of changes
 * note     instance subject thread ring           NoteRecord  what an instance is to look at
 * bell     instance                               ""          changes with every note; watched
 * instance instance                               last sign of life, milliseconds
 * probe    instance                               when the store was last probed, milliseconds
 * ```
 *
 * @module
 */
import type {
  LeaseRecord,
  MessageRecord,
  NoteRecord,
  Packed,
  RunRecord,
  ThreadHead,
  ThreadRef,
  TrashRecord,
} from "./records.ts";
import type { KeyPart, StoreKey } from "./store.ts";

/** One incarnation of a thread. */
export interface Incarnation extends ThreadRef {
  readonly generation: string;
}

/** A name in maps: different for every two threads, one for all incarnations of a thread. */
export function threadNameOf({ subject, threadId }: ThreadRef): string {
  // An id holds no space.
  return `${threadId} ${subject}`;
}

/** A name in maps: different for every two incarnations. */
export function nameOf({ subject, threadId, generation }: Incarnation): string {
  // Neither of the last two holds a space.
  return `${threadId} ${generation} ${subject}`;
}

/**
 * A subject as a key part. A string with lone surrogates would be stored with
 * replacement characters and meet its neighbours', so it is kept as UTF-16 bytes.
 */
function owner(subject: string): KeyPart {
  if (subject.isWellFormed()) return subject;
  const units = new Uint16Array(subject.length);
  for (let index = 0; index < subject.length; index++) units[index] = subject.charCodeAt(index);
  return new Uint8Array(units.buffer);
}

/** Key of a thread's head. */
export function headKey({ subject, threadId }: ThreadRef): StoreKey<ThreadHead> {
  return ["thread", owner(subject), threadId];
}

/** Prefix of a subject's threads by activity. */
export function activityPrefix(subject: string): StoreKey<""> {
  return ["activity", owner(subject)];
}

/** Key of a thread in the order of activity. */
export function activityKey(thread: ThreadRef, updatedAtMs: number): StoreKey<""> {
  return ["activity", owner(thread.subject), updatedAtMs, thread.threadId];
}

/** Prefix of all leases, of every subject. */
export const LEASE_PREFIX: StoreKey<LeaseRecord> = ["lease"];

/** Key of the lease on a thread's active run. */
export function leaseKey({ subject, threadId }: ThreadRef): StoreKey<LeaseRecord> {
  return ["lease", owner(subject), threadId];
}

/** Prefix of all that one incarnation of a thread holds. */
export function dataPrefix(thread: Incarnation): StoreKey<unknown> {
  return ["data", owner(thread.subject), thread.threadId, thread.generation];
}

/** Prefix of an incarnation's entries. */
export function entryPrefix(thread: Incarnation): StoreKey<Packed> {
  return [...dataPrefix(thread), "entry"];
}

/** Key of one entry. */
export function entryKey(thread: Incarnation, seq: number): StoreKey<Packed> {
  return [...dataPrefix(thread), "entry", seq];
}

/** Key of a message id. */
export function messageKey(thread: Incarnation, messageId: string): StoreKey<MessageRecord> {
  return [...dataPrefix(thread), "message", messageId];
}

/** Key of a run. */
export function runKey(thread: Incarnation, runId: string): StoreKey<RunRecord> {
  return [...dataPrefix(thread), "run", runId];
}

/** Prefix of the chunks of one attempt, or of a whole run. */
export function chunkPrefix(
  thread: Incarnation,
  runId: string,
  attempt?: number,
): StoreKey<Packed> {
  const prefix = [...dataPrefix(thread), "chunk", runId];
  return attempt === undefined ? prefix : [...prefix, attempt];
}

/** Key of a batch of chunks, named by the index of its first. */
export function chunkKey(
  thread: Incarnation,
  at: { runId: string; attempt: number; index: number },
): StoreKey<Packed> {
  return [...chunkPrefix(thread, at.runId, at.attempt), at.index];
}

/** Prefix of a large value's pieces. */
export function blobPrefix(thread: Incarnation, blobId: string): StoreKey<Uint8Array> {
  return [...dataPrefix(thread), "blob", blobId];
}

/** Prefix of the deleted threads whose rows are still to be removed. */
export const TRASH_PREFIX: StoreKey<TrashRecord> = ["trash"];

/** Key of a deleted incarnation. */
export function trashKey(generation: string): StoreKey<TrashRecord> {
  return ["trash", generation];
}

/** Prefix of the instances that follow a thread. */
export function followerPrefix(thread: Incarnation): StoreKey<true> {
  return ["follower", owner(thread.subject), thread.threadId, thread.generation];
}

/** Key of one instance that follows a thread. */
export function followerKey(thread: Incarnation, instanceId: string): StoreKey<true> {
  return [...followerPrefix(thread), instanceId];
}

/** Prefix of an instance's notes. */
export function notePrefix(instanceId: string): StoreKey<NoteRecord> {
  return ["note", instanceId];
}

/** Key of a note: one for each thread and ring, however often it rang. */
export function noteKey(
  instanceId: string,
  thread: Incarnation,
  ring: string,
): StoreKey<NoteRecord> {
  return ["note", instanceId, owner(thread.subject), thread.threadId, thread.generation, ring];
}

/** Key that an instance watches. */
export function bellKey(instanceId: string): StoreKey<string> {
  return ["bell", instanceId];
}

/** Prefix of all instances' signs of life. */
export const INSTANCE_PREFIX: StoreKey<number> = ["instance"];

/** Key of an instance's last sign of life. */
export function instanceKey(instanceId: string): StoreKey<number> {
  return ["instance", instanceId];
}

/** Key that an instance writes and reads to see whether the store works. */
export function probeKey(instanceId: string): StoreKey<number> {
  return ["probe", instanceId];
}
