/**
 * What both documents say of the server.
 *
 * @module
 */
import config from "../../deno.json" with { type: "json" };

/** The same in OpenAPI and AsyncAPI. */
export const ABOUT = {
  version: config.version,
  license: { name: "MIT" },
} as const;

/** How a token is sent in a header. */
export const TOKEN_SCHEME = {
  type: "http",
  scheme: "bearer",
  bearerFormat: "JWT",
  description: "A JWT with `exp` and `sub`, in `Authorization`. Never in the URL.",
} as const;
