/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
import { assertEquals } from "@std/assert";
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
