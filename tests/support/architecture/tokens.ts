/**
 * A tokenizer for TypeScript, as far as the architecture rules need one: comments are dropped, the
 * inside of strings and expressions cannot be taken for code.
 *
 * @module
 */

/** One token and where it stands. */
export interface Token {
  readonly kind: "name" | "string" | "number" | "regex" | "punctuation";
  /** As written; of a string, its content. */
  readonly text: string;
  /** From 1. */
  readonly line: number;
}

const SPACE = /\s+|\/\/[^\n]*|\/\*[\s\S]*?\*\//y;
const NAME = /#?[\p{ID_Start}$_][\p{ID_Continue}$]*/uy;
const NUMBER = /\d[\w.]*/y;
const STRING = /"(?:[^"\\\n]|\\[\s\S])*"|'(?:[^'\\\n]|\\[\s\S])*'/y;
const TEMPLATE_PART = /(?:[^`\\$]|\\[\s\S]|\$(?!\{))*(`|\$\{)/y;
const REGEX = /\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y;
/** After these names a slash begins an expression; after any other it divides. */
const BEFORE_VALUE = new Set("return typeof case in of delete void throw new else do await yield"
  .split(" "));

/** The tokens of a source text, in order. */
export function tokenize(source: string): Token[] {
  const tokens: Token[] = [];
  /** Depth of `{` inside each open `${`. */
  const templates: number[] = [];
  let at = 0;
  let line = 1;

  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    return pattern.exec(source);
  };
  const advance = (length: number): void => {
    for (const end = at + length; at < end; at++) if (source[at] === "\n") line++;
  };
  const push = (kind: Token["kind"], text: string, length = text.length): void => {
    tokens.push({ kind, text, line });
    advance(length);
  };
  const template = (): void => {
    const part = take(TEMPLATE_PART);
    if (part === null) return advance(source.length - at);
    push("string", part[0].slice(0, -(part[1] ?? "").length), part[0].length);
    if (part[1] === "${") templates.push(0);
  };

  while (at < source.length) {
    const space = take(SPACE);
    if (space !== null) {
      advance(space[0].length);
      continue;
    }
    const char = source[at] ?? "";
    const depth = templates.at(-1);
    const word = take(NAME);
    const number = take(NUMBER);
    const text = char === '"' || char === "'" ? take(STRING) : null;
    const regex = char === "/" && valueMayFollow(tokens.at(-1)) ? take(REGEX) : null;
    if (word !== null) push("name", word[0]);
    else if (number !== null) push("number", number[0]);
    else if (text !== null) push("string", text[0].slice(1, -1), text[0].length);
    else if (regex !== null) push("regex", regex[0]);
    else if (char === "`") {
      advance(1);
      template();
    } else if (char === "}" && depth === 0) {
      templates.pop();
      advance(1);
      template();
    } else {
      if (depth !== undefined && char === "{") templates[templates.length - 1] = depth + 1;
      if (depth !== undefined && char === "}") templates[templates.length - 1] = depth - 1;
      push("punctuation", char);
    }
  }
  return tokens;
}

function valueMayFollow(before: Token | undefined): boolean {
  if (before === undefined) return true;
  if (before.kind === "name") return BEFORE_VALUE.has(before.text);
  return before.kind === "punctuation" && !")]}".includes(before.text);
}
