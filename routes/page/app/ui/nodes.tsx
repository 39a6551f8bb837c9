/** @jsxRuntime automatic */
/** @jsxImportSource preact */
/// <reference lib="dom" />
/**
 * Shows the nodes of a Markdown block. Nothing here takes HTML.
 *
 * @module
 */
import type { ComponentChildren, JSX } from "preact";
import type { Node } from "../markdown/lex.ts";
import { CodeBlock } from "./code_block.tsx";

/** An answer's headings stand below the page's and the message's. */
const HEADINGS = ["h3", "h4", "h5", "h6", "h6", "h6"] as const;

/** Where the lines of a block begin: as its first letter says. What is in the block goes by the block. */
type Direction = "auto" | undefined;

/** Shows `nodes`; those of a whole block have a direction. */
export function Nodes(
  { nodes, dir }: { readonly nodes: readonly Node[]; readonly dir?: Direction },
): JSX.Element {
  return <>{nodes.map((node, index) => <NodeView key={index} node={node} dir={dir} />)}</>;
}

function NodeView(
  { node, dir }: { readonly node: Node; readonly dir: Direction },
): ComponentChildren {
  switch (node.kind) {
    case "text":
      return node.text;
    case "element":
      return <node.tag dir={dir}>{<Nodes nodes={node.children} />}</node.tag>;
    case "heading": {
      const Heading = HEADINGS[node.level - 1] ?? "h6";
      return (
        <Heading class={`heading heading-${node.level}`} dir={dir}>
          <Nodes nodes={node.children} />
        </Heading>
      );
    }
    case "link":
      return (
        <a href={node.href} title={node.href} target="_blank" rel="noopener noreferrer nofollow">
          <Nodes nodes={node.children} />
        </a>
      );
    case "inline-code":
      return <code dir="ltr">{node.text}</code>;
    case "code":
      return <CodeBlock language={node.language} text={node.text} isOpen={false} />;
    case "break":
      return <br />;
    case "rule":
      return <hr />;
    case "checkbox":
      return (
        <span role="img" class="check" aria-label={node.isChecked ? "done" : "to do"}>
          {node.isChecked ? "☑" : "☐"}
        </span>
      );
    case "list":
      return node.start === null
        ? (
          <ul dir={dir}>
            <Nodes nodes={node.children} />
          </ul>
        )
        : (
          <ol start={node.start} dir={dir}>
            <Nodes nodes={node.children} />
          </ol>
        );
    case "table":
      return <Table node={node} dir={dir} />;
    default:
      return node satisfies never;
  }
}

function Table(
  { node, dir }: { readonly node: Extract<Node, { kind: "table" }>; readonly dir: Direction },
): JSX.Element {
  const { align, head, rows } = node;
  const side = (column: number): string => `align-${align[column] ?? "left"}`;
  // It scrolls by itself, and by keys only where it can have the focus.
  return (
    <div class="table" role="group" aria-label="Table" tabIndex={0} dir={dir}>
      <table>
        <thead>
          <tr>
            {head.map((cell, column) => (
              <th key={column} scope="col" class={side(column)}>
                <Nodes nodes={cell} />
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            <tr key={index}>
              {row.map((cell, column) => (
                <td key={column} class={side(column)}>
                  <Nodes nodes={cell} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
