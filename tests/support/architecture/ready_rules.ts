/**
 * Rules that close the one hole of the nominal `Ready`: a cast. Each takes the path and the text
 * and returns its violations as sentences.
 *
 * @module
 */
import { type Token, tokenize } from "./tokens.ts";

/** Words that a type goes on after. */
const TYPE_OPERATORS = new Set(["readonly", "typeof", "keyof", "unique", "infer", "extends", "is"]);

/**
 * The names of all types that hold a `Ready`, in a member or at any remove: whoever casts to one of
 * them has cast to `Ready`.
 */
export function typesThatHoldReady(sources: Iterable<string>): Set<string> {
  const bodies = [...sources].flatMap((source) => declarations(tokenize(source)));
  const holding = new Set(["Ready"]);
  for (let size = 0; size !== holding.size;) {
    size = holding.size;
    for (const [name, words] of bodies) {
      if (words.some((word) => holding.has(word))) holding.add(name);
    }
  }
  return holding;
}

/** Each `type` and `interface` of a module, with the words of its body. */
function declarations(tokens: readonly Token[]): [name: string, words: string[]][] {
  return tokens.flatMap((token, index): [string, string[]][] => {
    const name = tokens[index + 1];
    const after = tokens[index + 2]?.text ?? "";
    if (token.kind !== "name" || name?.kind !== "name") return [];
    const isType = token.text === "type" && "=<".includes(after);
    const isInterface = token.text === "interface" && ("{<".includes(after) || after === "extends");
    if (!isType && !isInterface) return [];
    const words: string[] = [];
    let depth = 0;
    for (const { text, kind } of tokens.slice(index + 2)) {
      if (kind === "punctuation" && text === "{") depth++;
      if (kind === "punctuation" && text === "}") depth--;
      words.push(text);
      if (depth === 0 && text === (isType ? ";" : "}")) break;
    }
    return [[name.text, words]];
  });
}

/** Nobody casts a value into a `Ready`, into a type that holds one, or hides it behind another name. */
export function readyIsNeverCast(
  path: string,
  source: string,
  holding: ReadonlySet<string> = new Set(["Ready"]),
): string[] {
  const tokens = tokenize(source);
  return tokens.flatMap((token, index) => {
    const at = `${path}:${token.line}`;
    const before = tokens[index - 1];
    const after = tokens[index + 1];
    if (token.text === "Ready" && after?.text === "as") return [`${at} renames Ready`];
    if (token.kind === "name" && token.text === "as" && before?.text !== ".") {
      const type = typeAfter(tokens, index + 1);
      if (type.some((word) => holding.has(word))) return [`${at} casts to ${type.join("")}`];
      // A `never` inside of a larger type yields no value; an `any` inside may yield a Ready.
      const passes = type.includes("any") || type.join("") === "never";
      return passes ? [`${at} casts to ${type.join("")}, which is assignable to Ready`] : [];
    }
    const isOperand = before === undefined || before.text === "return" ||
      (before.kind === "punctuation" && "=(,[:?&|;{}>".includes(before.text));
    const isAngleCast = token.kind === "punctuation" && token.text === "<" && isOperand;
    return isAngleCast && holding.has(after?.text ?? "") ? [`${at} casts to ${after?.text}`] : [];
  });
}

/** The words of the type that starts at `index`, as far as it goes. */
function typeAfter(tokens: readonly Token[], index: number): string[] {
  const words: string[] = [];
  let depth = 0;
  for (let i = index; i < tokens.length; i++) {
    const token = tokens[i];
    if (token === undefined) break;
    const isMark = token.kind === "punctuation";
    const isArrow = isMark && `${token.text}${tokens[i + 1]?.text}` === "=>";
    const endsArrow = isMark && `${tokens[i - 1]?.text}${token.text}` === "=>";
    const closes = isMark && ">}])".includes(token.text) && !endsArrow;
    if (depth === 0) {
      if (closes || (isMark && !isArrow && ";,=?:+-*/!".includes(token.text))) break;
      if (!isMark && words.length > 0 && isComplete(tokens, i - 1)) break;
    }
    if (isMark && "<{[(".includes(token.text)) depth++;
    if (closes) depth--;
    words.push(token.text);
  }
  return words;
}

/** Whether a type may end with the token at `index`. */
function isComplete(tokens: readonly Token[], index: number): boolean {
  const token = tokens[index];
  if (token === undefined) return false;
  if (token.kind !== "punctuation") return !TYPE_OPERATORS.has(token.text);
  return ")]}".includes(token.text) || (token.text === ">" && tokens[index - 1]?.text !== "=");
}

/** `Ready` is nominal, and its class does not leave its module: only the type does. */
export function readyIsMintedInOnePlace(path: string, source: string): string[] {
  const text = ` ${tokenize(source).map((token) => token.text).join(" ")} `;
  const violations: string[] = [];
  if (/ export (default |abstract )*class Ready /.test(text)) {
    violations.push("exports class Ready");
  }
  if (/ export default Ready /.test(text)) violations.push("exports Ready as a value");
  for (const [, list = ""] of text.matchAll(/ export \{ ([^}]*)\}/g)) {
    if (list.split(" , ").some((name) => /^Ready( |$)/.test(name.trim()))) {
      violations.push("exports Ready as a value; export its type");
    }
  }
  if (/ export (const|let|var) [\w$]+ (: [^=]* )?= Ready [;,]/.test(text)) {
    violations.push("exports Ready under another name");
  }
  const body = / class Ready (?:[^{]*?)\{(.*)/.exec(text)?.[1];
  if (body !== undefined && !/^ (readonly )?#|[;{}] (readonly )?#[\w$]+ [;:=!]/.test(body)) {
    violations.push("declares Ready without a #private field: any object of its shape would do");
  }
  if (body === undefined && / new Ready [(<]/.test(text)) {
    violations.push("makes a Ready of its own");
  }
  return violations.map((violation) => `${path} ${violation}`);
}
