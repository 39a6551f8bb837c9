/**
 * Which web origins may talk to this server: against cross-site WebSocket
 * hijacking (OWASP WebSocket cheat sheet) and for CORS.
 *
 * @module
 */

/** Which origins are allowed beyond the same one. */
export interface OriginRules {
  /** Exact origins as browsers write them, e.g. `https://app.example.com`. */
  readonly allowedOrigins: ReadonlySet<string>;
  /** Development: any port of `localhost`, `127.0.0.1` and `[::1]` over http and https. */
  readonly allowLocalhost: boolean;
}

const LOCAL_HOSTNAMES: ReadonlySet<string> = new Set(["localhost", "127.0.0.1", "[::1]"]);

/**
 * Whether `origin`, the header of that name, may talk to the server at `host`,
 * the header of that name.
 *
 * The same origin is: host and port equal, over http or https, since a proxy
 * may have taken TLS off; a missing port is the default of the origin's
 * scheme. `null` and everything that is no plain http(s) origin is refused.
 */
export function originAllowed(origin: string, host: string | null, rules: OriginRules): boolean {
  const parsed = parseOrigin(origin);
  if (parsed === null) return false;
  if (rules.allowedOrigins.has(parsed.origin)) return true;
  if (rules.allowLocalhost && LOCAL_HOSTNAMES.has(parsed.hostname)) return true;
  return host !== null && parseOrigin(`${parsed.protocol}//${host}`)?.origin === parsed.origin;
}

/**
 * Reads a serialised origin (RFC 6454 §6.2). Only its canonical form is taken,
 * but for the case and a default port that is spelt out: the URL parser alone
 * would forgive user names, paths, `127.1` and percent signs.
 */
function parseOrigin(text: string): URL | null {
  const lowered = text.toLowerCase();
  if (!/^https?:/.test(lowered)) return null;
  const url = URL.parse(lowered);
  if (url === null) return null;
  const withPort = `${url.origin}:${url.protocol === "http:" ? "80" : "443"}`;
  return lowered === url.origin || lowered === withPort ? url : null;
}
