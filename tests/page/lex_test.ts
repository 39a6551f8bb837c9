import { assert, assertEquals } from "@std/assert";
import fc from "npm:fast-check@^4.10.2";
import { lex, type Node } from "../../routes/page/app/markdown/lex.ts";
import { safeHref } from "../../routes/page/app/markdown/links.ts";
import { decodeEntities } from "../../routes/page/app/markdown/entities.ts";

/** All nodes, those inside others too. */
function* all(nodes: readonly Node[]): Generator<Node> {
  for (const node of nodes) {
    yield node;
    if ("children" in node) yield* all(node.children);
    if (node.kind === "table") {
      for (const cell of [...node.head, ...node.rows.flat()]) yield* all(cell);
    }
  }
}

function textOf(markdown: string): string {
  return [...all(lex(markdown))].map((node) => "text" in node ? node.text : "").join("");
}

function linksOf(markdown: string): string[] {
  return [...all(lex(markdown))].flatMap((node) => node.kind === "link" ? [node.href] : []);
}

Deno.test("lex reads what answers are made of", () => {
  assertEquals(lex("**a** and `b`"), [{
    kind: "element",
    tag: "p",
    children: [
      { kind: "element", tag: "strong", children: [{ kind: "text", text: "a" }] },
      { kind: "text", text: " and " },
      { kind: "inline-code", text: "b" },
    ],
  }]);
  assertEquals(lex("3. x").map((node) => node.kind === "list" && node.start), [3]);
  const [table] = lex("| a | b |\n|:-:|--:|\n| 1 | 2 |");
  assert(table?.kind === "table");
  assertEquals([table.align, table.head.length, table.rows.length], [["center", "right"], 2, 1]);
  assertEquals([...all(lex("- [x] done"))].some((node) => node.kind === "checkbox"), true);
});

for (
  const html of [
    "<script>alert(1)</script>",
    '<img src="https://canary.test/a.png" onerror="alert(1)">',
    "text <iframe src=x></iframe> text",
    "<style>body{display:none}</style>",
    "<form action=https://canary.test><button>",
    "| a |\n|---|\n| <svg onload=alert(1)> |",
    "<!-- comment --> <?php ?> <![CDATA[x]]>",
  ]
) {
  Deno.test(`HTML is text: ${html.slice(0, 24)}`, () => {
    const shown = textOf(html);
    for (const tag of html.match(/<\w+[^>]*>/g) ?? []) assert(shown.includes(tag), shown);
    assertEquals(linksOf(html), []);
  });
}

Deno.test("a line break is the one tag that is understood", () => {
  const nodes = [...all(lex("| a |\n|---|\n| x<br>y |"))];
  assertEquals(nodes.filter(({ kind }) => kind === "break").length, 1);
});

for (
  const address of [
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "&#106;avascript:alert(1)",
    "java&#10;script:alert(1)",
    " javascript:alert(1)",
    "data:text/html,x",
    "vbscript:x",
    "file:///etc/passwd",
    "blob:https://example.com/x",
    "//canary.test/x",
    "/relative",
    "#here",
  ]
) {
  Deno.test(`a link to ${address} is text`, () => {
    assertEquals(linksOf(`[x](<${address}>) [x](${address}) ![x](${address})`), []);
  });
}

Deno.test("a link of http, https or mailto is a link, and an image is no more than one", () => {
  assertEquals(
    linksOf(
      "[a](https://example.com/x?y=1&amp;z=2) <mailto:a@example.com> ![i](http://example.com)",
    ),
    ["https://example.com/x?y=1&z=2", "mailto:a@example.com", "http://example.com/"],
  );
  assert(textOf("![A gate](https://example.com/a.png)").includes("Image: A gate"));
});

Deno.test("whatever the text, no node but a link leads anywhere, and that only where it may", () => {
  const piece = fc.constantFrom(
    ..."<>[]()!*_`~|#&;:\\/\n -1a",
    "javascript:",
    "&#x6a;",
    "https://e.x",
    "<img src=",
    "\n\n",
  );
  fc.assert(fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
    for (const node of all(lex(pieces.join("")))) {
      if (node.kind === "link") assert(/^(https?|mailto):/.test(node.href), node.href);
    }
  }));
});

Deno.test("quotes inside quotes without end are text, not a stack without end", () => {
  const shown = textOf(`${">".repeat(3_000)} deep`);
  assert(shown.includes("deep"));
  assert([...all(lex("> ".repeat(40) + "x"))].length < 25);
});

Deno.test("safeHref gives the address as a browser reads it", () => {
  assertEquals(safeHref("HTTPS://Example.com/a b"), "https://example.com/a%20b");
  assertEquals(safeHref("java\nscript:alert(1)"), null);
  assertEquals(safeHref("mailto:a@example.com"), "mailto:a@example.com");
});

Deno.test("decodeEntities knows names and numbers, and leaves the rest", () => {
  assertEquals(
    decodeEntities("&lt;b&gt; &amp; &#65;&#x42; &nope; &constructor; a&b"),
    "<b> & AB &nope; &constructor; a&b",
  );
  assertEquals(decodeEntities("&#0;&#xd800;&#9999999;"), "\ufffd\ufffd\ufffd");
});
