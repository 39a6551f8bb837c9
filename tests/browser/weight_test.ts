/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
import { assert, assertLess } from "@std/assert";
import { ServerProcess } from "../support/server_process.ts";
import { browserTest } from "./browser.ts";
import { ChatPage } from "./chat_page.ts";

/** Most that comes over the wire until the page can be used, bytes. */
const MAX_BYTES = 60_000;

/** How much slower than this machine the browser computes. */
const SLOWDOWN = 4;

/** Runs in the page: notes when its first field is there. */
const NOTE_FIRST_FIELD = `new MutationObserver((_, observer) => {
  if (document.querySelector("input, textarea") === null) return;
  observer.disconnect();
  performance.mark("first-field");
}).observe(document, { childList: true, subtree: true });`;

browserTest("all of the page comes over the wire in less than 60 KB", async (browser) => {
  await using server = await ServerProcess.start();
  const profile = await browser.profile({ script: NOTE_FIRST_FIELD });
  const page = await profile.context.newPage();
  const devtools = await profile.context.newCDPSession(page);
  await devtools.send("Emulation.setCPUThrottlingRate", { rate: SLOWDOWN });
  await page.goto(server.address);
  await new ChatPage(page).name.waitFor();
  const measured = await page.evaluate(() => {
    const loaded = [
      ...performance.getEntriesByType("navigation"),
      ...performance.getEntriesByType("resource"),
    ] as PerformanceResourceTiming[];
    const paint = performance.getEntriesByName("first-contentful-paint")[0];
    return {
      bytes: loaded.reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0),
      files: loaded.map(({ name }) => new URL(name).pathname),
      paintMs: Math.round(paint?.startTime ?? Number.NaN),
      fieldMs: Math.round(performance.getEntriesByName("first-field")[0]?.startTime ?? Number.NaN),
    };
  });
  const { bytes, files, paintMs, fieldMs } = measured;
  // Times are this machine's: told, not judged.
  console.log(
    `${bytes} bytes; at a CPU ${SLOWDOWN} times slower: first paint after ${paintMs} ms, ` +
      `first field after ${fieldMs} ms`,
  );
  assert(files.filter((file) => file.startsWith("/assets/")).length >= 2, files.join());
  assertLess(bytes, MAX_BYTES);
});
