/**
 * The document at `/`: what the page's script needs to know before it asks for anything.
 *
 * @module
 */
import { html } from "hono/html";
import type { Config } from "../../lib/config.ts";
import { documentHeaders } from "../content_security.ts";
import { ASSETS } from "./assets.ts";

/** What of the configuration the document depends on. */
export type ShellConfig = Pick<Config, "allowedOrigins" | "devTokens" | "page">;

/** The document with everything that goes with it. */
export interface Shell {
  readonly html: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Makes the document. It is the same for everyone and holds no secret. */
export async function makeShell(config: ShellConfig): Promise<Shell> {
  const document = String(await markupOf(config));
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(document));
  const { tokenUrl = "/" } = config.page;
  return {
    html: document,
    headers: {
      "Content-Type": "text/html; charset=utf-8",
      "Cache-Control": "no-cache",
      "ETag": `"${btoa(String.fromCharCode(...new Uint8Array(digest)))}"`,
      ...documentHeaders({
        connectTo: tokenUrl.startsWith("/") ? [] : [new URL(tokenUrl).origin],
        framedBy: [...config.allowedOrigins],
      }),
    },
  };
}

function markupOf(config: ShellConfig): ReturnType<typeof html> {
  return html`
    <!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        ${signInOf(config)}
        <title>Drawbridge</title>
        <link rel="icon" href="/assets/${ASSETS.icon}" type="image/svg+xml">
        <link rel="stylesheet" href="/assets/${ASSETS.style}">
        <script type="module" src="/assets/${ASSETS.script}"></script>
      </head>
      <body>
        <div id="app">
          <main class="gate">
            <h1 class="wordmark">Drawbridge</h1>
          </main>
        </div>
        <noscript>
          <main>
            <h1>Drawbridge</h1>
            <p>This page needs JavaScript. Without it, <a href="/health">/health</a> tells how the server is.</p>
          </main>
        </noscript>
      </body>
    </html>
  `;
}

/** How the page gets its token: from the deployer's endpoint, by a name, or from the site around it. */
function signInOf({ allowedOrigins, devTokens, page }: ShellConfig): ReturnType<typeof html> {
  const kind = (name: string) => html`<meta name="drawbridge:sign-in" content="${name}">`;
  if (page.tokenUrl !== undefined) {
    return html`${kind("token")}
    <meta name="drawbridge:token-url" content="${page.tokenUrl}">`;
  }
  if (devTokens) return kind("dev");
  return html`${kind("embed")}
    <meta name="drawbridge:embed-origins" content="${[...allowedOrigins].join(" ")}">`;
}
