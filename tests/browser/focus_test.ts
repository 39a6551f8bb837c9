/// <reference lib="dom" />
import { assertEquals } from "@std/assert";
import { ServerProcess } from "../support/server_process.ts";
import { browserTest } from "./browser.ts";
import { ChatPage } from "./chat_page.ts";

/** So many lines that no screen holds them, and no message shows them all at first. */
const LONG = Array.from({ length: 300 }, (_, index) => `Line ${index + 1}`).join("\n");

browserTest("the focus stays in a conversation when what had it goes away", async (browser) => {
  await using server = await ServerProcess.start();
  const profile = await browser.profile();
  const chat = await ChatPage.signIn(profile, server.address);
  const { page } = chat;
  await page.getByRole("button", { name: "/help" }).press("Enter");
  await chat.focused("Message");
  await chat.answered();

  await chat.say("/count 1000 40");
  await chat.answers.nth(1).getByText(/\b3\b/).waitFor();
  await chat.button("Stop").press("Enter");
  await chat.shows("Stopped.");
  await chat.focused("Message");

  await chat.button("Regenerate").press("Enter");
  await chat.focused("Conversation");
  await chat.page.getByRole("article", { name: "Agent, answering" }).getByText(/\b3\b/).waitFor();
  await page.keyboard.press("Escape");
  await chat.button("Earlier answer").press("Enter");
  await chat.shows("1 of 2");
  await chat.focused("Earlier answer");
  // It is the earliest: nothing more happens.
  await page.keyboard.press("Enter");
  await chat.shows("1 of 2");

  await chat.say(LONG);
  await chat.answered(3);
  await chat.button("Show all").press("Enter");
  await chat.focused("Show less");
  await chat.conversation.evaluate((element) => element.scrollTop = 0);
  await chat.button("Jump to latest").press("Enter");
  await chat.button("Jump to latest").waitFor({ state: "detached" });
  await chat.focused("Message");
  profile.assertQuiet(server.address);
});

browserTest(
  "the focus stays in the list of threads when what had it goes away",
  async (browser) => {
    await using server = await ServerProcess.start();
    const profile = await browser.profile();
    const chat = await ChatPage.signIn(profile, server.address);
    const { page } = chat;
    const dialog = page.getByRole("dialog");
    for (const text of ["/count 2 1", "/count 3 1"]) {
      await chat.button("New thread").click();
      await chat.say(text);
      await chat.answered();
      // Until the list has been read anew there is nothing to rename.
      await chat.button(`Rename ${text}`).waitFor();
    }
    const remove = chat.button("Delete /count 2 1");
    await remove.press("Enter");
    await dialog.waitFor();
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    await chat.focused("Delete /count 2 1");
    await remove.press("Enter");
    await chat.button("Delete thread").press("Enter");
    await remove.waitFor({ state: "detached" });
    await chat.focused(/^\/count 3 1/);
    profile.assertQuiet(server.address);
  },
);

browserTest("a title is kept by leaving its field, which takes no focus back", async (browser) => {
  await using server = await ServerProcess.start();
  const profile = await browser.profile();
  const chat = await ChatPage.signIn(profile, server.address);
  await chat.say("/count 2 1");
  await chat.answered();
  const title = chat.page.getByRole("textbox", { name: "Title" });
  await chat.button("Rename /count 2 1").press("Enter");
  await title.fill("Kept");
  await chat.message.click();
  await chat.threads.getByText("Kept").waitFor();
  await chat.focused("Message");

  await chat.button("Rename Kept").press("Enter");
  await title.fill("Given up");
  await chat.page.keyboard.press("Escape");
  await chat.focused("Rename Kept");
  await chat.page.reload();
  await chat.threads.getByText("Kept").waitFor();
  profile.assertQuiet(server.address);
});

browserTest("Escape in the search of threads stops no answer", async (browser) => {
  await using server = await ServerProcess.start();
  const profile = await browser.profile();
  const chat = await ChatPage.signIn(profile, server.address);
  await chat.say("/count 1000 40");
  await chat.answers.getByText(/\b3\b/).waitFor();
  const search = chat.page.getByRole("searchbox");
  await search.fill("count");
  await search.press("Escape");
  await chat.answers.getByText(/\b15\b/).waitFor();
  assertEquals(await chat.ended.count(), 0);
  await chat.message.press("Escape");
  await chat.shows("Stopped.");
  profile.assertQuiet(server.address);
});

browserTest(
  "who signs out leaves neither title nor address, and can type a name",
  async (browser) => {
    await using server = await ServerProcess.start();
    const profile = await browser.profile();
    const chat = await ChatPage.signIn(profile, server.address);
    await chat.say("/count 2 1");
    await chat.answered();
    await chat.page.waitForFunction(() => document.title.startsWith("/count"));
    await chat.button("Sign out").click();
    await chat.focused("Your name");
    assertEquals(await chat.page.title(), "Drawbridge");
    assertEquals(new URL(chat.page.url()).hash, "");
    profile.assertQuiet(server.address);
  },
);
