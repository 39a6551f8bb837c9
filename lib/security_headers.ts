/**
 * What keeps a browser from doing harm with a response.
 *
 * @module
 */

/** Headers of a response that is no document: nothing in it may load, run, or be shown in a frame. */
export const NO_DOCUMENT = {
  "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
} as const;

/** Where people and their data are, a browser comes back over TLS only: for half a year. Else nothing. */
export function transportSecurity(
  appEnv: string,
): { readonly "Strict-Transport-Security"?: string } {
  return appEnv === "production" || appEnv === "staging"
    ? { "Strict-Transport-Security": "max-age=15552000; includeSubDomains" }
    : {};
}
