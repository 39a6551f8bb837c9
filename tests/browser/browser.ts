/**
 * A real browser for tests of the chat page: Debian's Chromium, with an empty profile of its own and
 * nobody to talk to but loopback.
 *
 * @module
 */
/// <reference lib="dom" />
import { assertEquals } from "@std/assert";
import type {
  Browser,
  BrowserContext,
  ConsoleMessage,
  Page,
  Request,
} from "npm:playwright-core@^1.65.1";
import { HANG_MS } from "../support/feed.ts";
import { findProgram, needs, type Program } from "../support/permissions.ts";

/** The browser. */
export const CHROMIUM: Program = {
  program: "chromium",
  aliases: ["chromium-browser", "google-chrome"],
};

const needsBrowser = needs("net", "read", "write", "env", "run", "sys", CHROMIUM);

/** Where pictures are kept; git ignores it. */
export const SCREENSHOTS = new URL("./screenshots/", import.meta.url);

/**
 * Declares a test that gets a browser of its own, or is shown as ignored where there is none. What its
 * pages looked like when it failed is kept.
 */
export function browserTest(name: string, fn: (browser: TestBrowser) => Promise<void>): void {
  Deno.test({
    ...needsBrowser(name),
    async fn() {
      await using browser = await TestBrowser.start();
      try {
        await fn(browser);
      } catch (error) {
        await browser.keepPictures(`failed-${name.replaceAll(/\W+/g, "-").slice(0, 60)}`);
        throw error;
      }
    },
  });
}

/** Nothing that speaks to the outside, and no sandbox, which containers lack. */
const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** How a profile looks at the page. */
export interface ProfileOptions {
  readonly colorScheme?: "light" | "dark";
  readonly viewport?: { readonly width: number; readonly height: number };
  /** Run in each document before its own scripts. */
  readonly script?: string;
}

/** What a page complained about, and whom it asked. */
export interface Watched {
  /** Errors that nobody caught, complaints on the console, violations of the policy. */
  readonly complaints: string[];
  /** Addresses of all requests, in order. */
  readonly requests: string[];
}

/** The browser. `await using` closes it and forgets all profiles. */
export class TestBrowser implements AsyncDisposable {
  readonly #browser: Browser;
  readonly #watched: Watched[] = [];

  private constructor(browser: Browser) {
    this.#browser = browser;
  }

  /** Starts one. */
  static async start(): Promise<TestBrowser> {
    // Not before it is needed: it asks for permissions when it is imported.
    const { chromium } = await import("npm:playwright-core@^1.65.1");
    const executablePath = findProgram(CHROMIUM)!;
    // An empty user-data-dir is what it makes where none is named.
    return new TestBrowser(
      await chromium.launch({ executablePath, headless: true, args: FLAGS, timeout: HANG_MS }),
    );
  }

  /** A profile that nobody has used: its pages share what they store, as tabs do. */
  async profile(
    { colorScheme = "light", viewport = { width: 1_200, height: 800 }, script }: ProfileOptions =
      {},
  ): Promise<Profile> {
    const context = await this.#browser.newContext({
      colorScheme,
      viewport,
      reducedMotion: "reduce",
      serviceWorkers: "block",
    });
    context.setDefaultTimeout(2 * HANG_MS);
    if (script !== undefined) await context.addInitScript({ content: script });
    await context.addInitScript(reportViolations);
    const watched: Watched = { complaints: [], requests: [] };
    this.#watched.push(watched);
    return new Profile(context, watched);
  }

  /** Keeps a picture of every open page. */
  async keepPictures(name: string): Promise<void> {
    const pages = this.#browser.contexts().flatMap((context) => context.pages());
    for (const [index, page] of pages.entries()) {
      const path = new URL(`${name}-${index + 1}.png`, SCREENSHOTS).pathname;
      await page.screenshot({ path, timeout: 5_000 }).catch(() => {});
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close();
  }
}

/** Tabs that belong together. */
export class Profile {
  /** What its pages did. */
  readonly watched: Watched;
  /** Playwright's own. */
  readonly context: BrowserContext;

  /** Watches every page of `context`. */
  constructor(context: BrowserContext, watched: Watched) {
    this.context = context;
    this.watched = watched;
    context.on("request", (request: Request) => watched.requests.push(request.url()));
    context.on("weberror", (error) => watched.complaints.push(String(error.error())));
    context.on("console", (message: ConsoleMessage) => {
      if (!["error", "warning"].includes(message.type())) return;
      watched.complaints.push(`${message.type()}: ${message.text()}`);
    });
  }

  /** Opens a tab at that address. */
  async open(address: string): Promise<Page> {
    const page = await this.context.newPage();
    page.on(
      "websocket",
      (socket) => this.watched.requests.push(socket.url().replace(/^ws/, "http")),
    );
    await page.goto(address);
    return page;
  }

  /** Asserts that nothing went wrong that is not among the `expected`, and that only `origin` was asked. */
  assertQuiet(origin: string, expected: RegExp = /^$/): void {
    assertEquals(this.watched.complaints.filter((text) => !expected.test(text)), []);
    const foreign = this.watched.requests.filter((url) => new URL(url).origin !== origin);
    assertEquals(foreign, []);
  }
}

/** Runs in the page: what its policy stops is a complaint. */
function reportViolations(): void {
  addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) => {
    console.error(`policy: ${violatedDirective} stopped ${blockedURI}`);
  });
}
