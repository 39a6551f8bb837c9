/**
 * One block of Markdown as a tree of a few kinds of nodes. Only these can be shown: whatever else is in
 * the text, HTML above all, is text.
 *
 * @module
 */
import { Lexer, type Token, type Tokens } from "marked";
import { decodeEntities } from "./entities.ts";
import { safeHref } from "./links.ts";

/** Elements that have children and nothing else. */
export type PlainTag = "p" | "strong" | "em" | "del" | "blockquote" | "li";

/** A node. */
export type Node =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "element"; readonly tag: PlainTag; readonly children: readonly Node[] }
  | { readonly kind: "heading"; readonly level: number; readonly children: readonly Node[] }
  | { readonly kind: "link"; readonly href: string; readonly children: readonly Node[] }
  | { readonly kind: "inline-code"; readonly text: string }
  | { readonly kind: "code"; readonly language: string; readonly text: string }
  | { readonly kind: "break" }
  | { readonly kind: "rule" }
  | { readonly kind: "checkbox"; readonly isChecked: boolean }
  | {
    readonly kind: "list";
    /** The first number; null where it is not numbered. */
    readonly start: number | null;
    readonly children: readonly Node[];
  }
  | {
    readonly kind: "table";
    readonly align: readonly ("left" | "center" | "right" | null)[];
    readonly head: readonly (readonly Node[])[];
    readonly rows: readonly (readonly (readonly Node[])[])[];
  };

/** Deepest nesting that is shown as such; what is deeper is text. */
const MAX_DEPTH = 16;

/** Reads one block. What cannot be read is text. */
export function lex(markdown: string): readonly Node[] {
  try {
    return nodesOf(new Lexer({ gfm: true }).lex(markdown), 0);
  } catch {
    // Such as a stack that a thousand nested quotes have used up.
    return [element("p", [text(markdown)])];
  }
}

function nodesOf(tokens: readonly Token[] | undefined, depth: number): readonly Node[] {
  return (tokens ?? []).flatMap((token) => nodeOf(token, depth + 1));
}

function nodeOf(token: Token, depth: number): readonly Node[] {
  if (depth > MAX_DEPTH) return [text(token.raw)];
  const children = (): readonly Node[] => nodesOf((token as Tokens.Generic).tokens, depth);
  switch (token.type) {
    case "paragraph":
      return [element("p", children())];
    case "strong":
    case "em":
    case "del":
    case "blockquote":
      return [element(token.type, children())];
    case "heading":
      return [{ kind: "heading", level: (token as Tokens.Heading).depth, children: children() }];
    case "text":
      return (token as Tokens.Text).tokens === undefined
        ? [text(decodeEntities((token as Tokens.Text).text))]
        : children();
    case "escape":
      return [text((token as Tokens.Escape).text)];
    case "codespan":
      return [{ kind: "inline-code", text: (token as Tokens.Codespan).text }];
    case "code": {
      const { lang = "", text } = token as Tokens.Code;
      return [{ kind: "code", language: lang.split(/\s+/)[0]!.toLowerCase(), text }];
    }
    case "br":
      return [{ kind: "break" }];
    case "hr":
      return [{ kind: "rule" }];
    case "checkbox":
      return [{ kind: "checkbox", isChecked: (token as Tokens.Checkbox).checked }];
    case "link":
      return linkOf((token as Tokens.Link).href, children(), token.raw);
    case "image":
      return imageOf(token as Tokens.Image);
    case "list":
      return [listOf(token as Tokens.List, depth)];
    case "table":
      return [tableOf(token as Tokens.Table, depth)];
    case "html":
      return htmlOf(token as Tokens.HTML);
    case "space":
    case "def":
      return [];
    default:
      return [text(token.raw)];
  }
}

/** A link that may lead somewhere, or its own source: nobody is to click on less than they see. */
function linkOf(address: string, children: readonly Node[], raw: string): readonly Node[] {
  const href = safeHref(decodeEntities(address));
  return href === null ? [text(raw)] : [{ kind: "link", href, children }];
}

/** An image is a link: loading it would tell its server who reads. */
function imageOf({ href, text: alt, raw }: Tokens.Image): readonly Node[] {
  return linkOf(href, [text(`Image: ${decodeEntities(alt) || "untitled"}`)], raw);
}

function listOf({ ordered, start, items }: Tokens.List, depth: number): Node {
  return {
    kind: "list",
    start: ordered ? Number(start) || 0 : null,
    children: items.map((item) => element("li", nodesOf(item.tokens, depth + 1))),
  };
}

function tableOf({ header, align, rows }: Tokens.Table, depth: number): Node {
  const cells = (row: readonly Tokens.TableCell[]): readonly (readonly Node[])[] =>
    row.map(({ tokens }) => nodesOf(tokens, depth));
  return { kind: "table", align, head: cells(header), rows: rows.map(cells) };
}

/** HTML is text, except for the line break, which models write in tables. */
function htmlOf({ raw, block }: Pick<Tokens.HTML, "raw" | "block">): readonly Node[] {
  if (block) return [element("p", [text(raw.trim())])];
  return /^<br\s*\/?>$/i.test(raw) ? [{ kind: "break" }] : [text(raw)];
}

function text(content: string): Node {
  return { kind: "text", text: content };
}

function element(tag: PlainTag, children: readonly Node[]): Node {
  return { kind: "element", tag, children };
}
