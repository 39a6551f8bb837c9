/**
 * Faults of the platform that would end the process although they concern one socket.
 *
 * @module
 */
import type { Logger } from "./log.ts";

/** The topmost frame of a stack that was made where the platform reads sockets. */
const IN_SOCKETS = /^[^\n]*\n {4}at [^\n]*\bext:deno_websocket\//;

/**
 * Survives what Deno throws where it hands a message over, before any handler: of more than 512 MiB of
 * text V8 makes no string. That socket says nothing more, so its idle timeout ends it. Whatever else
 * nobody catches still ends the process.
 */
export function survivePlatformFaults(log: Logger, target: EventTarget = globalThis): void {
  target.addEventListener("unhandledrejection", (event) => {
    const { reason } = event as PromiseRejectionEvent;
    if (!(reason instanceof Error) || !IN_SOCKETS.test(reason.stack ?? "")) return;
    event.preventDefault();
    log.error("The platform could not read a socket", { error: reason });
  });
}
