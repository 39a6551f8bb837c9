/** @jsxRuntime automatic */
/** @jsxImportSource preact */
/// <reference lib="dom" />
/**
 * Asks before a thread is deleted: nothing brings it back.
 *
 * @module
 */
import type { JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

/** Asks; `onClose` is told the answer. */
export function DeleteDialog(
  { title, onClose }: { readonly title: string; readonly onClose: (isSure: boolean) => void },
): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  // Of its layout: an effect would be undone only after the next picture, with the opener gone perhaps.
  useLayoutEffect(() => {
    const opener = document.activeElement;
    dialog.current?.showModal();
    return () => {
      // As long as it is open nothing else can have the focus.
      dialog.current?.close();
      if (opener instanceof HTMLElement) opener.focus();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      class="dialog"
      aria-labelledby="delete-title"
      onCancel={() => onClose(false)}
    >
      <h2 id="delete-title">Delete this thread?</h2>
      <p>
        <q dir="auto">{title}</q> and all of its messages are deleted for good.
      </p>
      <div class="dialog-row">
        <button type="button" autoFocus onClick={() => onClose(false)}>Keep it</button>
        <button type="button" class="danger" onClick={() => onClose(true)}>
          Delete thread
        </button>
      </div>
    </dialog>
  );
}
