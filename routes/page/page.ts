/**
 * The page at `/`: what runs here and how to connect.
 *
 * @module
 */
import { Hono } from "hono";
import type { ServerEnv } from "../context.ts";

const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Drawbridge</title>
  </head>
  <body>
    <main>
      <h1>Drawbridge</h1>
      <p>An edge chat server whose gate opens only when everything behind it is ready.</p>
      <ol>
        <li>Get a token: <code>POST /auth/dev-token</code> with <code>{"sub": "ada"}</code>
          (in development and test; elsewhere from your identity provider).</li>
        <li>Connect a WebSocket to <code>/ws</code> with <code>Authorization: Bearer TOKEN</code>,
          or from a browser with the subprotocols <code>drawbridge.v1</code> and
          <code>bearer.TOKEN</code>.</li>
        <li>Send <code>{"type": "message.send", "id": "1", "threadId": "first",
          "message": {"id": "m1", "text": "/help"}}</code>.</li>
      </ol>
      <p>How it is: <a href="/health">health</a>, <a href="/health/startup">start-up</a>.</p>
    </main>
  </body>
</html>
`;

/** `GET /`. */
export function pageRoutes(): Hono<ServerEnv> {
  const app = new Hono<ServerEnv>();
  app.get("/", (c) => c.html(PAGE));
  return app;
}
