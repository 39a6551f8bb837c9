/** @jsxRuntime automatic */
/** @jsxImportSource preact */
/// <reference lib="dom" />
/**
 * An answer's text as Markdown, while it grows and when it is whole.
 *
 * @module
 */
import type { JSX } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { type Block, BlockSplitter } from "../markdown/blocks.ts";
import { BlockGroups, type Group } from "../markdown/groups.ts";
import { lex } from "../markdown/lex.ts";
import { CodeBlock } from "./code_block.tsx";
import { Nodes } from "./nodes.tsx";

/** Groups of an answer up to which all of it is laid out, seen or not. */
const FEW = 6;

/** About how many elements are shown until their reader asks for more. */
const MAX_WEIGHT = 3_000;

/** Shows `text`. `isOpen` while it still grows. */
export function Markdown(
  { text, isOpen }: { readonly text: string; readonly isOpen: boolean },
): JSX.Element {
  const splitter = useMemo(() => new BlockSplitter(), []);
  const collected = useMemo(() => new BlockGroups(), []);
  if (splitter.update(text)) collected.clear();
  collected.update(splitter.settled);
  const { groups } = collected;
  const [allowed, allow] = useState(MAX_WEIGHT);
  const wanted = collected.within(allowed);
  const shown = useGrowing(wanted);
  const isCut = wanted < groups.length;
  return (
    <div class="prose">
      {groups.slice(0, shown).map((blocks, index) => (
        <BlockGroup key={index} blocks={blocks} isFar={groups.length > FEW} />
      ))}
      {!isCut && shown === groups.length && <OpenBlock block={splitter.open} isOpen={isOpen} />}
      {isCut && (
        <button type="button" class="quiet" onClick={() => allow(allowed + MAX_WEIGHT)}>
          Show more of this answer
        </button>
      )}
    </div>
  );
}

/** Comes up to `wanted` by one a picture, so that a whole book stops nothing. */
function useGrowing(wanted: number): number {
  const [shown, show] = useState(Math.min(wanted, 1));
  useEffect(() => {
    if (shown === wanted) return;
    if (shown > wanted) return show(wanted);
    const frame = requestAnimationFrame(() => show(shown + 1));
    return () => cancelAnimationFrame(frame);
  }, [shown, wanted]);
  return Math.min(shown, wanted);
}

/** The same element as before is not looked at again. */
function BlockGroup(
  { blocks, isFar }: { readonly blocks: Group; readonly isFar: boolean },
): JSX.Element {
  return useMemo(
    () => (
      <div class={isFar ? "group far" : "group"}>
        {blocks.map((block, index) => <BlockView key={index} block={block} />)}
      </div>
    ),
    [blocks, isFar],
  );
}

function BlockView({ block }: { readonly block: Block }): JSX.Element {
  return useMemo(() => show(block, false), [block]);
}

function OpenBlock(
  { block, isOpen }: { readonly block: Block | null; readonly isOpen: boolean },
): JSX.Element | null {
  const { kind, text } = block ?? {};
  return useMemo(() => block === null ? null : show(block, isOpen), [kind, text, isOpen]);
}

function show(block: Block, isOpen: boolean): JSX.Element {
  switch (block.kind) {
    case "markdown":
      return <Nodes nodes={lex(block.text)} dir="auto" />;
    case "code":
      return <CodeBlock language={block.language} text={block.text} isOpen={isOpen} />;
    case "plain":
      return <p class="plain" dir="auto">{block.text}</p>;
    default:
      return block satisfies never;
  }
}
