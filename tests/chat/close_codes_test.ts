import { assertEquals } from "@std/assert";
import { closeNotes, CLOSES } from "../../lib/chat/close_codes.ts";
import { ERRORS, type ErrorShape } from "../../lib/errors.ts";
import { MAX_CLOSE_REASON_BYTES } from "../../lib/limits.ts";

/** Every close that the server makes. */
const closes = [
  ...Object.values(CLOSES),
  ...Object.values<ErrorShape>(ERRORS)
    .filter(({ closeCode }) => closeCode !== undefined)
    .map(({ closeCode, closeReason }) => ({ code: closeCode, reason: closeReason })),
];

Deno.test("every close of the server is noted, under its code and with its reason", () => {
  const noted = new Map(closeNotes().map(({ code, reasons }) => [code, reasons]));
  const missing = closes.filter(({ code = 0, reason = "" }) => !noted.get(code)?.includes(reason));
  assertEquals(missing, []);
});

Deno.test("no close reason is longer than MAX_CLOSE_REASON_BYTES", () => {
  const bytesOf = (reason: string): number => new TextEncoder().encode(reason).length;
  const reasons = closes.map(({ reason = "" }) => reason);
  assertEquals(reasons.filter((reason) => bytesOf(reason) > MAX_CLOSE_REASON_BYTES), []);
});
