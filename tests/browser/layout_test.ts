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
