/** @jsxRuntime automatic */
/** @jsxImportSource preact */
/// <reference lib="dom" />
/**
 * A button that copies a text.
 *
 * @module
 */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Icon } from "./icon.tsx";

/** Time that its success is shown, milliseconds. */
const SHOWN_MS = 2_000;

/** Copies `text`. */
export function CopyButton(
  { text, label = "Copy" }: { readonly text: string; readonly label?: string },
): JSX.Element {
  const [said, say] = useState<string | null>(null);
  useEffect(() => {
    if (said === null) return;
    const timer = setTimeout(() => say(null), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [said]);
  const copy = async (): Promise<void> => say(await copyText(text) ? "Copied" : "Cannot copy here");
  return (
    <button type="button" class="quiet small" onClick={() => void copy()}>
      <Icon name={said === "Copied" ? "done" : "copy"} />
      <span aria-live="polite">{said ?? label}</span>
    </button>
  );
}

/** The clipboard is there for pages from `https:` and localhost alone. */
async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
}

function copyBySelection(text: string): boolean {
  const field = document.createElement("textarea");
  const focused = document.activeElement;
  field.value = text;
  field.className = "sr";
  document.body.append(field);
  field.select();
  // Deprecated, and the only way without a secure context.
  const isCopied = document.execCommand("copy");
  field.remove();
  if (focused instanceof HTMLElement) focused.focus();
  return isCopied;
}
