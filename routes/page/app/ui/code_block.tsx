/** @jsxRuntime automatic */
/** @jsxImportSource preact */
/// <reference lib="dom" />
/**
 * A block of code: coloured once it is whole, with a button that copies it.
 *
 * @module
 */
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { highlight } from "../markdown/highlight.ts";
import { CopyButton } from "./copy_button.tsx";

/** Shows code. `isOpen` while it still grows: then it is not coloured. */
export function CodeBlock(
  { language, text, isOpen }: {
    readonly language: string;
    readonly text: string;
    readonly isOpen: boolean;
  },
): JSX.Element {
  const pieces = useMemo(() => isOpen ? null : highlight(text, language), [text, language, isOpen]);
  const name = language === "" ? "code" : language.slice(0, 24);
  return (
    <figure class="code" dir="ltr">
      <figcaption>
        <span>{name}</span>
        <CopyButton text={text} />
      </figcaption>
      <pre tabIndex={0} role="group" aria-label={`${name}, code`}><code>{
        pieces === null
          ? text
          : pieces.map(({ text: piece, kind }, index) =>
            kind === undefined ? piece : <span key={index} class={`t-${kind}`}>{piece}</span>
          )
      }</code></pre>
    </figure>
  );
}
