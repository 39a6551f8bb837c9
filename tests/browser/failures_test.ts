/// <reference lib="dom" />
import { assertEquals } from "@std/assert";
import { ServerProcess } from "../support/server_process.ts";
import { browserTest } from "./browser.ts";
import { ChatPage } from "./chat_page.ts";
import { Place } from "./place.ts";

/** What a browser says on its console of a request that fails. */
const FAILED = /ERR_FAILED|ERR_CONNECTION_REFUSED|WebSocket connection/;

browserTest(
  "a thread that cannot be deleted is kept with all that waits in it",
  async (browser) => {
    await using place = new Place();
    await place.open();
    const profile = await browser.profile();
    const chat = await ChatPage.signIn(profile, place.address);
    await chat.say("/count 2 1");
    await chat.answered();
    await chat.button("Rename /count 2 1").waitFor();
    await place.server.kill();
    await chat.status("Reconnecting");
    await chat.say("/count 3 1");
    await chat.shows("Not sent yet");
    await chat.message.fill("half a thought");
    await chat.button("Delete /count 2 1").press("Enter");
    await chat.button("Delete thread").click();
    await chat.alerts("/count 2 1 is not deleted. The server cannot be reached.");

    await place.open();
    assertEquals(await chat.answered(2), "1 2 3");
    assertEquals(await chat.message.inputValue(), "half a thought");
    await chat.button("Delete /count 2 1").press("Enter");
    await chat.button("Delete thread").click();
    await chat.questions.first().waitFor({ state: "detached" });
    assertEquals(await chat.page.getByRole("alert").count(), 0);
    profile.assertQuiet(place.address, FAILED);
  },
);

browserTest("a title that cannot be kept is told, and the old one is back", async (browser) => {
  await using server = await ServerProcess.start();
  const profile = await browser.profile();
  const chat = await ChatPage.signIn(profile, server.address);
  await chat.say("/count 2 1");
  await chat.answered();
  await chat.button("Rename /count 2 1").waitFor();
  await profile.context.route(/\/api\/threads/, (route) => route.abort());
  await chat.button("Rename /count 2 1").press("Enter");
  await chat.page.getByRole("textbox", { name: "Title" }).fill("Lost");
  await chat.page.keyboard.press("Enter");
  await chat.alerts("Lost is not kept as a title. The server cannot be reached.");
  await chat.button("Rename /count 2 1").waitFor();
  profile.assertQuiet(server.address, FAILED);
});

browserTest("a search says where older threads were not searched", async (browser) => {
  await using server = await ServerProcess.start();
  const profile = await browser.profile();
  const time = new Date().toISOString();
  const pageOf = (title: string, nextCursor: string | null) => {
    const thread = { id: title, title, createdAt: time, updatedAt: time, headSeq: 1 };
    return { threads: [{ ...thread, activeRun: null }], nextCursor };
  };
  let isAway = true;
  await profile.context.route(/\/api\/threads\?/, (route) => {
    if (!route.request().url().includes("cursor")) {
      return route.fulfill({ json: pageOf("new", "2") });
    }
    return isAway ? route.abort() : route.fulfill({ json: pageOf("old", null) });
  });
  const chat = await ChatPage.signIn(profile, server.address);
  const search = chat.page.getByRole("searchbox");
  await search.fill("old");
  await chat.threads.getByText("No thread of that name among those shown.").waitFor();
  const older = chat.button("Show older threads");
  await older.press("Enter");
  await chat.alerts("Show older threads did not work. The server cannot be reached.");
  isAway = false;
  await older.press("Enter");
  await chat.focused(/^old/);
  assertEquals(await chat.page.getByRole("alert").count(), 0);
  await search.fill("neither");
  await chat.threads.getByText("No thread of that name.", { exact: true }).waitFor();
  profile.assertQuiet(server.address, FAILED);
});

browserTest(
  "a refused message is told, and comes back behind what is typed, twice the same too",
  async (browser) => {
    await using server = await ServerProcess.start();
    const profile = await browser.profile();
    const chat = await ChatPage.signIn(profile, server.address);
    await chat.page.evaluate(() => {
      const threadId = location.hash.slice(1);
      const item = { threadId, text: "/count 3 1", atMs: Date.now(), refusal: "It was too much." };
      const items = ["m1", "m2", "m3"].map((id) => ({ ...item, id }));
      localStorage.setItem("drawbridge:unsent:Ada", JSON.stringify(items));
    });
    await chat.page.reload();
    await chat.alerts("Not sent. It was too much.");
    for (const answers of [1, 2]) {
      await chat.button("Edit").first().click();
      await chat.focused("Message");
      assertEquals(await chat.message.inputValue(), "/count 3 1");
      await chat.message.press("Enter");
      assertEquals(await chat.answered(answers), "1 2 3");
    }
    await chat.message.fill("half a thought");
    await chat.button("Edit").click();
    const both = "half a thought\n\n/count 3 1";
    const isBoth = async () => await chat.message.inputValue() === both || undefined;
    await chat.sees(isBoth, "what was typed and the message");
    await chat.page.reload();
    await chat.message.waitFor();
    assertEquals(await chat.message.inputValue(), both);
    profile.assertQuiet(server.address);
  },
);

browserTest("a message that is too long is told while it is written", async (browser) => {
  await using server = await ServerProcess.start();
  const profile = await browser.profile();
  const chat = await ChatPage.signIn(profile, server.address);
  await chat.message.fill("x".repeat(1_000_000));
  await chat.status("The message is too long to send.");
  await chat.message.fill("x");
  const told = chat.page.getByRole("status").filter({ hasText: "too long" });
  await told.waitFor({ state: "detached" });
  profile.assertQuiet(server.address);
});

browserTest("a browser whose storage is full signs in and talks", async (browser) => {
  await using server = await ServerProcess.start();
  const script = `Storage.prototype.setItem = () => {
    throw new DOMException("It is full", "QuotaExceededError");
  };`;
  const profile = await browser.profile({ script });
  const chat = await ChatPage.signIn(profile, server.address);
  await chat.say("/count 3 1");
  assertEquals(await chat.answered(), "1 2 3");
  profile.assertQuiet(server.address);
});
