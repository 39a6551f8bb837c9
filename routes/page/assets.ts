/**
 * The page's files as they are built: read when they are first asked for, then kept.
 *
 * @module
 */
import manifest from "./assets/manifest.json" with { type: "json" };
import { chooseEncoding, ENCODED_SUFFIX, type Encoding } from "./encodings.ts";

/** Content types by extension; a file of another kind is none of the page's. */
const TYPES: Readonly<Record<string, string>> = {
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
};

/** The names under which the page asks for its files. */
export const ASSETS: Readonly<Record<"script" | "style" | "icon", string>> = manifest.assets;

const NAMES: ReadonlySet<string> = new Set(Object.values(ASSETS));

/** A file of the page, as it is sent. */
export interface Asset {
  readonly type: string;
  /** Null: as it is. */
  readonly encoding: Encoding | null;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

const read = new Map<string, Promise<Uint8Array<ArrayBuffer>>>();

/**
 * The file of that name, encoded as the client likes best (`Accept-Encoding`); null where the page
 * has none of that name. Needs `read` for the folder of assets.
 */
export async function readAsset(name: string, acceptEncoding: string): Promise<Asset | null> {
  if (!NAMES.has(name)) return null;
  const encoding = chooseEncoding(acceptEncoding);
  const type = TYPES[name.slice(name.lastIndexOf(".") + 1)]!;
  const file = encoding === null ? name : name + ENCODED_SUFFIX[encoding];
  return { type, encoding, bytes: await readOnce(file) };
}

function readOnce(file: string): Promise<Uint8Array<ArrayBuffer>> {
  const known = read.get(file);
  if (known !== undefined) return known;
  const reading = Deno.readFile(new URL(`./assets/${file}`, import.meta.url));
  read.set(file, reading);
  // A file that could not be read may be there the next time.
  reading.catch(() => read.delete(file));
  return reading;
}
