import { assertEquals } from "@std/assert";
import { LineWriter } from "../../lib/observe/log_writer.ts";

/** A destination whose every write ends when the test says so. */
class Destination {
  written = "";
  readonly #waiting: PromiseWithResolvers<number>[] = [];
  #pending: Uint8Array[] = [];

  readonly write = (bytes: Uint8Array): Promise<number> => {
    const waiting = Promise.withResolvers<number>();
    this.#waiting.push(waiting);
    this.#pending.push(bytes);
    return waiting.promise;
  };

  get writes(): number {
    return this.#waiting.length;
  }

  /** Takes `count` bytes of the write that waits, all by default. */
  async take(count = Infinity): Promise<void> {
    const bytes = this.#pending.shift()!.subarray(0, count);
    this.written += new TextDecoder().decode(bytes);
    this.#waiting.shift()!.resolve(bytes.length);
    await settle();
  }

  async fail(): Promise<void> {
    this.#pending.shift();
    this.#waiting.shift()!.reject(new Error("EPIPE"));
    await settle();
  }
}

/** Lets every continuation that is due run. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

function makeWriter(maxQueuedLength?: number): { writer: LineWriter; destination: Destination } {
  const destination = new Destination();
  const writer = new LineWriter({
    write: destination.write,
    describeDropped: (count) => `dropped ${count}`,
    ...(maxQueuedLength === undefined ? {} : { maxQueuedLength }),
  });
  return { writer, destination };
}

Deno.test("LineWriter starts to write at once, and gathers lines while it writes", async () => {
  const { writer, destination } = makeWriter();
  writer.write("one");
  assertEquals(destination.writes, 1);
  writer.write("two");
  writer.write("three");
  assertEquals(destination.writes, 1);
  await destination.take();
  assertEquals(destination.writes, 1);
  await destination.take();
  assertEquals(destination.written, "one\ntwo\nthree\n");
});

Deno.test("LineWriter goes on where a partial write ended", async () => {
  const { writer, destination } = makeWriter();
  writer.write("onetwo");
  await destination.take(3);
  await destination.take();
  assertEquals(destination.written, "onetwo\n");
});

Deno.test("LineWriter drops what a stalled reader leaves no room for, and says how much", async () => {
  const { writer, destination } = makeWriter(6);
  writer.write("first");
  for (const line of ["abc", "def", "ghi", "jkl"]) writer.write(line);
  await destination.take();
  await destination.take();
  assertEquals(destination.written, "first\nabc\ndef\ndropped 2\n");
});

Deno.test("LineWriter survives a failed write, and reports the loss with the next line", async () => {
  const { writer, destination } = makeWriter();
  writer.write("lost");
  writer.write("lost too");
  await destination.fail();
  await destination.fail();
  await writer.flush();
  writer.write("back");
  await destination.take();
  assertEquals(destination.written, "back\ndropped 2\n");
});

Deno.test("LineWriter flushes once all that was queued is written", async () => {
  const { writer, destination } = makeWriter();
  await writer.flush();
  writer.write("one");
  writer.write("two");
  let flushed = false;
  const flushing = writer.flush().then(() => {
    flushed = true;
  });
  await destination.take();
  assertEquals(flushed, false);
  await destination.take();
  await flushing;
  assertEquals(flushed, true);
});
