/** @jsxRuntime automatic */
/** @jsxImportSource preact */
/// <reference lib="dom" />
/**
 * The threads at the side.
 *
 * @module
 */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { ThreadSummary } from "../state/api.ts";
import type { Chat, Home } from "../state/chat.ts";
import { listed, matching } from "../state/listed.ts";
import { reasonOf } from "../state/reason.ts";
import { DeleteDialog } from "./delete_dialog.tsx";
import { Icon } from "./icon.tsx";
import { Mark } from "./mark.tsx";
import { ThreadItem } from "./thread_item.tsx";
import { useKeptFocus } from "./use_kept_focus.ts";

/** Time between two looks at the clock, for the times of last activity, milliseconds. */
const CLOCK_MS = 30_000;

/** Shows the list, and what can be done with it. */
export function Sidebar(
  { chat, home, isDrawer, onChosen, onClose, onSignOut }: {
    readonly chat: Chat;
    readonly home: Home;
    /** Whether it lies over the page, on a small screen. */
    readonly isDrawer: boolean;
    readonly onClose: () => void;
    /** Told when the list has served its purpose: on a small screen it closes. */
    readonly onChosen: () => void;
    /** Null where the page is signed in by somebody else. */
    readonly onSignOut: (() => void) | null;
  },
): JSX.Element {
  const { threads, nextCursor, isRead, hasFailed } = home.threads.state.value;
  const [query, setQuery] = useState("");
  const [leaving, leave] = useState<ThreadSummary | null>(null);
  const closeButton = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (isDrawer) closeButton.current?.focus();
  }, [isDrawer]);
  const { fault, attempt, forgive } = useFault();
  const list = useRef<HTMLElement>(null);
  const beginButton = useRef<HTMLButtonElement>(null);
  useKeptFocus(list, (lost) => {
    const find = (links: string) => list.current?.querySelector<HTMLElement>(links);
    if (lost.matches(".older")) return find("li:last-child a");
    return find("a[aria-current]") ?? beginButton.current;
  });
  const nowMs = useClock();
  const shown = matching(listed(threads, home.sender.items.value), query);
  const present = chat.conversation.value?.id;
  return (
    <>
      <div class="side-head">
        <Mark />
        <span class="wordmark">Drawbridge</span>
        <button
          type="button"
          class="quiet side-close"
          ref={closeButton}
          aria-label="Hide threads"
          onClick={onClose}
        >
          <Icon name="close" />
        </button>
      </div>
      <button
        type="button"
        class="new-thread"
        ref={beginButton}
        onClick={() => {
          forgive();
          chat.open();
          onChosen();
        }}
      >
        <Icon name="new" />
        New thread
      </button>
      <div class="search">
        <Icon name="search" />
        <input
          type="search"
          aria-label="Search threads"
          dir="auto"
          placeholder="Search"
          value={query}
          onInput={(event) => setQuery(event.currentTarget.value)}
        />
      </div>
      {fault !== null && (
        <p class="fault" role="alert">
          <q dir="auto">{fault.what}</q> {fault.words}
        </p>
      )}
      <nav aria-label="Threads" class="threads" ref={list}>
        <ul>
          {shown.map(({ thread, isWaiting, isStored }) => (
            <ThreadItem
              key={thread.id}
              thread={thread}
              isWaiting={isWaiting}
              isPresent={thread.id === present}
              nowMs={nowMs}
              onOpen={() => {
                forgive();
                chat.open(thread.id);
                onChosen();
              }}
              onRename={isStored
                ? (title) =>
                  attempt(home.threads.rename(thread.id, title), title, "is not kept as a title.")
                : null}
              onDelete={() => leave(thread)}
            />
          ))}
        </ul>
        <ListEnd
          isRead={isRead}
          hasFailed={hasFailed}
          count={shown.length}
          query={query}
          isAll={nextCursor === null}
        />
        {nextCursor !== null && (
          <button
            type="button"
            class="quiet older"
            onClick={() => attempt(home.threads.more(), "Show older threads", "did not work.")}
          >
            Show older threads
          </button>
        )}
      </nav>
      <div class="side-foot">
        <span class="who" dir="auto" title={home.subject}>{home.subject}</span>
        {onSignOut !== null && (
          <button type="button" class="quiet small" onClick={onSignOut}>Sign out</button>
        )}
      </div>
      {leaving !== null && (
        <DeleteDialog
          title={titleOf(leaving)}
          onClose={(isSure) => {
            leave(null);
            if (isSure) attempt(chat.remove(leaving.id), titleOf(leaving), "is not deleted.");
          }}
        />
      )}
    </>
  );
}

function ListEnd(
  { isRead, hasFailed, count, query, isAll }: {
    readonly isRead: boolean;
    readonly hasFailed: boolean;
    readonly count: number;
    readonly query: string;
    /** Whether there are no older threads that were not searched. */
    readonly isAll: boolean;
  },
): JSX.Element | null {
  if (hasFailed) return <p class="list-note">The list cannot be read just now.</p>;
  if (!isRead) return <p class="list-note">Reading the list…</p>;
  if (count > 0) return null;
  if (query === "") return <p class="list-note">No threads yet.</p>;
  return (
    <p class="list-note">
      {isAll ? "No thread of that name." : "No thread of that name among those shown."}
    </p>
  );
}

function titleOf({ title }: ThreadSummary): string {
  return title ?? "Untitled";
}

/** What did not work. */
interface Fault {
  /** The thread, or whatever else it is about. */
  readonly what: string;
  readonly words: string;
}

/** The last thing that was tried, if it failed. */
function useFault(): {
  readonly fault: Fault | null;
  readonly attempt: (work: Promise<void>, what: string, words: string) => void;
  readonly forgive: () => void;
} {
  const [fault, setFault] = useState<Fault | null>(null);
  const forgive = (): void => setFault(null);
  const attempt = (work: Promise<void>, what: string, words: string): void => {
    forgive();
    work.catch((error) => setFault({ what, words: `${words} ${reasonOf(error)}` }));
  };
  return { fault, attempt, forgive };
}

function useClock(): number {
  const nowMs = useSignal(Date.now());
  useEffect(() => {
    const timer = setInterval(() => nowMs.value = Date.now(), CLOCK_MS);
    return () => clearInterval(timer);
  }, [nowMs]);
  return nowMs.value;
}
