import { assertEquals } from "@std/assert";
import { ServerProcess } from "../support/server_process.ts";
import { browserTest, type TestBrowser } from "./browser.ts";
import { ChatPage } from "./chat_page.ts";

/** A phone whose owner has said something, with the threads shown. */
async function openDrawer(browser: TestBrowser, server: ServerProcess): Promise<ChatPage> {
  const profile = await browser.profile({ viewport: { width: 390, height: 800 } });
  const chat = await ChatPage.signIn(profile, server.address);
  // A drawer that slides is shown later than one that does not.
  await chat.page.emulateMedia({ reducedMotion: "no-preference" });
  await chat.say("/count 2 1");
  await chat.answered();
  await chat.button("Show threads").press("Enter");
  await chat.focused("Hide threads");
  return chat;
}

browserTest(
  "the drawer takes the focus, and gives it back however it is closed",
  async (browser) => {
    await using server = await ServerProcess.start();
    const chat = await openDrawer(browser, server);
    const { keyboard } = chat.page;
    await chat.button("Hide threads").click();
    await chat.focused("Show threads");
    await keyboard.press("Enter");
    await chat.focused("Hide threads");
    await keyboard.press("Escape");
    await chat.focused("Show threads");
    await chat.threads.waitFor({ state: "hidden" });
  },
);

browserTest("a dialog of the drawer closes alone, and gives the focus back", async (browser) => {
  await using server = await ServerProcess.start();
  const chat = await openDrawer(browser, server);
  for (const key of ["Escape", "Enter"]) {
    await chat.threads.getByRole("button", { name: /^Delete/ }).press("Enter");
    await chat.focused("Keep it");
    await chat.page.keyboard.press(key);
    await chat.page.getByRole("dialog").waitFor({ state: "detached" });
    assertEquals(await chat.threads.isVisible(), true);
    await chat.focused(/^Delete/);
  }
});

browserTest(
  "the drawer closes where the window grows, and leaves the page to its reader",
  async (browser) => {
    await using server = await ServerProcess.start();
    const chat = await openDrawer(browser, server);
    await chat.page.setViewportSize({ width: 1_200, height: 800 });
    await chat.message.fill("still here");
    await chat.message.press("Enter");
    await chat.answered(2);
  },
);
