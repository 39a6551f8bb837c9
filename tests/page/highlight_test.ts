import { assert, assertEquals } from "@std/assert";
import { highlight } from "../../routes/page/app/markdown/highlight.ts";

const SAMPLES: Record<string, string> = {
  ts: 'const a: number = 1; // note\nconsole.log(`x ${a}`, "s");',
  python: "def f(x):\n    return f'{x}' # note",
  rust: 'fn main() { println!("x"); }',
  sh: 'echo "$HOME" | grep x # note',
  json: '{"a": [1, true, null]}',
  html: '<p class="a">x</p>\n<style>p { color: red }</style>\n<script>let a = 1;</script>',
  yml: "a: 1 # note",
  diff: "- a\n+ b",
  sql: "SELECT * FROM a WHERE b = 'c';",
};

for (const [language, code] of Object.entries(SAMPLES)) {
  Deno.test(`highlight colours ${language} and changes no character`, () => {
    const pieces = highlight(code, language);
    assert(pieces !== null);
    assertEquals(pieces.map(({ text }) => text).join(""), code);
    assert(pieces.some(({ kind }) => kind !== undefined));
  });
}

Deno.test("highlight leaves alone what it does not know or what would take long", () => {
  assertEquals(highlight("x", "klingon"), null);
  assertEquals(highlight("x", "constructor"), null);
  assertEquals(highlight("let a;\n".repeat(2_000), "ts"), null);
  assertEquals(highlight("a".repeat(1_000), "ts"), null);
});
