/**
 * Which addresses a link may lead to.
 *
 * @module
 */

const PROTOCOLS = ["http:", "https:", "mailto:"];

/**
 * The address as the browser reads it, where it is absolute and `http:`, `https:` or `mailto:`; else
 * null. What a browser would take out of an address before it reads it, such as a line break inside
 * `java\nscript:`, is taken out here too: `URL` is that very reader.
 */
export function safeHref(href: string): string | null {
  const address = URL.parse?.(href) ?? parse(href);
  return address !== null && PROTOCOLS.includes(address.protocol) ? address.href : null;
}

function parse(href: string): URL | null {
  return URL.canParse(href) ? new URL(href) : null;
}
