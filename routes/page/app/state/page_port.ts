/**
 * The browser behind the ports of this folder.
 *
 * @module
 */
/// <reference lib="dom" />
import type { PagePort } from "./connection.ts";
import type { ChangeChannel } from "./thread_list.ts";

/** The page that runs this. */
export const page: PagePort = {
  isHidden: () => document.hidden,
  isOnline: () => navigator.onLine,
  onReturn(listener, signal) {
    addEventListener("online", listener, { signal });
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) listener();
    }, { signal });
  },
  document: async (path, signal) => await (await fetch(path, { signal, cache: "no-store" })).json(),
};

/** The other pages of `subject` in this browser. */
export function pagesOf(subject: string): ChangeChannel {
  const channel = new BroadcastChannel(`drawbridge:threads:${subject}`);
  return {
    tell: () => channel.postMessage("changed"),
    listen(listener) {
      channel.onmessage = listener;
    },
    close: () => channel.close(),
  };
}
