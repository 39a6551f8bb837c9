import { assert, assertEquals } from "@std/assert";
import { type Block, BlockSplitter } from "../../routes/page/app/markdown/blocks.ts";
import { BlockGroups, type Group } from "../../routes/page/app/markdown/groups.ts";
import { isCheap } from "../../routes/page/app/markdown/cost.ts";

function blocksOf(...versions: string[]): Block[] {
  const splitter = new BlockSplitter();
  for (const text of versions) splitter.update(text);
  return [...splitter.settled, ...(splitter.open === null ? [] : [splitter.open])];
}

function markdown(text: string): Block {
  return { kind: "markdown", text };
}

function code(text: string, language = ""): Block {
  return { kind: "code", language, text };
}

const RICH = [
  "# Title",
  "A paragraph",
  "of two lines.",
  "",
  "- one",
  "",
  "- two",
  "",
  "  more of two",
  "",
  "```ts",
  "const a = 1;",
  "",
  "const b = 2;",
  "```",
  "after",
].join("\n");

Deno.test("BlockSplitter cuts at blank lines, headings and fences", () => {
  assertEquals(blocksOf(RICH), [
    markdown("# Title\nA paragraph\nof two lines.\n"),
    markdown("- one\n\n- two\n\n  more of two\n"),
    code("const a = 1;\n\nconst b = 2;", "ts"),
    markdown("after"),
  ]);
});

Deno.test("BlockSplitter gives the same blocks however the text arrives", () => {
  const whole = blocksOf(RICH);
  for (const step of [1, 2, 3, 7, 50]) {
    const versions = [];
    for (let end = step; end < RICH.length; end += step) versions.push(RICH.slice(0, end));
    assertEquals(blocksOf(...versions, RICH), whole, `by ${step}`);
  }
});

Deno.test("BlockSplitter never changes a block that is settled", () => {
  const splitter = new BlockSplitter();
  const seen: Block[] = [];
  for (let end = 1; end <= RICH.length; end++) {
    assert(!splitter.update(RICH.slice(0, end)));
    seen.forEach((block, at) => assert(splitter.settled[at] === block, `block ${at}`));
    seen.push(...splitter.settled.slice(seen.length));
  }
});

Deno.test("BlockSplitter begins anew where the text is another", () => {
  const splitter = new BlockSplitter();
  splitter.update("one\n\ntwo\n\nthree");
  assert(splitter.update("other\n\ntext\n"));
  assertEquals([...splitter.settled, splitter.open], [markdown("other\n"), markdown("text")]);
});

Deno.test("BlockSplitter shows code from its opening fence on, without the fence", () => {
  assertEquals(blocksOf("text\n```py\n"), [markdown("text"), code("", "py")]);
  assertEquals(blocksOf("```py\nx = 1\ny"), [code("x = 1\ny", "py")]);
  assertEquals(blocksOf("```py\nx = 1\n```"), [code("x = 1", "py")]);
});

Deno.test("BlockSplitter ends code only at a fence as long, of the same kind and alone", () => {
  assertEquals(blocksOf("````\n```\n~~~~\n```` x\n````\nend"), [
    code("```\n~~~~\n```` x"),
    markdown("end"),
  ]);
});

Deno.test("BlockSplitter leaves a fence inside a list to the list", () => {
  assertEquals(blocksOf("- item\n  ```\n  code\n  ```\n\nafter\n"), [
    markdown("- item\n  ```\n  code\n  ```\n"),
    markdown("after"),
  ]);
});

Deno.test("BlockSplitter takes the indent of a fence off its code", () => {
  assertEquals(blocksOf("  ```\n  a\n    b\n c\n  ```\n"), [code("a\n  b\nc")]);
});

Deno.test("BlockSplitter cuts what grows too long, and code stays code", () => {
  const list = blocksOf("- item\n".repeat(5_000));
  assert(list.length > 3);
  assert(list.every(({ kind, text }) => kind === "markdown" && text.length < 11_000));
  const long = blocksOf(`\`\`\`\n${"line of code\n".repeat(10_000)}`);
  assert(long.length > 3 && long.every(({ kind }) => kind === "code"));
});

Deno.test("BlockSplitter cuts a line without end, the same way however it arrives", () => {
  const text = `${"😀".repeat(20_000)}\nafter\n`;
  const blocks = blocksOf(text);
  assert(blocks.length > 3 && blocks.every((block) => block.text.length <= 12_010));
  assert(blocks.every((block) => block.text.isWellFormed()));
  assertEquals(
    blocks.map((block) => block.text).join("").replaceAll("\n", ""),
    text.replaceAll("\n", ""),
  );
  const versions = [];
  for (let end = 5_000; end < text.length; end += 5_000) versions.push(text.slice(0, end));
  assertEquals(blocksOf(...versions, text), blocks);
});

Deno.test("BlockGroups fill up, and only the last of them changes", () => {
  const settled: Block[] = [];
  const groups = new BlockGroups();
  let before: readonly Group[] = [];
  for (let at = 0; at < 500; at++) {
    settled.push(markdown(`paragraph ${at}`));
    groups.update(settled);
    before.slice(0, -1).forEach((group, index) => assert(groups.groups[index] === group));
    assert(groups.groups.at(-1) !== before.at(-1));
    before = [...groups.groups];
  }
  assertEquals(groups.groups.flat(), settled);
  assert(groups.groups.length > 5 && groups.groups.every(({ length }) => length <= 61));
  groups.clear();
  groups.update(settled.slice(0, 1));
  assertEquals(groups.groups, [[settled[0]!]]);
});

Deno.test("BlockGroups counts what is shown at once by lines, and shows one group at least", () => {
  const groups = new BlockGroups();
  groups.update(Array.from({ length: 20 }, () => markdown("- item\n".repeat(300))));
  assertEquals([groups.groups.length, groups.within(1_000), groups.within(1)], [20, 3, 1]);
  assertEquals(groups.within(1e9), 20);
  const code20 = new BlockGroups();
  code20.update(Array.from({ length: 20 }, () => code("line\n".repeat(300))));
  assertEquals(code20.within(1_000), code20.groups.length);
});

Deno.test("BlockSplitter loses nothing of a text", () => {
  const text = "a\n\n\n  b\n# c\n\td\n- e\n\n\n f\n";
  const joined = blocksOf(text).map((block) => block.text).join("\n");
  assertEquals(joined.match(/\w/g), text.match(/\w/g));
});

Deno.test("a block that would take long to read is shown as it is", () => {
  const [block] = blocksOf("[".repeat(5_000));
  assertEquals(block?.kind, "plain");
});

Deno.test("isCheap refuses length, marks and depth, and takes what people write", () => {
  assert(isCheap("A *normal* [text](https://example.com). ".repeat(50)));
  assert(isCheap(`${"-".repeat(80)}\n${"word ".repeat(400)}`));
  assert(!isCheap("x".repeat(13_000)));
  assert(!isCheap("**a".repeat(2_000)));
  assert(!isCheap(`text\n${"> ".repeat(12)}`));
  assert(!isCheap("1. ".repeat(12)));
});
