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
import { DeleteDialog } from "./delete_dialog.tsx";
import { Icon } from "./icon.tsx";
import { Mark } from "./mark.tsx";
import { ThreadItem } from "./thread_item.tsx";

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
        onClick={() => {
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
          placeholder="Search"
          value={query}
          onInput={(event) => setQuery(event.currentTarget.value)}
        />
      </div>
      <nav aria-label="Threads" class="threads">
        <ul>
          {shown.map(({ thread, isWaiting, isStored }) => (
            <ThreadItem
              key={thread.id}
              thread={thread}
              isWaiting={isWaiting}
              isPresent={thread.id === present}
              nowMs={nowMs}
              onOpen={() => {
                chat.open(thread.id);
                onChosen();
              }}
              onRename={isStored
                ? (title) => void home.threads.rename(thread.id, title).catch(() => {})
                : null}
              onDelete={() => leave(thread)}
            />
          ))}
        </ul>
        <ListEnd isRead={isRead} hasFailed={hasFailed} count={shown.length} query={query} />
        {nextCursor !== null && (
          <button
            type="button"
            class="quiet"
            onClick={() => void home.threads.more().catch(() => {})}
          >
            Show older threads
          </button>
        )}
      </nav>
      <div class="side-foot">
        <span class="who" title={home.subject}>{home.subject}</span>
        {onSignOut !== null && (
          <button type="button" class="quiet small" onClick={onSignOut}>Sign out</button>
        )}
      </div>
      {leaving !== null && (
        <DeleteDialog
          title={leaving.title ?? "Untitled"}
          onClose={(isSure) => {
            leave(null);
            if (isSure) void chat.remove(leaving.id).catch(() => {});
          }}
        />
      )}
    </>
  );
}

function ListEnd(
  { isRead, hasFailed, count, query }: {
    readonly isRead: boolean;
    readonly hasFailed: boolean;
    readonly count: number;
    readonly query: string;
  },
): JSX.Element | null {
  if (hasFailed) return <p class="list-note">The list cannot be read just now.</p>;
  if (!isRead) return <p class="list-note">Reading the list…</p>;
  if (count > 0) return null;
  return <p class="list-note">{query === "" ? "No threads yet." : "No thread of that name."}</p>;
}

function useClock(): number {
  const nowMs = useSignal(Date.now());
  useEffect(() => {
    const timer = setInterval(() => nowMs.value = Date.now(), CLOCK_MS);
    return () => clearInterval(timer);
  }, [nowMs]);
  return nowMs.value;
}
