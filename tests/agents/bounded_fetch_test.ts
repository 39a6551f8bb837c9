import { assertEquals, assertRejects } from "@std/assert";
import { boundedFetch } from "../../lib/agents/bounded_fetch.ts";
import { BrokenAnswer, EndpointRefusal } from "../../lib/agents/model_faults.ts";

const bounds = { maxEventBytes: 10, maxErrorBytes: 10 };

/** Fetches a response of `blocks`, and tells whether its source was let go. */
async function fetchBlocks(
  blocks: readonly string[],
  status = 200,
): Promise<{ response: Response; isCancelled: () => boolean }> {
  let cancelled = false;
  const pending = [...blocks];
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const block = pending.shift();
      if (block === undefined) controller.close();
      else controller.enqueue(new TextEncoder().encode(block));
    },
    cancel() {
      cancelled = true;
    },
  });
  const fetch = boundedFetch(() => Promise.resolve(new Response(body, { status })), bounds);
  return { response: await fetch("http://model.test/"), isCancelled: () => cancelled };
}

Deno.test("boundedFetch passes events of its bound, however they are split and their lines end", async () => {
  for (
    const blocks of [
      ["12345678\n\n", "12345678\n\n"],
      ["123456\r\n", "\r\n123456\r\n\r", "\n"],
      ["12345678\r", "\r12345678\r\r"],
      ["1234", "5678", "\n", "\n12345678\n\n"],
    ]
  ) {
    const { response } = await fetchBlocks(blocks);
    assertEquals(await response.text(), blocks.join(""));
  }
});

Deno.test("boundedFetch fails an event over its bound and lets go of its source", async () => {
  for (
    const blocks of [["12345678901"], ["12345\n", "67890\n"], ["1234\r\n", "5678\r\n"], [
      "1\n\n",
      "1234567890\n\n",
    ]]
  ) {
    const { response, isCancelled } = await fetchBlocks([...blocks, "more"]);
    await assertRejects(() => response.text(), BrokenAnswer, "longer than 10 bytes");
    assertEquals(isCancelled(), true);
  }
});

Deno.test("boundedFetch cuts the document of a failed call and lets go of the rest", async () => {
  const { response, isCancelled } = await fetchBlocks(["123456", "789012", "345678"], 500);
  assertEquals([response.status, await response.text()], [500, "1234567890"]);
  assertEquals(isCancelled(), true);
});

Deno.test("boundedFetch keeps a short document, status and headers as they are", async () => {
  const fetch = boundedFetch(
    () => Promise.resolve(new Response("no", { status: 429, headers: { "retry-after": "1" } })),
    bounds,
  );
  const response = await fetch("http://model.test/");
  assertEquals([response.status, response.headers.get("retry-after"), await response.text()], [
    429,
    "1",
    "no",
  ]);
});

Deno.test("boundedFetch says that an endpoint cannot be reached, without its address", async () => {
  const fetch = boundedFetch(() =>
    Promise.reject(new TypeError("error sending request for url (http://user:key@model.test/v1)"))
  );
  const error = await assertRejects(() => fetch("http://model.test/"), EndpointRefusal);
  assertEquals(
    error.message,
    "The model endpoint cannot be reached: error sending request for url (address)",
  );
});

Deno.test("boundedFetch passes an abort on as it is", async () => {
  const fetch = boundedFetch((_, init) => Promise.reject(init?.signal?.reason));
  const left = new Error("left");
  const signal = AbortSignal.abort(left);
  assertEquals(await fetch("http://model.test/", { signal }).catch((error) => error), left);
});

Deno.test("boundedFetch leaves an answer when its call is aborted, though the platform reads on", async () => {
  let cancelledWith: unknown;
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new TextEncoder().encode("a\n\n")),
    cancel: (reason) => void (cancelledWith = reason),
  });
  const fetch = boundedFetch(() => Promise.resolve(new Response(endless)), bounds);
  const left = new AbortController();
  const response = await fetch("http://model.test/", { signal: left.signal });
  const reader = response.body!.getReader();
  await reader.read();
  const reason = new Error("left");
  left.abort(reason);
  const read = async () => {
    while (!(await reader.read()).done);
  };
  assertEquals(await read().catch((error) => error), reason);
  assertEquals(cancelledWith, reason);
});

Deno.test("boundedFetch reads a stream of bytes through one buffer, and its blocks stay what they were", async () => {
  const sizes = [1, 200, 16_384, 40_000, 3];
  const whole = new Uint8Array(sizes.reduce((sum, size) => sum + size))
    .map((_, at) => at % 10 === 9 ? 10 : at % 251);
  let from = 0;
  const largest: number[] = [];
  const body = new ReadableStream({
    type: "bytes",
    pull(controller) {
      const { byobRequest } = controller;
      largest.push(byobRequest?.view?.byteLength ?? 0);
      const size = sizes.shift();
      if (size === undefined) {
        controller.close();
        byobRequest?.respond(0);
        return;
      }
      controller.enqueue(whole.slice(from, from += size));
    },
  });
  const fetch = boundedFetch(() => Promise.resolve(new Response(body)));
  const response = await fetch("http://model.test/");
  const blocks = await Array.fromAsync(response.body!);
  assertEquals(new Uint8Array(await new Blob(blocks).arrayBuffer()), whole);
  assertEquals(Math.max(...largest), 16_384);
  assertEquals(blocks.every(({ buffer, byteLength }) => buffer.byteLength === byteLength), true);
});
