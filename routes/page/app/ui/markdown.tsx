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
import { lex } from "../markdown/lex.ts";
import { CodeBlock } from "./code_block.tsx";
import { Nodes } from "./nodes.tsx";

/** Blocks that are shown in one go, and compared as one with the picture before. */
const GROUP = 24;

/** Most groups that are shown until their reader asks for more. */
const MAX_GROUPS = 40;

/** Shows `text`. `isOpen` while it still grows. */
export function Markdown(
  { text, isOpen }: { readonly text: string; readonly isOpen: boolean },
): JSX.Element {
  const splitter = useMemo(() => new BlockSplitter(), []);
  const groups = useMemo<Block[][]>(() => [], []);
  if (splitter.update(text)) groups.length = 0;
  regroup(groups, splitter.settled);
  const [allowed, allow] = useState(MAX_GROUPS);
  const wanted = Math.min(groups.length, allowed);
  const shown = useGrowing(wanted);
  const isCut = groups.length > allowed;
  return (
    <div class="prose">
      {groups.slice(0, shown).map((blocks, index) => (
        <Group key={index} blocks={blocks} count={blocks.length} />
      ))}
      {!isCut && shown === groups.length && <OpenBlock block={splitter.open} isOpen={isOpen} />}
      {isCut && (
        <button type="button" class="quiet" onClick={() => allow(allowed + MAX_GROUPS)}>
          Show more of this answer
        </button>
      )}
    </div>
  );
}

/** Fills the last group, and begins others. Full ones stay as they are. */
function regroup(groups: Block[][], blocks: readonly Block[]): void {
  let known = groups.length === 0 ? 0 : (groups.length - 1) * GROUP + groups.at(-1)!.length;
  for (; known < blocks.length; known++) {
    if (known % GROUP === 0) groups.push([]);
    groups.at(-1)!.push(blocks[known]!);
  }
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
function Group(
  { blocks, count }: { readonly blocks: readonly Block[]; readonly count: number },
): JSX.Element {
  return useMemo(
    () => <>{blocks.map((block, index) => <BlockView key={index} block={block} />)}</>,
    [blocks, count],
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
      return <Nodes nodes={lex(block.text)} />;
    case "code":
      return <CodeBlock language={block.language} text={block.text} isOpen={isOpen} />;
    case "plain":
      return <p class="plain">{block.text}</p>;
    default:
      return block satisfies never;
  }
}
