/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
import { assert, assertEquals } from "@std/assert";
import { eventually } from "../support/feed.ts";
import {
  answerRaw,
  answerText,
  answerToolCall,
  deltaEvent,
  endEvents,
  type ModelAnswer,
  ModelServer,
} from "../support/model_server.ts";
import { ServerProcess } from "../support/server_process.ts";
import { browserTest } from "./browser.ts";
import { ChatPage } from "./chat_page.ts";
import { hostileMarkdown, muchHostileMarkdown } from "./hostile_markdown.ts";

/** Elements that have no business in what somebody said. */
const FORBIDDEN =
  "script, iframe, object, embed, img, image, picture, link, style, base, meta, form, " +
  "input, video, audio, source, math, template, noscript, use, frame, portal, dialog, [src], [srcset], " +
  "[style], [action], [formaction], [srcdoc], [background], [poster], [ping], [target]:not([rel])";

/** Nobody is to come here. */
class Canary implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #accepting: Promise<void>;
  /** Connections so far, also those that ask for nothing. */
  visits = 0;

  constructor() {
    this.#accepting = this.#accept();
  }

  /** Where it sings. */
  get address(): string {
    return `http://127.0.0.1:${this.#listener.addr.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#accepting;
  }

  async #accept(): Promise<void> {
    for await (const connection of this.#listener) {
      this.visits++;
      connection.close();
    }
  }
}

/** Streams `text` in pieces of some characters. */
function stream(text: string, size: number): ModelAnswer {
  const pieces = Array.from(
    { length: Math.ceil(text.length / size) },
    (_, index) => deltaEvent({ content: text.slice(index * size, (index + 1) * size) }),
  );
  return answerRaw([...pieces, ...endEvents()]);
}

/** Everything in the conversation that is more than text and its own dress. */
async function findings(chat: ChatPage): Promise<string[]> {
  return await chat.page.evaluate((forbidden) => {
    const said = [...document.querySelectorAll("article, nav, h1")];
    const found = said.flatMap((part) => [...part.querySelectorAll(forbidden)])
      .map((element) => element.outerHTML.slice(0, 200));
    for (const element of said.flatMap((part) => [...part.querySelectorAll("*")])) {
      for (const { name, value } of element.attributes) {
        const isAddress = name === "href" || name.endsWith(":href");
        const isSafe = isAddress ? /^(https?:\/\/|mailto:|#)/i.test(value) : !name.startsWith("on");
        if (!isSafe) found.push(`${element.tagName} ${name}=${value}`);
      }
    }
    if ("pwned" in globalThis) found.push("a script ran");
    return found;
  }, FORBIDDEN);
}

browserTest(
  "hostile Markdown stays text: no script, no request, no link that runs",
  async (browser) => {
    await using canary = new Canary();
    const hostile = hostileMarkdown(canary.address);
    await using model = new ModelServer(
      ...hostile.map((text) => stream(text, 7)),
      answerToolCall(`<img src=x onerror=pwned=1>`, { zone: hostile.join("\n") }),
      answerText("Done."),
    );
    await using server = await ServerProcess.start({
      env: { OPENAI_BASE_URL: model.baseUrl, OPENAI_MODEL: "scripted" },
    });
    const profile = await browser.profile();
    const chat = await ChatPage.signIn(profile, server.address, `<img src=x onerror=pwned=1>`);
    chat.page.on(
      "dialog",
      (dialog) => profile.watched.complaints.push(`dialog ${dialog.message()}`),
    );
    profile.context.on("page", (page) => profile.watched.complaints.push(`popup ${page.url()}`));
    const address = chat.page.url();
    // Each is said by the visitor, in the title of a thread, and by the model.
    for (const [index, text] of hostile.entries()) {
      await chat.say(text);
      await chat.ended.nth(index % 10).waitFor();
      if (index % 10 !== 9) continue;
      assertEquals(await findings(chat), []);
      await chat.button("New thread").click();
      await chat.questions.first().waitFor({ state: "detached" });
    }
    assertEquals(await findings(chat), []);
    await chat.say("a tool of that name");
    await chat.shows("Done.");
    for (const tool of await chat.conversation.locator("summary").all()) await tool.click();
    assertEquals(await findings(chat), []);
    assertEquals(new URL(chat.page.url()).origin, new URL(address).origin);
    profile.assertQuiet(server.address);
    assertEquals(canary.visits, 0);
    await assertAlive(canary, chat);
  },
);

browserTest(
  "500 KB of hostile Markdown in one answer stay text, and the page goes on",
  async (browser) => {
    await using canary = new Canary();
    const much = muchHostileMarkdown(canary.address, 500_000);
    await using model = new ModelServer(
      stream(`${much}\n\nThe very end.`, 2_000),
      answerText("Still here."),
    );
    await using server = await ServerProcess.start({
      env: { OPENAI_BASE_URL: model.baseUrl, OPENAI_MODEL: "scripted" },
    });
    const profile = await browser.profile();
    const chat = await ChatPage.signIn(profile, server.address);
    const startedMs = performance.now();
    await chat.say("Say much");
    await chat.ended.first().waitFor();
    const shows = async (length: number): Promise<void> => {
      const said = async (): Promise<number> => (await chat.ended.textContent())?.length ?? 0;
      await eventually(async () => await said() > length || undefined, `${length} characters`);
    };
    await shows(30_000);
    const tookMs = Math.round(performance.now() - startedMs);
    console.log(`Of ${much.length} characters the first 30,000 are shown after ${tookMs} ms`);
    await chat.button("Show more of this answer").click();
    await shows(60_000);
    assertEquals(await findings(chat), []);
    await chat.say("Are you still there?");
    assertEquals(await chat.answered(2), "Still here.");
    await chat.page.reload();
    await chat.answered(2);
    assertEquals(await findings(chat), []);
    profile.assertQuiet(server.address);
    assertEquals(canary.visits, 0);
    await assertAlive(canary, chat);
  },
);

/** That nobody came says something only where somebody could. */
async function assertAlive(canary: Canary, chat: ChatPage): Promise<void> {
  await chat.page.goto(canary.address).catch(() => {});
  await eventually(() => canary.visits > 0 || undefined, "a visit to the canary");
  assert(canary.visits > 0);
}
