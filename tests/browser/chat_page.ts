/**
 * The chat page as a person uses it: by what things are called, never by how they are built.
 *
 * @module
 */
/// <reference lib="dom" />
import { eventually } from "../support/feed.ts";
import type { Locator, Page } from "npm:playwright-core@^1.65.1";
import type { Profile } from "./browser.ts";

/** A tab with the chat page. */
export class ChatPage {
  /** Playwright's own. */
  readonly page: Page;

  /** Of a page that shows the chat page. */
  constructor(page: Page) {
    this.page = page;
  }

  /** Opens a tab, says a name, and waits until the gate has opened. */
  static async signIn(profile: Profile, address: string, name = "Ada"): Promise<ChatPage> {
    const chat = new ChatPage(await profile.open(address));
    await chat.name.fill(name);
    await chat.button("Continue").click();
    await chat.message.waitFor();
    return chat;
  }

  /** The field for one's name. */
  get name(): Locator {
    return this.page.getByRole("textbox", { name: "Your name" });
  }

  /** The field for messages. */
  get message(): Locator {
    return this.page.getByRole("textbox", { name: "Message" });
  }

  /** Where messages and answers are. */
  get conversation(): Locator {
    return this.page.getByRole("log", { name: "Conversation" });
  }

  /** What one has said. */
  get questions(): Locator {
    return this.conversation.getByRole("article", { name: /^You/ });
  }

  /** What the agent has said, also while it speaks. */
  get answers(): Locator {
    return this.conversation.getByRole("article", { name: /^Agent/ });
  }

  /** Answers that have ended. */
  get ended(): Locator {
    return this.conversation.getByRole("article", { name: /^Agent, \d/ });
  }

  /** The threads at the side. */
  get threads(): Locator {
    return this.page.getByRole("navigation", { name: "Threads" });
  }

  /** A button by its name. */
  button(name: string): Locator {
    return this.page.getByRole("button", { name, exact: true });
  }

  /** Waits for words about the connection, such as `Reconnecting`. */
  async status(words: string | RegExp): Promise<void> {
    await this.page.getByRole("status").filter({ hasText: words }).first().waitFor();
  }

  /** Waits until these words are told at once to who does not see them. */
  async alerts(words: string): Promise<void> {
    await this.page.getByRole("alert").filter({ hasText: words }).first().waitFor();
  }

  /** Waits until what is called so has the focus. */
  async focused(name: string | RegExp): Promise<void> {
    await this.sees(async () => {
      const said = await this.page.evaluate(() => {
        const { activeElement: element } = document;
        if (element === null || element === document.body) return "";
        const labels = (element as HTMLInputElement).labels ?? [];
        return element.getAttribute("aria-label") ?? labels[0]?.textContent ?? element.textContent;
      });
      const isIt = typeof name === "string" ? said === name : name.test(said);
      return isIt ? said : undefined;
    }, `the focus on ${name}`);
  }

  /** Types a message and sends it. */
  async say(text: string): Promise<void> {
    await this.message.fill(text);
    await this.message.press("Enter");
  }

  /** Waits until so many answers have ended, and returns what the last one says. */
  async answered(count = 1): Promise<string> {
    await this.ended.nth(count - 1).waitFor();
    return await this.said(this.ended.nth(count - 1));
  }

  /** The text of an answer, without its buttons. */
  async said(answer: Locator): Promise<string> {
    const parts = await answer.locator(".prose").allInnerTexts();
    return parts.join("\n").trim();
  }

  /** Waits until some text stands in the conversation. */
  async shows(text: string | RegExp): Promise<void> {
    await this.conversation.getByText(text).first().waitFor();
  }

  /** Waits until `look` at the page yields something. */
  async sees<T>(look: () => Promise<T | undefined>, what: string): Promise<T> {
    return await eventually(look, what);
  }
}
