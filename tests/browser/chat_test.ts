/// <reference lib="dom" />
import { assert, assertEquals, assertLess, assertMatch } from "@std/assert";
import { ServerProcess } from "../support/server_process.ts";
import { browserTest } from "./browser.ts";
import { ChatPage } from "./chat_page.ts";
import { assertCounts } from "./counting.ts";

browserTest("a newcomer says a name, sends a message, and reads the answer", async (browser) => {
  await using server = await ServerProcess.start();
  const profile = await browser.profile();
  const chat = await ChatPage.signIn(profile, server.address);
  await chat.say("Good **morning**");
  assertMatch(await chat.answered(), /^I am the offline model[^]*Good morning$/);
  assertEquals(await chat.answers.locator("strong").allInnerTexts(), ["morning"]);
  assertEquals(await chat.questions.count(), 1);
  await chat.threads.getByText("Good **morning**").waitFor();

  await chat.say("/time Europe/Berlin");
  assertMatch(await chat.answered(2), /\d/);
  await chat.answers.nth(1).getByText("currentTime").waitFor();
  profile.assertQuiet(server.address);
});

browserTest(
  "a reload shows the same conversation, from the document that the browser has kept",
  async (browser) => {
    await using server = await ServerProcess.start();
    const profile = await browser.profile();
    const chat = await ChatPage.signIn(profile, server.address);
    await chat.say("/count 3 1");
    assertEquals(await chat.answered(), "1 2 3");
    const reloaded = await chat.page.reload();
    // Its headers replace those that were kept: the page works under what a 304 says.
    assertEquals(reloaded?.headers()["content-security-policy"]?.includes("script-src"), true);
    assertEquals(await chat.answered(), "1 2 3");
    await chat.say("/count 4 1");
    assertEquals(await chat.answered(2), "1 2 3 4");
    profile.assertQuiet(server.address);
  },
);

browserTest("two tabs stay in step, while an answer streams too", async (browser) => {
  await using server = await ServerProcess.start();
  const profile = await browser.profile();
  const one = await ChatPage.signIn(profile, server.address);
  await one.say("/count 3 1");
  await one.answered();
  const other = new ChatPage(await profile.open(one.page.url()));
  assertEquals(await other.answered(), "1 2 3");

  await one.say("/count 60 50");
  await other.page.getByRole("article", { name: "Agent, answering" }).getByText("7").waitFor();
  await other.say("/count 2 1");
  assertMatch(await one.answered(2), /^1 2 3 .* 59 60$/);
  assertEquals([await one.answered(3), await other.answered(3)], ["1 2", "1 2"]);
  assertEquals(await one.questions.allInnerTexts(), await other.questions.allInnerTexts());

  const title = one.threads.getByRole("listitem").first();
  await title.hover();
  await title.getByRole("button", { name: /^Rename/ }).click();
  await one.page.getByRole("textbox", { name: "Title" }).fill("Counting");
  await one.page.keyboard.press("Enter");
  await one.threads.getByText("Counting").waitFor();
  profile.assertQuiet(server.address);
});

browserTest(
  "Stop keeps what was said, and Regenerate gives another answer beside it",
  async (browser) => {
    await using server = await ServerProcess.start();
    const profile = await browser.profile();
    const chat = await ChatPage.signIn(profile, server.address);
    await chat.say("/count 1000 40");
    await chat.answers.getByText(/\b5\b/).waitFor();
    await chat.button("Stop").click();
    await chat.shows("Stopped.");
    const kept = await chat.answered();
    assertLess(assertCounts(kept), 1_000);

    await chat.button("Regenerate").click();
    await chat.page.getByRole("article", { name: "Agent, answering" }).getByText(/\b3\b/).waitFor();
    await chat.button("Stop").click();
    await chat.button("Earlier answer").click();
    assertEquals(await chat.answered(), kept);
    profile.assertQuiet(server.address);
  },
);

browserTest("a draft survives a reload, and each thread has its own", async (browser) => {
  await using server = await ServerProcess.start();
  const profile = await browser.profile();
  const chat = await ChatPage.signIn(profile, server.address);
  await chat.say("/count 2 1");
  await chat.answered();
  await chat.message.fill("half a thought");
  await chat.page.reload();
  await chat.message.waitFor();
  assertEquals(await chat.message.inputValue(), "half a thought");

  await chat.button("New thread").click();
  await chat.questions.waitFor({ state: "detached" });
  assertEquals(await chat.message.inputValue(), "");
  await chat.page.goBack();
  await chat.answered();
  assertEquals(await chat.message.inputValue(), "half a thought");
  profile.assertQuiet(server.address);
});

browserTest("everything can be done with the keyboard alone", async (browser) => {
  await using server = await ServerProcess.start();
  const profile = await browser.profile();
  const chat = new ChatPage(await profile.open(server.address));
  const { keyboard } = chat.page;
  await chat.name.waitFor();
  /** Goes by Tab until `name` has the focus. */
  const tabTo = async (name: string | RegExp, key = "Tab"): Promise<void> => {
    const focused = chat.page.locator(":focus");
    for (let step = 0; step < 40; step++) {
      const said = await focused.count() === 0
        ? ""
        : await focused.evaluate((element) =>
          element.getAttribute("aria-label") ?? element.textContent ?? ""
        );
      if (typeof name === "string" ? said === name : name.test(said)) return;
      await keyboard.press(key);
    }
    throw new Error(`Tab does not reach ${name}`);
  };
  await chat.page.locator("input:focus").waitFor();
  await keyboard.type("Ada");
  await keyboard.press("Enter");
  await chat.message.waitFor();
  await chat.page.locator("textarea:focus").waitFor();

  await keyboard.type("one");
  await keyboard.press("Shift+Enter");
  await keyboard.type("two");
  assertEquals(await chat.message.inputValue(), "one\ntwo");
  await keyboard.press("Enter");
  assertMatch(await chat.answered(), /one\s*two$/);

  await keyboard.type("/count 1000 40");
  await keyboard.press("Enter");
  await chat.answers.nth(1).getByText(/\b3\b/).waitFor();
  await keyboard.press("Escape");
  await chat.shows("Stopped.");

  await keyboard.press("Shift+Tab");
  await keyboard.press("/");
  await chat.page.locator("textarea:focus").waitFor();
  assertEquals(await chat.message.inputValue(), "");

  await tabTo("Regenerate", "Shift+Tab");
  await tabTo(/^Delete one/, "Shift+Tab");
  await keyboard.press("Enter");
  await chat.page.getByRole("dialog").waitFor();
  await keyboard.press("Escape");
  await chat.page.getByRole("dialog").waitFor({ state: "detached" });
  await tabTo(/^Rename one/, "Shift+Tab");
  await keyboard.press("Enter");
  await keyboard.press("Control+a");
  await keyboard.type("By hand");
  await keyboard.press("Enter");
  await chat.threads.getByText("By hand").waitFor();
  await tabTo(/New thread/, "Shift+Tab");
  await keyboard.press("Enter");
  await chat.questions.first().waitFor({ state: "detached" });
  await tabTo(/^By hand/);
  await keyboard.press("Enter");
  await chat.answered(2);
  profile.assertQuiet(server.address);
});

browserTest(
  "a screen of 360 pixels is enough: nothing is cut off, and the threads are at hand",
  async (browser) => {
    await using server = await ServerProcess.start();
    const profile = await browser.profile({ viewport: { width: 360, height: 640 } });
    const chat = await ChatPage.signIn(profile, server.address, "A".repeat(60));
    const wide = "| " + "column | ".repeat(20) + "\n|" + " --- |".repeat(20) + "\n";
    await chat.say(`${"long".repeat(60)}\n\n\`\`\`ts\n${"x".repeat(300)}\n\`\`\`\n\n${wide}`);
    await chat.answered();
    const overflow = () =>
      chat.page.evaluate(() => {
        const { scrollWidth, clientWidth } = document.documentElement;
        return scrollWidth - clientWidth;
      });
    assertEquals(await overflow(), 0);
    for (const field of [chat.message, chat.button("Send")]) {
      const box = await field.boundingBox();
      assert(box !== null && box.x >= 0 && box.x + box.width <= 360, JSON.stringify(box));
      assert(box.y + box.height <= 640, JSON.stringify(box));
    }
    await chat.button("Show threads").click();
    await chat.button("New thread").click();
    await chat.message.fill("again");
    assertEquals(await overflow(), 0);
    profile.assertQuiet(server.address);
  },
);
