/** @jsxRuntime automatic */
/** @jsxImportSource preact */
/// <reference lib="dom" />
/**
 * The field that messages are written in.
 *
 * @module
 */
import type { JSX, RefObject } from "preact";
import { useEffect, useLayoutEffect, useState } from "preact/hooks";
import { Icon } from "./icon.tsx";

/** Share of the longest message from which on its length is shown. */
const TELL_LENGTH = 0.8;

/** Highest field, pixels, and share of the window; a longer text scrolls in it. */
const MAX_HEIGHT = { pixels: 240, share: 0.4 } as const;

const encoder = new TextEncoder();

/** What the field is to hold. Another object of the same text is another draft. */
export interface Draft {
  /** May be empty. */
  readonly text: string;
}

/** What a composer is given. */
export interface ComposerProps {
  readonly fieldRef: RefObject<HTMLTextAreaElement | null>;
  readonly draft: Draft;
  readonly onDraft: (text: string) => void;
  readonly onSend: (text: string) => void;
  /** Stops the answer that streams; null where none does. */
  readonly onStop: (() => void) | null;
  /** Longest message that the server takes, bytes of UTF-8. */
  readonly maxBytes: number;
}

/** Enter sends, Shift and Enter begins a line. */
export function Composer(
  { fieldRef, draft, onDraft, onSend, onStop, maxBytes }: ComposerProps,
): JSX.Element {
  const [text, setText] = useState(draft.text);
  // A refused message comes back as the draft.
  useLayoutEffect(() => setText(draft.text), [draft]);
  // The button that stops takes some of its width.
  useLayoutEffect(() => fit(fieldRef.current), [text, onStop === null]);
  useEffect(() => {
    const refit = (): void => fit(fieldRef.current);
    addEventListener("resize", refit);
    return () => removeEventListener("resize", refit);
  }, [fieldRef]);
  const bytes = text.length * 3 < maxBytes * TELL_LENGTH ? 0 : encoder.encode(text).length;
  const isTooLong = bytes > maxBytes;
  const canSend = text.trim() !== "" && !isTooLong;
  const change = (next: string): void => {
    setText(next);
    onDraft(next);
  };
  const send = (): void => {
    if (!canSend) return;
    onSend(text);
    change("");
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    // While characters are composed, Enter takes one of the suggestions.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    send();
  };
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <label class="sr" for="message">Message</label>
      <div class="composer-box">
        <textarea
          id="message"
          ref={fieldRef}
          rows={1}
          dir="auto"
          placeholder="Write a message"
          enterkeyhint="send"
          aria-describedby="message-hint"
          aria-invalid={isTooLong}
          value={text}
          onInput={(event) => change(event.currentTarget.value)}
          onKeyDown={onKeyDown}
        />
        {onStop !== null && (
          <button
            type="button"
            class="round"
            aria-label="Stop"
            title="Stop (Escape)"
            onClick={onStop}
          >
            <Icon name="stop" />
          </button>
        )}
        <button
          type="submit"
          class="round primary"
          aria-label="Send"
          title="Send (Enter)"
          disabled={!canSend}
        >
          <Icon name="send" />
        </button>
      </div>
      <p id="message-hint" class={isTooLong ? "hint too-long" : "hint"}>
        {bytes > maxBytes * TELL_LENGTH
          ? `${kilobytes(bytes)} of ${kilobytes(maxBytes)}${isTooLong ? ": too long to send" : ""}`
          : <Keys isAnswering={onStop !== null} />}
      </p>
      <p class="sr" role="status">{isTooLong && "The message is too long to send."}</p>
    </form>
  );
}

function Keys({ isAnswering }: { readonly isAnswering: boolean }): JSX.Element {
  return (
    <>
      <kbd>Enter</kbd> sends, <kbd>Shift</kbd> <kbd>Enter</kbd> begins a line
      {isAnswering
        ? (
          <>
            , <kbd>Esc</kbd> stops
          </>
        )
        : (
          <>
            , <kbd>/</kbd> comes back here
          </>
        )}
    </>
  );
}

/** Makes the field as high as its text. */
function fit(field: HTMLTextAreaElement | null): void {
  if (field === null) return;
  field.style.height = "auto";
  const highest = Math.min(MAX_HEIGHT.pixels, innerHeight * MAX_HEIGHT.share);
  field.style.height = `${Math.min(field.scrollHeight, highest)}px`;
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1_024).toFixed(1)} KB`;
}
