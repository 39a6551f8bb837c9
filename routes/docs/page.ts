/**
 * The page at `/docs`: both documents as HTML, without a script.
 *
 * @module
 */
import { describeVariables } from "../../lib/config/variables.ts";
import { ERROR_NOTES } from "../../lib/error_notes.ts";
import { ERROR_CODES, ERRORS, type ErrorShape } from "../../lib/errors.ts";
import { ABOUT } from "./about.ts";
import { block, code, type Html, join, markup, prose, table } from "./fields.ts";
import { anchorOf, httpSection, schemaSection, type ShownApi } from "./http_section.ts";
import { GROUPS, type Operation } from "./operation.ts";
import {
  closeTable,
  frameAnchor,
  frameArticles,
  framesTo,
  type ShownChat,
} from "./socket_section.ts";

/** What the page is made of. */
export interface PageParts {
  readonly operations: readonly Operation[];
  readonly api: ShownApi;
  readonly chat: ShownChat;
}

const FIRST_STEPS = `curl -X POST --data '{"sub":"ada"}' http://127.0.0.1:8000/auth/dev-token

const socket = new WebSocket("ws://127.0.0.1:8000/ws", ["drawbridge.v1", \`bearer.\${token}\`]);
socket.onmessage = ({ data }) => console.log(data);   // session.ready comes first

socket.send(JSON.stringify({
  type: "message.send", id: "1", threadId: "first", message: { id: "m1", text: "/count 5" },
}));`;

const HANDSHAKE: readonly (readonly [string, string])[] = [
  ["ready", "`session.ready`, then the chat"],
  ["not ready in time", "`error` `STARTUP_INCOMPLETE`, then close 1011"],
  ["start-up failed, or the store is lost", "`error` `SERVICE_UNAVAILABLE`, then close 1011"],
  ["draining", "`session.draining`, then close 1012"],
  ["no valid token, or no place", "an HTTP status and a problem document; no socket"],
];

/** Renders the page. */
export function docsPage({ operations, api, chat }: PageParts): string {
  return String(markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Drawbridge: the interface</title>
<link rel="stylesheet" href="/docs/style.css">
</head>
<body>
<a class="skip" href="#content">To the content</a>
<header>
<p class="brand"><a href="/">Drawbridge</a> <small>${ABOUT.version}</small></p>
${navigation(operations, chat)}
</header>
<main id="content" tabindex="-1">
<h1>The interface</h1>
<p>Chat goes over one WebSocket; the same threads can be read and written over HTTP. This page is
made from the schemas that the server validates with. For programs:
<a href="/openapi.json">openapi.json</a> and <a href="/asyncapi.json">asyncapi.json</a>.</p>
<section aria-labelledby="start">
<h2 id="start">First steps</h2>
<p>In development and test the server signs tokens itself; elsewhere they come from your identity
provider.</p>
${block(FIRST_STEPS)}
</section>
<section aria-labelledby="websocket">
<h2 id="websocket">WebSocket</h2>
<p>${
    prose(
      "JSON text, one object a frame, on `/ws` with the subprotocol `drawbridge.v1`. Clients choose " +
        "ids, 1 to 64 of `A-Z a-z 0-9 _ -`; an answer names its request in `ref`. Fields and frame " +
        "types that a client does not know are to be ignored.",
    )
  }</p>
<h3 id="handshake">The handshake</h3>
<p>${
    prose(
      "While the server starts, the handshake waits at the gate, and what becomes of it is said on " +
        "the socket. See `GET /ws` for its headers and refusals.",
    )
  }</p>
${
    table(
      "What the gate decides",
      ["The server is", "The client sees"],
      HANDSHAKE.map((row) => row.map(prose)),
    )
  }
<h3 id="to-server">From the client</h3>
${frameArticles("server", chat)}
<h3 id="to-client">From the server</h3>
${frameArticles("client", chat)}
<h3 id="closes">Close codes</h3>
${closeTable()}
</section>
<section aria-labelledby="http">
<h2 id="http">HTTP</h2>
${httpSection(operations, api)}
</section>
<section aria-labelledby="schemas">
<h2 id="schemas">Schemas</h2>
${schemaSection(api)}
</section>
<section aria-labelledby="errors">
<h2 id="errors">Error codes</h2>
<p>The same in problem documents, in <code>error</code> frames and in the <code>error</code> of a run
that failed. To retry is to wait <code>retryAfterMs</code>, or a backoff with jitter where there is
none.</p>
${errorTable()}
</section>
<section aria-labelledby="limits">
<h2 id="limits">Limits</h2>
<p>As they are by default; whoever runs the server can set each.</p>
${limitTable()}
</section>
</main>
</body>
</html>
`);
}

function navigation(operations: readonly Operation[], chat: ShownChat): Html {
  const frames = (side: "server" | "client"): Html =>
    list(
      framesTo(side, chat).filter((name) =>
        side === "server" || !name.startsWith("ack.") ||
        name === "ack.message.send"
      ).map((name) => [
        frameAnchor(name),
        code(name.startsWith("ack.") ? "ack" : name),
      ]),
    );
  return markup`<nav aria-label="On this page">
<p><a href="#start">First steps</a></p>
<p><a href="#websocket">WebSocket</a></p>
${list([["handshake", markup`The handshake`], ["closes", markup`Close codes`]])}
<p><a href="#to-server">From the client</a></p>
${frames("server")}
<p><a href="#to-client">From the server</a></p>
${frames("client")}
<p><a href="#http">HTTP</a></p>
${
    join(
      Object.keys(GROUPS).map((group) =>
        markup`<p class="aside">${group}</p>${
          list(
            operations.filter((one) => one.group === group)
              .map((one) => [anchorOf(one), markup`${one.summary}`]),
          )
        }`
      ),
    )
  }
<p><a href="#schemas">Schemas</a></p>
<p><a href="#errors">Error codes</a></p>
<p><a href="#limits">Limits</a></p>
</nav>`;
}

function list(links: readonly (readonly [anchor: string, text: Html])[]): Html {
  const items = links.map(([anchor, text]) => markup`<li><a href="#${anchor}">${text}</a></li>`);
  return markup`<ul>${join(items)}</ul>`;
}

function errorTable(): Html {
  const rows = ERROR_CODES.map((name) => {
    const { status, closeCode, retryable, title }: ErrorShape = ERRORS[name];
    return [
      markup`<code id="error-${name}">${name}</code>`,
      code(status),
      closeCode === undefined ? markup`` : code(closeCode),
      markup`${retryable ? "yes" : "no"}`,
      markup`${title}`,
      prose(ERROR_NOTES[name]),
    ];
  });
  return table("Error codes", ["Code", "HTTP", "Close", "Retry", "Meaning", "The client"], rows);
}

function limitTable(): Html {
  const limits = describeVariables().filter(({ name }) => name.startsWith("LIMIT_"));
  const rows = limits.map(({ name, fallback, meaning }) => [
    code(name),
    prose(fallback),
    prose(meaning),
  ]);
  return table("Limits", ["Variable", "Default", "Bounds"], rows);
}
