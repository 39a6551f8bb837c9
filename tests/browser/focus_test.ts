/// <reference lib="dom" />
import { ServerProcess } from "../support/server_process.ts";
import { browserTest } from "./browser.ts";
import { ChatPage } from "./chat_page.ts";

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
