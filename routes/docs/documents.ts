/**
 * The documents as they are served. Loaded at the first request for one of them,
 * and made once.
 *
 * @module
 */
import { asyncApiDocument } from "./asyncapi.ts";
import type { ShownApi } from "./http_section.ts";
import { openApiDocument, OPERATIONS } from "./openapi.ts";
import { docsPage } from "./page.ts";
import type { ShownChat } from "./socket_section.ts";
import { STYLE } from "./style.ts";

const api = openApiDocument();
const chat = asyncApiDocument();

/** Bodies by the path that they are served at. */
export const DOCUMENTS = {
  "/openapi.json": JSON.stringify(api),
  "/asyncapi.json": JSON.stringify(chat),
  // Made by this code, with the members that the page shows.
  "/docs": docsPage({
    operations: OPERATIONS,
    api: api as unknown as ShownApi,
    chat: chat as unknown as ShownChat,
  }),
  "/docs/style.css": STYLE,
} as const;
