/** @jsxRuntime automatic */
/** @jsxImportSource preact */
/// <reference lib="dom" />
/**
 * One thread of the list.
 *
 * @module
 */
import type { JSX } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { ThreadSummary } from "../state/api.ts";
import { relativeTime } from "../state/relative_time.ts";
import { Icon } from "./icon.tsx";

/** Longest title, as the server takes it, characters. */
const MAX_TITLE = 200;

/** Shows a thread, or the field for its new title. */
export function ThreadItem(
  { thread, isWaiting, isPresent, nowMs, onOpen, onRename, onDelete }: {
    readonly thread: ThreadSummary;
    /** Whether a message of it is not sent. */
    readonly isWaiting: boolean;
    readonly isPresent: boolean;
    readonly nowMs: number;
    readonly onOpen: () => void;
    /** Null where there is nothing to rename yet. */
    readonly onRename: ((title: string) => void) | null;
    readonly onDelete: () => void;
  },
): JSX.Element {
  const [isRenaming, setRenaming] = useState(false);
  const renameButton = useRef<HTMLButtonElement>(null);
  const isByKey = useRef(false);
  useLayoutEffect(() => {
    if (!isRenaming && isByKey.current) renameButton.current?.focus();
    isByKey.current = false;
  }, [isRenaming]);
  const title = thread.title ?? "Untitled";
  if (isRenaming && onRename !== null) {
    return (
      <li>
        <TitleField
          title={title}
          onEnd={(next, how) => {
            isByKey.current = how === "key";
            setRenaming(false);
            if (next !== null && next !== title) onRename(next);
          }}
        />
      </li>
    );
  }
  return (
    <li class={isPresent ? "thread present" : "thread"}>
      <a
        href={`#${thread.id}`}
        aria-current={isPresent ? "page" : undefined}
        onClick={(event) => {
          if (event.metaKey || event.ctrlKey || event.shiftKey) return;
          event.preventDefault();
          onOpen();
        }}
      >
        <span class="thread-title" dir="auto">{title}</span>
        <span class="thread-time">
          {isWaiting
            ? "not sent"
            : thread.activeRun === null
            ? <time dateTime={thread.updatedAt}>{relativeTime(thread.updatedAt, nowMs)}</time>
            : "answering"}
        </span>
      </a>
      {onRename !== null && (
        <button
          type="button"
          class="quiet small"
          ref={renameButton}
          aria-label={`Rename ${title}`}
          title="Rename"
          onClick={() => setRenaming(true)}
        >
          <Icon name="rename" />
        </button>
      )}
      <button
        type="button"
        class="quiet small"
        aria-label={`Delete ${title}`}
        title="Delete"
        onClick={onDelete}
      >
        <Icon name="remove" />
      </button>
    </li>
  );
}

/** Enter and leaving the field keep the title, Escape does not change it. */
function TitleField(
  { title, onEnd }: {
    readonly title: string;
    /** Told what to keep, and whether a key has ended it or the focus has gone elsewhere. */
    readonly onEnd: (title: string | null, how: "key" | "left") => void;
  },
): JSX.Element {
  const field = useRef<HTMLInputElement>(null);
  const isOver = useRef(false);
  // Before the first key can come.
  useLayoutEffect(() => field.current?.select(), []);
  const end = (isKept: boolean, how: "key" | "left"): void => {
    // The field is left once more when it goes.
    if (isOver.current) return;
    isOver.current = true;
    onEnd(isKept && field.current?.value.trim() || null, how);
  };
  return (
    <form
      class="rename"
      onSubmit={(event) => {
        event.preventDefault();
        end(true, "key");
      }}
    >
      <input
        ref={field}
        aria-label="Title"
        dir="auto"
        maxLength={MAX_TITLE}
        defaultValue={title}
        onBlur={() => end(true, "left")}
        onKeyDown={(event) => {
          if (event.key !== "Escape") return;
          event.stopPropagation();
          end(false, "key");
        }}
      />
    </form>
  );
}
