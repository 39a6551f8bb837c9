/**
 * The page's keys.
 *
 * @module
 */
/// <reference lib="dom" />
import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";

/** What the keys do. */
export interface Shortcuts {
  /** `/` goes there. */
  readonly field: RefObject<HTMLTextAreaElement | null>;
  /** Escape, which other fields keep for themselves; null where nothing is to be stopped. */
  readonly onStop: (() => void) | null;
}

/** Listens as long as its component is shown. */
export function useShortcuts(shortcuts: Shortcuts): void {
  const present = useRef(shortcuts);
  present.current = shortcuts;
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent): void => {
      if (event.defaultPrevented || event.isComposing || isDialogOpen()) return;
      const { field, onStop } = present.current;
      const isElsewhere = isTyping(event) && event.target !== field.current;
      if (event.key === "Escape" && onStop !== null && !isElsewhere) {
        event.preventDefault();
        onStop();
      } else if (event.key === "/" && !isTyping(event) && !hasModifier(event)) {
        event.preventDefault();
        field.current?.focus();
      }
    };
    document.addEventListener("keydown", onKeyDown);
    return () => document.removeEventListener("keydown", onKeyDown);
  }, []);
}

/** Whether a dialog is open: its keys are its own. */
export function isDialogOpen(): boolean {
  return document.querySelector("dialog[open]") !== null;
}

function isTyping({ target }: Event): boolean {
  return target instanceof HTMLElement && /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
}

function hasModifier({ altKey, ctrlKey, metaKey }: KeyboardEvent): boolean {
  return altKey || ctrlKey || metaKey;
}
