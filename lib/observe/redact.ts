/**
 * The last line of defence before something is written: known names, known
 * values and the shapes of credentials are masked, and everything is bounded.
 * It is no licence to log a secret: callers leave them out in the first place.
 *
 * @module
 */

/** What stands where something was masked. */
export const REDACTED = "[redacted]";

/** Longest string that is written, UTF-16 units. */
export const MAX_STRING_LENGTH = 4_096;

const MAX_DEPTH = 5;
const MAX_ITEMS = 20;
const MAX_PROPERTIES = 40;
const MAX_CAUSES = 5;

/** Names of credentials, and of what people said; compared without case, `_` and `-`. */
const SENSITIVE_NAMES: ReadonlySet<string> = new Set([
  ...["authorization", "proxyauthorization", "cookie", "setcookie", "secwebsocketprotocol"],
  ...["token", "jwt", "bearer", "ticket", "credential", "credentials", "apikey", "secret"],
  ...["password", "passwd", "passphrase", "privatekey", "pem"],
  ...["text", "delta", "parts", "body", "prompt", "instructions"],
]);

const SENSITIVE_ENDINGS = ["token", "secret", "password", "apikey", "credential", "privatekey"];

/** Whether a property of this name is masked, unless its value is a number or a boolean. */
export function isSensitiveName(name: string): boolean {
  const plain = name.toLowerCase().replace(/[_-]/g, "");
  return SENSITIVE_NAMES.has(plain) || SENSITIVE_ENDINGS.some((ending) => plain.endsWith(ending));
}

/** The shapes of credentials in running text. Each takes time linear in the text, whatever it holds. */
const SHAPES: readonly ((text: string) => string)[] = [
  // The whole PEM, or what is left of one.
  (text) =>
    text.replace(/-----BEGIN [A-Z ]{1,40}-----[\s\S]*?(?:-----END [A-Z ]{1,40}-----|$)/g, REDACTED),
  (text) => text.replace(/[A-Za-z0-9_.-]{16,}/g, maskJwt),
  (text) =>
    text.replace(
      /\b((?:proxy-)?authorization|cookie)(["']?\s{0,8}[:=]\s{0,8})[^\r\n]+/gi,
      `$1$2${REDACTED}`,
    ),
  // "Bearer" and what looks like a token rather than like the next word.
  (text) =>
    text.replace(
      /\b(bearer|basic)([ \t.:=]{1,8})(?=[^\s"',;]{0,40}[\d+/=_]|[^\s"',;]{20})[^\s"',;]{4,}/gi,
      `$1$2${REDACTED}`,
    ),
  (text) => text.replace(/\bsk-[A-Za-z0-9_-]{8,}/g, REDACTED),
  // In a URL: credentials, then the query.
  (text) => text.replace(/:\/\/[^\s/?#@"'<>]*@/g, `://${REDACTED}@`),
  (text) => text.replace(/:\/\/[^\s"'<>]+/g, maskQuery),
  // In a relative address: the parameters that have no place there.
  (text) =>
    text.replace(
      /([?&][\w-]{0,40}(?:token|jwt|bearer|ticket|secret|password|key)=)[^\s&#"'<>]+/gi,
      `$1${REDACTED}`,
    ),
  // V8 quotes what `JSON.parse` was given, which is somebody's message.
  (text) =>
    text.replace(
      /, (?:\.\.\.)?"[\s\S]{0,200}?"(?:\.\.\.)? is not valid JSON/g,
      `, ${REDACTED} is not valid JSON`,
    ),
];

/**
 * A run of base64url and dots from where a compact JWT or JWE starts: a segment
 * that begins as the base64url of `{"` or `{ ` does, with another one after it.
 */
function maskJwt(run: string): string {
  let start = 0;
  const segments = run.split(".");
  for (const [index, segment] of segments.entries()) {
    const header = segment.search(/(?<![A-Za-z0-9])e[yw]/);
    const isHeader = header >= 0 && segment.length - header >= 8;
    if (isHeader && (segments[index + 1] ?? "").length >= 4) {
      return run.slice(0, start + header) + REDACTED;
    }
    start += segment.length + 1;
  }
  return run;
}

/** An address from its `://` on, without what its query says. */
function maskQuery(address: string): string {
  const query = address.indexOf("?") + 1;
  if (query === 0) return address;
  const fragment = address.indexOf("#", query);
  return address.slice(0, query) + REDACTED + (fragment < 0 ? "" : address.slice(fragment));
}

/** A redactor and what it knows by value. */
export class Redactor {
  readonly #secrets: readonly string[];

  /** Masks `secrets` wherever they appear, besides everything that looks like one. */
  constructor(secrets: readonly string[] = []) {
    // The longest first: one secret may hold another. Very short ones would mask ordinary words.
    this.#secrets = secrets.filter((secret) => secret.length >= 6)
      .toSorted((one, other) => other.length - one.length);
  }

  /** `text` with its credentials masked, of bounded length. */
  text(text: string): string {
    // Cut twice: a secret that the second cut would split has been masked whole before.
    let masked = text.slice(0, 4 * MAX_STRING_LENGTH);
    for (const secret of this.#secrets) masked = masked.replaceAll(secret, REDACTED);
    for (const mask of SHAPES) masked = mask(masked);
    return masked.length <= MAX_STRING_LENGTH ? masked : `${masked.slice(0, MAX_STRING_LENGTH)}…`;
  }

  /** `value` as JSON data, masked and bounded; `name` is the property that holds it. */
  value(value: unknown, name = "", depth = 0): unknown {
    switch (typeof value) {
      case "undefined":
      case "boolean":
        return value;
      case "number":
        return Number.isFinite(value) ? value : String(value);
      case "string":
        return isSensitiveName(name) ? REDACTED : this.text(value);
      case "object":
        if (value === null) return null;
        if (isSensitiveName(name)) return REDACTED;
        return depth >= MAX_DEPTH ? "[deeper]" : this.#object(value, depth);
      case "bigint":
        return isSensitiveName(name) ? REDACTED : String(value);
      default:
        return `[${typeof value}]`;
    }
  }

  /** An error as data: its name, message, code, stack and causes. */
  error(error: Error, depth = 0): Record<string, unknown> {
    const described: Record<string, unknown> = {
      name: this.text(String(error.name)),
      message: this.text(String(error.message)),
    };
    if ("code" in error) described.code = this.value(error.code);
    if (error.stack !== undefined) described.stack = this.text(String(error.stack));
    if (depth < MAX_CAUSES) {
      if (error instanceof AggregateError) {
        described.errors = error.errors.slice(0, MAX_CAUSES).map((one) => this.#cause(one, depth));
      }
      if (error.cause !== undefined) described.cause = this.#cause(error.cause, depth);
    }
    return described;
  }

  #cause(cause: unknown, depth: number): unknown {
    return cause instanceof Error ? this.error(cause, depth + 1) : this.value(cause, "", depth + 1);
  }

  #object(value: object, depth: number): unknown {
    if (value instanceof Error) return this.error(value, depth);
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
    if (value instanceof URL) return this.text(value.href);
    if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
    if (value instanceof Map) {
      return this.#record(
        Array.from(value, ([key, item]): [string, unknown] => [String(key), item]),
        depth,
      );
    }
    if (Array.isArray(value) || value instanceof Set) {
      const items = Array.from(value);
      const kept = items.slice(0, MAX_ITEMS).map((item) => this.value(item, "", depth + 1) ?? null);
      return items.length > MAX_ITEMS ? [...kept, `[${items.length - MAX_ITEMS} more]`] : kept;
    }
    return this.#record(Object.entries(value), depth);
  }

  #record(entries: readonly [string, unknown][], depth: number): Record<string, unknown> {
    const kept = entries.slice(0, MAX_PROPERTIES).map((
      [key, item],
    ) => [this.text(key), this.value(item, key, depth + 1)]);
    return Object.fromEntries(kept);
  }
}
