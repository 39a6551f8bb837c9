import { assertEquals } from "@std/assert";
import type { Page } from "npm:playwright-core@^1.65.1";
import { HeldJwks } from "../server/held_jwks.ts";
import {
  answerEndless,
  answerReset,
  answerStatus,
  answerText,
  answerToolCall,
  ModelServer,
} from "../support/model_server.ts";
import { ChatClient } from "../support/chat_client.ts";
import { devToken, ServerProcess } from "../support/server_process.ts";
import { audit, auditorScript } from "./audit.ts";
import { browserTest, type Profile, SCREENSHOTS, type TestBrowser } from "./browser.ts";
import { ChatPage } from "./chat_page.ts";
import { Place } from "./place.ts";

const RICH = `A barrier is a **deferred promise** that everybody awaits:

1. Whoever comes early waits in the room.
2. The verdict opens it, or says why not.

\`\`\`ts
const { promise, resolve } = Promise.withResolvers<Verdict>();

export async function enter(socket: WebSocket): Promise<void> {
  const verdict = await promise; // nobody passes without it
  if (verdict.kind === "ready") greet(socket);
}
\`\`\`

| State      | A client sees        |
| ---------- | -------------------- |
| \`ready\`    | the chat             |
| \`draining\` | a close code of 1012 |

> It is the same in every environment. See [the protocol](https://example.com/protocol).`;

/** Looks at a page in one state after the other, in both colour schemes. */
class Auditor {
  readonly profile: Profile;
  readonly findings: string[] = [];

  private constructor(profile: Profile) {
    this.profile = profile;
  }

  /** Looks at pages of a new profile. */
  static async of(browser: TestBrowser): Promise<Auditor> {
    return new Auditor(await browser.profile({ script: await auditorScript() }));
  }

  /** Keeps pictures of the page, and notes what is wrong with it. */
  async look(page: Page, state: string): Promise<void> {
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      const name = `${state}-${colorScheme}`;
      await page.screenshot({ path: new URL(`${name}.png`, SCREENSHOTS).pathname });
      const findings = await audit(page, colorScheme === "light" ? "all" : "colours");
      this.findings.push(...findings.map((finding) => `${name}: ${finding}`));
    }
  }
}

browserTest("the states of a conversation have no barrier, light and dark", async (browser) => {
  await using model = new ModelServer(answerText(RICH));
  await using place = new Place({ OPENAI_BASE_URL: model.baseUrl, OPENAI_MODEL: "scripted" });
  await place.open();
  const auditor = await Auditor.of(browser);
  const { profile } = auditor;
  const { page } = new ChatPage(await profile.open(place.address));
  await page.getByRole("textbox", { name: "Your name" }).waitFor();
  await auditor.look(page, "sign-in");
  await page.close();

  const chat = await ChatPage.signIn(profile, place.address);
  await auditor.look(chat.page, "empty");

  await chat.say("How does the gate work?");
  await chat.answered();
  await auditor.look(chat.page, "answered");

  model.script(answerToolCall("currentTime", { zone: "Europe/Berlin" }), answerText("Noon."));
  await chat.say("What time is it in Berlin?");
  await chat.answered(2);
  await chat.conversation.getByText("currentTime").click();
  await auditor.look(chat.page, "tool-call");

  model.script(answerEndless({ delayMs: 20 }));
  await chat.say("Count for ever.");
  await chat.answers.nth(2).getByText(/\b20\b/).waitFor();
  await auditor.look(chat.page, "streaming");
  await chat.button("Stop").click();
  await chat.shows("Stopped.");
  await auditor.look(chat.page, "stopped");

  model.script(answerReset("Half of what I wanted to "));
  await chat.say("Say it whole.");
  await chat.shows("The answer failed.");
  await auditor.look(chat.page, "failed");
  model.script(answerStatus(503));
  await chat.button("Try again").click();
  await chat.answers.filter({ hasText: "cannot be reached" }).waitFor();
  await chat.page.getByText("The model is out of reach").waitFor();
  await auditor.look(chat.page, "degraded");

  const thread = chat.threads.getByRole("listitem").first();
  await thread.hover();
  await thread.getByRole("button", { name: /^Delete/ }).click();
  await chat.page.getByRole("dialog").waitFor();
  await auditor.look(chat.page, "deleting");
  await chat.button("Keep it").click();

  await place.server.kill();
  await chat.status("Reconnecting");
  await chat.say("Is anybody there?");
  await chat.shows("Not sent yet");
  await auditor.look(chat.page, "reconnecting");
  assertEquals(auditor.findings, []);
});

browserTest("the gate has no barrier while it is closed, light and dark", async (browser) => {
  await using jwks = await HeldJwks.start();
  await using server = await ServerProcess.start({
    env: { ...jwks.env, STARTUP_WAIT_MS: "120000", PAGE_TOKEN_URL: "/session/token" },
  });
  const auditor = await Auditor.of(browser);
  const { profile } = auditor;
  const token = await jwks.token("Ada");
  let status = 200;
  await profile.context.route(
    "**/session/token",
    (route) => route.fulfill({ status, json: { token } }),
  );
  const chat = new ChatPage(await profile.open(server.address));
  await chat.status("Starting");
  await chat.page.getByRole("list", { name: "Start-up" }).waitFor();
  await auditor.look(chat.page, "starting");
  status = 401;
  await chat.page.reload();
  await chat.status("Not signed in");
  await auditor.look(chat.page, "signed-out");
  assertEquals(auditor.findings, []);
});

browserTest("a long thread has no barrier, on a phone too, light and dark", async (browser) => {
  await using server = await ServerProcess.start();
  const auditor = await Auditor.of(browser);
  const { profile } = auditor;
  await using client = await ChatClient.connect(server.address, await devToken(server, "Ada"));
  for (let turn = 1; turn <= 34; turn++) {
    const text = `Line ${turn}: ${"some words of a long conversation ".repeat(turn % 5)}`;
    await client.say("long", { id: `m${turn}`, text });
    await client.answer("long", turn);
  }
  const chat = await ChatPage.signIn(profile, server.address);
  const { page } = chat;
  await chat.threads.getByText(/^Line 1:/).click();
  await chat.shows("Line 34:");
  await auditor.look(page, "long");
  await chat.conversation.evaluate((element) => element.scrollTop = 0);
  await chat.button("Jump to latest").waitFor();
  await auditor.look(page, "long-scrolled");

  await page.setViewportSize({ width: 360, height: 640 });
  await chat.button("Jump to latest").click();
  await auditor.look(page, "phone");
  await chat.button("Show threads").click();
  await auditor.look(page, "phone-threads");
  assertEquals(auditor.findings, []);
  assertEquals(profile.watched.complaints, []);
});
