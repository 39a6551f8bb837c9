/**
 * Which request or socket the running code works for, so that logs can name it
 * however deep they are written. It follows promises, timers and a socket's events.
 *
 * @module
 */
import { AsyncLocalStorage } from "node:async_hooks";

const requests = new AsyncLocalStorage<string>();

/** Does `work`, and all that it starts, on behalf of a request. */
export function inRequest<T>(requestId: string, work: () => T): T {
  return requests.run(requestId, work);
}

/** The request that the running code works for. */
export function currentRequestId(): string | undefined {
  return requests.getStore();
}
