/**
 * What the server tells the page about itself, in `meta` elements.
 *
 * @module
 */

/** Where the page gets its token. */
export type SignIn =
  /** In development: for any name. */
  | { readonly kind: "dev" }
  /** From an endpoint that knows the visitor by its own cookie. */
  | { readonly kind: "token"; readonly url: string }
  /** From the site that embeds the page, which is one of `origins`. */
  | { readonly kind: "embed"; readonly origins: readonly string[] };

/** Gives a `meta` element's content by its name; null where there is none. */
export type MetaReader = (name: string) => string | null;

/**
 * Reads how to sign in. What is unknown or incomplete becomes `embed` without origins, which signs in
 * nobody and says so.
 */
export function readSignIn(meta: MetaReader): SignIn {
  const kind = meta("drawbridge:sign-in");
  const url = meta("drawbridge:token-url") ?? "";
  if (kind === "dev") return { kind };
  if (kind === "token" && url !== "") return { kind, url };
  const origins = (meta("drawbridge:embed-origins") ?? "").split(/\s+/).filter((one) => one !== "");
  return { kind: "embed", origins };
}
