import { assert, assertEquals, assertRejects } from "@std/assert";
import { AppError } from "../../lib/errors.ts";
import { dataPrefix, entryKey, headKey } from "../../lib/threads/keys.ts";
import { remove } from "../../lib/threads/store.ts";
import { VanishedError } from "../../lib/threads/vanished.ts";
import { Logs, THREAD } from "../support/instance.ts";
import { type MemoryStore, memoryStore } from "../support/kv.ts";

/** More than fits one value of the store. */
const LARGE = "large ".repeat(20_000);

async function codeOf(work: () => Promise<unknown>): Promise<string> {
  return (await assertRejects(work, AppError)).code;
}

/** One thread that another instance removes, rows and all, right after its head was read here. */
class Scene implements Disposable {
  readonly #opened: MemoryStore;
  /** Plans on what is stored, never on what it remembers. */
  readonly here: Logs;
  readonly there: Logs;

  private constructor(opened: MemoryStore) {
    this.#opened = opened;
    this.here = new Logs(opened.store, "here");
    this.there = new Logs(opened.kv, "there");
  }

  static async open(): Promise<Scene> {
    return new Scene(await memoryStore());
  }

  /** Lets `work` come between the next read of the head and what follows it. */
  behindHead(work: () => Promise<unknown>): void {
    const [kind] = headKey(THREAD);
    this.#opened.store.afterGet = async (key) => {
      if (key[0] !== kind) return;
      this.#opened.store.afterGet = () => Promise.resolve();
      await work();
    };
  }

  /** The next read of the head is the last that finds the thread. */
  removeBehindHead(): void {
    this.behindHead(async () => {
      await this.there.removal.delete(THREAD);
      await this.there.removal.sweep();
    });
  }

  /** Removes one entry for good. */
  async lose(seq: number): Promise<void> {
    const key = entryKey(await this.there.incarnation(), seq);
    await this.#opened.kv.commit({ checks: [], writes: [remove(key)] });
  }

  /** Rows of all incarnations of the thread. */
  async rows(): Promise<number> {
    const prefix = dataPrefix({ ...THREAD, generation: "" }).slice(0, -1);
    return (await this.#opened.kv.list({ prefix, limit: 100 })).length;
  }

  [Symbol.dispose](): void {
    this.#opened[Symbol.dispose]();
  }
}

Deno.test("RunLog stores a message that is sent again anew, where its thread is removed meanwhile", async () => {
  using scene = await Scene.open();
  await scene.there.finish(await scene.there.start("a"));
  scene.removeBehindHead();
  const sent = await scene.here.send("a");
  assertEquals([sent.seq, sent.duplicate], [1, false]);
});

Deno.test("RunLog knows no thread that is removed while it regenerates or cancels", async () => {
  using scene = await Scene.open();
  const { runs } = scene.here;
  const regenerate = () => runs.regenerate(THREAD, { onBusy: "queue", mayStart: true });
  await scene.there.finish(await scene.there.start("a"));
  scene.removeBehindHead();
  assertEquals(await codeOf(regenerate), "NOT_FOUND");
  const { runId } = await scene.there.start("b");
  scene.removeBehindHead();
  assertEquals(await codeOf(() => runs.cancel(THREAD, runId)), "NOT_FOUND");
});

Deno.test("RunEnds finds nothing to take over in a thread that is removed meanwhile", async () => {
  using scene = await Scene.open();
  await scene.there.start("a");
  scene.removeBehindHead();
  const partsOf = () => Promise.resolve({ parts: [], chunkCount: 0 });
  assertEquals(await scene.here.ends.takeOver(THREAD, { partsOf }), { kind: "idle" });
});

Deno.test("RunLog leaves no piece of a large message behind the removal of its thread", async () => {
  using scene = await Scene.open();
  await scene.there.finish(await scene.there.start("a"));
  scene.removeBehindHead();
  assertEquals((await scene.here.send("b", { text: LARGE })).seq, 1);
  await scene.there.removal.delete(THREAD);
  await scene.there.removal.sweep();
  assertEquals(await scene.rows(), 0);
});

Deno.test("ChunkLog stores no piece of a large chunk once its run is another's", async () => {
  using scene = await Scene.open();
  const claim = await scene.here.start("a");
  await scene.there.removal.delete(THREAD);
  await scene.there.removal.sweep();
  assertEquals(await scene.here.chunks.save(claim, 0, [JSON.stringify(LARGE)]), false);
  assertEquals(await scene.rows(), 0);
});

Deno.test("ThreadLog does not find what is removed while it is read", async () => {
  using scene = await Scene.open();
  const { threads } = scene.here;
  await scene.there.finish(await scene.there.start("a"), LARGE);
  const thread = await scene.there.incarnation();
  // Half of it is gone: the rows that are left do not begin where they should.
  await scene.lose(1);
  await scene.there.removal.delete(THREAD);
  const read = () => threads.entries(thread, { afterSeq: 0, limit: 100 });
  assertEquals(await codeOf(read), "NOT_FOUND");
});

Deno.test("ThreadLog tells of an entry that is missing while its thread is there", async () => {
  using scene = await Scene.open();
  await scene.there.finish(await scene.there.start("a"));
  await scene.lose(2);
  const thread = await scene.there.incarnation();
  const read = () => scene.here.threads.entries(thread, { afterSeq: 0, limit: 100 });
  await assertRejects(read, VanishedError);
  await scene.lose(1);
  // Whoever needs it for a change fails as well, and not as if others had been faster.
  await assertRejects(() => scene.here.send("a"), VanishedError);
});

Deno.test("RunLog cancels a run that starts between two reads, whatever was asked of the one before", async () => {
  using scene = await Scene.open();
  const first = await scene.there.start("a");
  const second = await scene.there.send("b");
  await scene.there.runs.cancel(THREAD, first.runId);
  scene.behindHead(() => scene.there.finish(first, "", "cancelled"));
  assertEquals((await scene.here.runs.cancel(THREAD, second.runId)).cancel, second.runId);
  const head = await scene.here.threads.head(THREAD);
  assertEquals([head?.active?.runId, head?.cancelRequested], [second.runId, true]);
  assert(head?.queue.length === 0);
});
