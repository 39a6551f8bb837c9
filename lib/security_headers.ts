/**
 * Headers of responses that are no document.
 *
 * @module
 */

/** Nothing in it may load, run, or be shown in a frame. */
export const NO_DOCUMENT = {
  "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
} as const;

/** Where people and their data are, a browser comes back over TLS only: for half a year. */
export const TRANSPORT_SECURITY = "max-age=15552000; includeSubDomains";

/** Whether responses of that environment carry {@linkcode TRANSPORT_SECURITY}. */
export function isTransportSecure(appEnv: string): boolean {
  return appEnv === "production" || appEnv === "staging";
}

/** Headers of a response that no middleware sees. */
export function bareHeaders(appEnv: string): Readonly<Record<string, string>> {
  return {
    ...NO_DOCUMENT,
    ...(isTransportSecure(appEnv) ? { "Strict-Transport-Security": TRANSPORT_SECURITY } : {}),
  };
}
