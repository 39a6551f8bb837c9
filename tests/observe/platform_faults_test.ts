import { assertEquals } from "@std/assert";
import type { Logger } from "../../lib/observe/log.ts";
import { survivePlatformFaults } from "../../lib/observe/platform_faults.ts";

/** Whether a rejection with that reason is survived, and how often that is logged. */
function survives(reason: unknown): { survived: boolean; logged: number } {
  let logged = 0;
  const log = { error: () => void logged++ } as unknown as Logger;
  const target = new EventTarget();
  survivePlatformFaults(log, target);
  const promise = Promise.reject(reason);
  promise.catch(() => {});
  const event = new PromiseRejectionEvent("unhandledrejection", {
    promise,
    reason,
    cancelable: true,
  });
  return { survived: !target.dispatchEvent(event), logged };
}

function errorAt(...frames: string[]): Error {
  const error = new TypeError("failed to allocate string; buffer exceeds maximum length");
  const stack = frames.map((frame) => `\n    at ${frame}`).join("");
  return Object.assign(error, { stack: `TypeError: ${error.message}${stack}` });
}

const EVENT_LOOP = "WebSocket.[[[eventLoop]]] (ext:deno_websocket/01_websocket.js:504:24)";

Deno.test("survivePlatformFaults survives what is thrown where the platform reads a socket, and logs it", () => {
  const error = errorAt(EVENT_LOOP, "eventLoopTick (ext:core/01_core.js:179:7)");
  assertEquals(survives(error), { survived: true, logged: 1 });
});

Deno.test("survivePlatformFaults lets everything else end the process", () => {
  const handler = "ChatSession.receive (file:///lib/chat/session.ts:1:1)";
  for (
    const reason of [errorAt(handler, EVENT_LOOP), errorAt(), "ext:deno_websocket/", undefined]
  ) {
    assertEquals(survives(reason), { survived: false, logged: 0 });
  }
});
