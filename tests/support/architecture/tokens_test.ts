import { assertEquals } from "@std/assert";
import { tokenize } from "./tokens.ts";

const texts = (source: string): string[] => tokenize(source).map(({ text }) => text);
const names = (source: string): string[] =>
  tokenize(source).filter(({ kind }) => kind === "name").map(({ text }) => text);

Deno.test("tokenize drops comments and keeps lines", () => {
  assertEquals(tokenize("// Deno.env\n/* Deno\n*/ open"), [{
    kind: "name",
    text: "open",
    line: 3,
  }]);
});

Deno.test("tokenize takes no string's inside for code", () => {
  assertEquals(names(`a("Deno.env", 'it\\'s Deno')`), ["a"]);
});

Deno.test("tokenize reads the code inside of a template, however deep", () => {
  assertEquals(names("`Deno ${a({ b: `x ${c} y` })} \\${d} $e`; f"), ["a", "b", "c", "f"]);
});

Deno.test("tokenize takes no expression for a comment or a string", () => {
  assertEquals(names('a = /["`/*]Deno\\/[/]/u; b'), ["a", "b"]);
  assertEquals(names("if (x) return /'/.test(y)"), ["if", "x", "return", "test", "y"]);
});

Deno.test("tokenize divides after a value", () => {
  assertEquals(texts("a / b / c"), ["a", "/", "b", "/", "c"]);
  assertEquals(texts("f(x) / 2"), ["f", "(", "x", ")", "/", "2"]);
});

Deno.test("tokenize reads an apostrophe that ends nowhere as a mark", () => {
  assertEquals(names("<p>it's here</p>\nnext"), ["p", "it", "s", "here", "p", "next"]);
});

Deno.test("tokenize reads a private name as one", () => {
  assertEquals(texts("this.#mint"), ["this", ".", "#mint"]);
});
