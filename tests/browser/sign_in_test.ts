/// <reference lib="dom" />
import { assertEquals } from "@std/assert";
import { ServerProcess } from "../support/server_process.ts";
import { mintToken } from "../support/tokens.ts";
import { browserTest } from "./browser.ts";
import { ChatPage } from "./chat_page.ts";

/** Where nobody gets a token for a name. */
const PRODUCTION = {
  APP_ENV: "production",
  HOST: "127.0.0.1",
  JWT_ISSUER: "https://issuer.example",
  JWT_AUDIENCE: "drawbridge",
};

/** A token that such a server takes. */
function tokenOf(sub: string): Promise<string> {
  return mintToken({ sub, issuer: "https://issuer.example", audience: "drawbridge" });
}

/** A site of another origin that shows the page, as the README tells it. `await using` ends it. */
class EmbeddingSite implements AsyncDisposable {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  /** Where the chat page is. */
  chat = "";
  /** What the visitor is signed in with; null for nobody. */
  token: string | null = null;
  /** Tokens that were given. */
  given = 0;

  constructor() {
    this.#server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
      const headers = { "Content-Type": "text/html", "Connection": "close" };
      if (new URL(request.url).pathname !== "/token") {
        return new Response(embeddingPage(this.chat), { headers });
      }
      this.given++;
      return Response.json({ token: this.token }, { headers: { Connection: "close" } });
    });
  }

  /** Its origin: another host name than the server's, so another site as well. */
  get origin(): string {
    return `http://localhost:${this.#server.addr.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

function embeddingPage(chat: string): string {
  return `<!doctype html><title>A site</title>
<iframe id="chat" src="${chat}/" title="Chat" width="900" height="700"></iframe>
<script>
  const chat = document.getElementById("chat");
  addEventListener("message", async ({ data, origin, source }) => {
    if (origin !== "${chat}" || source !== chat.contentWindow) return;
    if (data?.type !== "drawbridge:token-request") return;
    const { token } = await (await fetch("/token", { method: "POST" })).json();
    chat.contentWindow.postMessage({ type: "drawbridge:token", token }, origin);
  });
</script>`;
}

browserTest("an endpoint of the deployer signs the page in, and out", async (browser) => {
  await using server = await ServerProcess.start({
    env: { ...PRODUCTION, PAGE_TOKEN_URL: "/session/token" },
  });
  const profile = await browser.profile();
  let signedIn = false;
  const asked: string[] = [];
  const token = await tokenOf("Ada");
  await profile.context.route("**/session/token", (route) => {
    asked.push(`${route.request().method()} ${route.request().headers()["accept"]}`);
    return signedIn ? route.fulfill({ json: { token } }) : route.fulfill({ status: 401 });
  });
  const chat = new ChatPage(await profile.open(server.address));
  await chat.status("Not signed in");
  signedIn = true;
  await chat.button("Try again").click();
  await chat.message.waitFor();
  await chat.say("/count 3 1");
  assertEquals(await chat.answered(), "1 2 3");
  assertEquals(new Set(asked), new Set(["POST application/json"]));
  // A token is in no address, ever.
  assertEquals(profile.watched.requests.filter((url) => url.includes(token.slice(0, 20))), []);
  profile.assertQuiet(server.address, /401/);
});

browserTest(
  "an allowed site shows the page in a frame and signs it in by messages",
  async (browser) => {
    await using site = new EmbeddingSite();
    await using server = await ServerProcess.start({
      env: { ...PRODUCTION, ALLOWED_ORIGINS: `https://elsewhere.example,${site.origin}` },
    });
    site.chat = server.address;
    site.token = await tokenOf("Ada");
    const profile = await browser.profile();
    const page = await profile.open(site.origin);
    const frame = page.frameLocator("iframe");
    const message = frame.getByRole("textbox", { name: "Message" });
    await message.fill("/count 3 1");
    await message.press("Enter");
    await frame.getByRole("article", { name: /^Agent, \d/ }).getByText("1 2 3").waitFor();
    assertEquals(site.given, 1);
    assertEquals(profile.watched.complaints, []);
  },
);

browserTest("a site that is not allowed cannot show the page", async (browser) => {
  await using site = new EmbeddingSite();
  await using server = await ServerProcess.start({
    env: { ...PRODUCTION, ALLOWED_ORIGINS: "https://elsewhere.example" },
  });
  site.chat = server.address;
  site.token = await tokenOf("Ada");
  const profile = await browser.profile();
  const page = await profile.open(site.origin);
  await page.waitForFunction(() => document.readyState === "complete");
  const refused = profile.watched.complaints.filter((text) => /frame-ancestors/.test(text));
  assertEquals(refused.length, 1, profile.watched.complaints.join("\n"));
  assertEquals(await page.frameLocator("iframe").getByRole("main").count(), 0);
  assertEquals(site.given, 0);
});

browserTest("a page without any sign-in says so, and what is to be done", async (browser) => {
  await using server = await ServerProcess.start({ env: PRODUCTION });
  const profile = await browser.profile();
  const chat = new ChatPage(await profile.open(server.address));
  await chat.status("Not signed in");
  await chat.status("PAGE_TOKEN_URL");
  profile.assertQuiet(server.address);
});
