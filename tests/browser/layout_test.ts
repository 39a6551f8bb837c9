/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
import { assert, assertEquals, assertLess } from "@std/assert";
import { ServerProcess } from "../support/server_process.ts";
import { browserTest } from "./browser.ts";
import { ChatPage } from "./chat_page.ts";

/** So many lines that no screen holds them. */
const LONG = Array.from({ length: 120 }, (_, index) => `Line ${index + 1}`).join("\n");

browserTest("whatever is scrolled to in a long thread, the page itself stays", async (browser) => {
  await using server = await ServerProcess.start();
  const profile = await browser.profile();
  const chat = await ChatPage.signIn(profile, server.address);
  await chat.say(LONG);
  await chat.answered();
  await chat.say("/count 2 1");
  await chat.answered(2);
  const scrolled = await chat.page.evaluate(() => {
    for (const heading of document.querySelectorAll("h2")) heading.scrollIntoView();
    const { scrollTop, scrollHeight, clientHeight } = document.documentElement;
    return { scrollTop, further: scrollHeight - clientHeight };
  });
  assertEquals(scrolled, { scrollTop: 0, further: 0 });
  profile.assertQuiet(server.address);
});

browserTest("what is written from right to left is shown so, and code is not", async (browser) => {
  await using server = await ServerProcess.start();
  const profile = await browser.profile();
  const chat = await ChatPage.signIn(profile, server.address);
  const said = "שלום";
  const blocks = ["# A", "A `x`", "- A", "1. A", "> A", "| A |\n| --- |\n| A |"].join("\n\n");
  await chat.say(`${blocks.replaceAll("A", said)}\n\n\`\`\`\n${said}\n\`\`\`\n\nEnglish`);
  await chat.answered();
  await chat.message.fill(said);
  await chat.button(`Rename # ${said}`).press("Enter");
  const directions = (selector: string): Promise<string[]> =>
    chat.page.evaluate((found) => {
      const elements = [...document.querySelectorAll(found)];
      return elements.map((element) =>
        `${element.tagName.toLowerCase()} ${getComputedStyle(element).direction}`
      );
    }, selector);
  assertEquals(await directions(".prose :is(h3, ul, ol, blockquote, table, figure, code)"), [
    ...["code ltr", "h3 rtl", "code ltr", "ul rtl", "ol rtl", "blockquote rtl", "table rtl"],
    ...["figure ltr", "code ltr"],
  ]);
  assertEquals(await directions(".question p, .prose > p"), ["p rtl", "p ltr"]);
  assertEquals(await directions("h1, textarea, [aria-label=Title]"), [
    ...["input rtl", "h1 rtl", "textarea rtl"],
  ]);
  await chat.page.keyboard.press("Escape");
  assertEquals(await directions(".thread-title"), ["span rtl"]);
  profile.assertQuiet(server.address);
});

browserTest("a long draft leaves room for the conversation on a short screen", async (browser) => {
  await using server = await ServerProcess.start();
  const profile = await browser.profile({ viewport: { width: 640, height: 300 } });
  const chat = await ChatPage.signIn(profile, server.address);
  await chat.message.fill(LONG);
  const [field, conversation] = [
    await chat.message.boundingBox(),
    await chat.conversation.boundingBox(),
  ];
  assert(field !== null && conversation !== null);
  assertLess(field.height, conversation.height * 1.5);
  profile.assertQuiet(server.address);
});

browserTest(
  "the field is as high as its text in a window that becomes narrower",
  async (browser) => {
    await using server = await ServerProcess.start();
    const profile = await browser.profile();
    const chat = await ChatPage.signIn(profile, server.address);
    await chat.message.fill("some words of a long thought ".repeat(6));
    const hidden = (): Promise<number> =>
      chat.message.evaluate(({ scrollHeight, clientHeight }) => scrollHeight - clientHeight);
    assertEquals(await hidden(), 0);
    await chat.page.setViewportSize({ width: 400, height: 800 });
    await chat.sees(
      async () => await hidden() === 0 || undefined,
      "a field that shows all of its text",
    );
    profile.assertQuiet(server.address);
  },
);
