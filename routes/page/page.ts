/**
 * The chat page: its document at `/`, its files under `/assets`. It never waits at the gate, so that
 * people see what the server waits for.
 *
 * @module
 */
import { type Context, Hono } from "hono";
import { AppError } from "../../lib/errors.ts";
import type { ServerEnv } from "../context.ts";
import { READING, refuseOtherMethods } from "../methods.ts";
import { ASSETS, readAsset } from "./assets.ts";
import { makeShell, type Shell, type ShellConfig } from "./shell.ts";

/** A file's name has its content's hash in it: it never changes. */
const FOR_GOOD = "public, max-age=31536000, immutable";

/** Browsers ask for `/favicon.ico` by themselves, where no document names another. */
const FOR_A_DAY = "public, max-age=86400";

/** `GET /`, `GET /assets/{name}` and `GET /favicon.ico`. */
export function pageRoutes(config: ShellConfig): Hono<ServerEnv> {
  const app = new Hono<ServerEnv>();
  let shell: Promise<Shell> | undefined;
  app.get("/", async (c) => {
    const { html, headers } = await (shell ??= makeShell(config));
    return answer(c, html, headers);
  });
  app.get("/assets/:name", (c) => sendAsset(c, c.req.param("name"), FOR_GOOD));
  app.get("/favicon.ico", (c) => sendAsset(c, ASSETS.icon, FOR_A_DAY));
  refuseOtherMethods(app, { "/": READING, "/assets/:name": READING, "/favicon.ico": READING });
  return app;
}

async function sendAsset(c: Context, name: string, cacheControl: string): Promise<Response> {
  const asset = await readAsset(name, c.req.header("Accept-Encoding") ?? "");
  if (asset === null) throw new AppError("NOT_FOUND");
  const { bytes, encoding, type } = asset;
  return answer(c, bytes, {
    "Content-Type": type,
    "Cache-Control": cacheControl,
    "Vary": "Accept-Encoding",
    "ETag": `"${name}${encoding === null ? "" : `-${encoding}`}"`,
    ...(encoding === null ? {} : { "Content-Encoding": encoding }),
  });
}

/** The body, or 304 where the client has it: with all headers, since they replace those it has kept. */
function answer(
  c: Context,
  body: string | Uint8Array<ArrayBuffer>,
  headers: Readonly<Record<string, string>>,
): Response {
  const isKnown = matches(c.req.header("If-None-Match"), headers["ETag"] ?? "");
  return isKnown ? c.body(null, 304, headers) : c.body(body, 200, headers);
}

/** Whether `If-None-Match` names the tag, weakly compared (RFC 9110 §13.1.2). */
function matches(header: string | undefined, tag: string): boolean {
  const tags = header?.split(",").map((each) => each.trim().replace(/^W\//, "")) ?? [];
  return tags.includes(tag) || tags.includes("*");
}
