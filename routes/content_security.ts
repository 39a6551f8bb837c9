/**
 * What a document may load and do: the headers of the pages that this server shows to people.
 *
 * @module
 */

/** What one document needs beyond its own scripts, styles and requests. */
export interface DocumentRules {
  /** Other origins that its scripts may ask, as `https://auth.example.com`. */
  readonly connectTo?: readonly string[];
  /** Origins that may show it in a frame; nobody may where there are none. */
  readonly framedBy?: readonly string[];
  /** Whether it calls for scripts at all. */
  readonly scripts?: boolean;
}

/**
 * Headers of a document whose scripts and styles are files of this server: no inline code, no foreign
 * origin, and no text that becomes markup, since the DOM takes no strings as such (Trusted Types).
 *
 * `'self'` in `connect-src` covers this server's WebSocket too (CSP 3 §6.7.2.8). `X-Frame-Options`
 * may say `DENY` beside it: browsers that know `frame-ancestors` go by that (CSP 3 §6.4.2).
 */
export function documentHeaders(
  { connectTo = [], framedBy = [], scripts = true }: DocumentRules = {},
): Record<string, string> {
  const policy = [
    ["default-src", "'none'"],
    ...(scripts ? [["script-src", "'self'"], ["connect-src", "'self'", ...connectTo]] : []),
    ["style-src", "'self'"],
    ["img-src", "'self'", "data:"],
    ["base-uri", "'none'"],
    ["form-action", "'none'"],
    ["frame-ancestors", ...(framedBy.length === 0 ? ["'none'"] : framedBy)],
    ["require-trusted-types-for", "'script'"],
    ["trusted-types", "'none'"],
  ];
  return {
    "Content-Security-Policy": policy.map((directive) => directive.join(" ")).join("; "),
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), " +
      "payment=(), usb=()",
  };
}
