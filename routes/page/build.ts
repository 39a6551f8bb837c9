/**
 * Bundles the chat page into `assets/`, with Deno's own bundler, and makes its script smaller than
 * that does, with terser.
 *
 * ```sh
 * deno task build           # writes the files
 * deno task build --check   # fails where they are not what the sources make
 * ```
 *
 * @module
 */
import { createHash } from "node:crypto";
import {
  brotliCompressSync,
  brotliDecompressSync,
  constants,
  gunzipSync,
  gzipSync,
} from "node:zlib";
// Of one version, whose output is committed.
import { minify } from "npm:terser@5.51.4";
// Not of `assets.ts`, which needs what this makes.
import { ENCODED_SUFFIX } from "./encodings.ts";

/** The version whose bundler makes the committed files: another one's makes others. */
export const BUNDLER_VERSION = "2.9.6";

/** The built files by name. */
export type BuiltFiles = ReadonlyMap<string, Uint8Array>;

const FOLDER = new URL("./assets/", import.meta.url);

const SOURCES = {
  script: new URL("./app/main.tsx", import.meta.url),
  style: new URL("./app/page.css", import.meta.url),
  icon: new URL("./app/icon.svg", import.meta.url),
};

/**
 * Bundles the sources. Needs `read`, `write` and `run`.
 *
 * @throws {Error} where the bundler fails.
 */
export async function buildPage(): Promise<BuiltFiles> {
  const { script, style } = await bundle();
  const icon = await Deno.readFile(SOURCES.icon);
  const files = new Map<string, Uint8Array>();
  const add = (name: string, extension: string, bytes: Uint8Array): string => {
    const hash = createHash("sha256").update(bytes).digest("hex").slice(0, 12);
    const full = `${name}-${hash}.${extension}`;
    files.set(full, bytes);
    files.set(full + ENCODED_SUFFIX.br, brotli(bytes));
    files.set(full + ENCODED_SUFFIX.gzip, gzipSync(bytes, { level: 9 }));
    return full;
  };
  const assets = {
    script: add("page", "js", script),
    style: add("page", "css", style),
    icon: add("icon", "svg", icon),
  };
  const manifest = JSON.stringify({ bundler: `deno ${BUNDLER_VERSION}`, assets }, null, 2);
  files.set("manifest.json", new TextEncoder().encode(`${manifest}\n`));
  return files;
}

/**
 * What is wrong with the committed files, one sentence each: missing, left over, other than what the
 * sources make. Compressed copies count by what is in them, whatever compressed them.
 */
export async function staleFiles(built: BuiltFiles): Promise<string[]> {
  const found = new Set<string>();
  for await (const { name } of Deno.readDir(FOLDER)) found.add(name);
  const faults = [...found].filter((name) => !built.has(name)).map((name) =>
    `${name} is left over`
  );
  for (const [name, bytes] of built) {
    if (!found.has(name)) faults.push(`${name} is missing`);
    else if (
      !isSame(unpack(name, await Deno.readFile(new URL(name, FOLDER))), unpack(name, bytes))
    ) {
      faults.push(`${name} is not what the sources make`);
    }
  }
  return faults;
}

async function writeFiles(built: BuiltFiles): Promise<void> {
  await Deno.mkdir(FOLDER, { recursive: true });
  for await (const { name } of Deno.readDir(FOLDER)) {
    if (!built.has(name)) await Deno.remove(new URL(name, FOLDER));
  }
  for (const [name, bytes] of built) await Deno.writeFile(new URL(name, FOLDER), bytes);
}

async function bundle(): Promise<{ script: Uint8Array; style: Uint8Array }> {
  const folder = await Deno.makeTempDir({ prefix: "drawbridge-page-" });
  try {
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["bundle", "--quiet", "--frozen", "--platform", "browser", "--minify"],
        ...["--outdir", folder, SOURCES.script.pathname, SOURCES.style.pathname],
      ],
      cwd: new URL("../../", import.meta.url),
    }).output();
    if (!success) throw new Error(`Cannot bundle the page: ${new TextDecoder().decode(stderr)}`);
    return {
      script: await shrink(await Deno.readTextFile(`${folder}/main.js`)),
      style: await Deno.readFile(`${folder}/page.css`),
    };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function shrink(script: string): Promise<Uint8Array> {
  const { code } = await minify(script, {
    module: true,
    compress: { passes: 2, ecma: 2022 },
    // Licences stay.
    format: { comments: "some", ecma: 2022 },
  });
  return new TextEncoder().encode(code);
}

function brotli(bytes: Uint8Array): Uint8Array {
  const { BROTLI_PARAM_QUALITY, BROTLI_MAX_QUALITY, BROTLI_PARAM_SIZE_HINT } = constants;
  return brotliCompressSync(bytes, {
    params: {
      [BROTLI_PARAM_QUALITY]: BROTLI_MAX_QUALITY,
      [BROTLI_PARAM_SIZE_HINT]: bytes.byteLength,
    },
  });
}

function unpack(name: string, bytes: Uint8Array): Uint8Array {
  if (name.endsWith(ENCODED_SUFFIX.br)) return brotliDecompressSync(bytes);
  if (name.endsWith(ENCODED_SUFFIX.gzip)) return gunzipSync(bytes);
  return bytes;
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}

async function say(text: string): Promise<void> {
  await Deno.stdout.write(new TextEncoder().encode(`${text}\n`));
}

if (import.meta.main) {
  if (Deno.version.deno !== BUNDLER_VERSION) {
    await say(`Use \`npx -y deno@${BUNDLER_VERSION} task build\`: this bundler makes other files`);
    Deno.exit(1);
  }
  const built = await buildPage();
  if (Deno.args.includes("--check")) {
    const faults = await staleFiles(built);
    for (const fault of faults) await say(`routes/page/assets/${fault}`);
    if (faults.length > 0) {
      await say("Run `deno task build` and commit what it writes");
      Deno.exit(1);
    }
  } else {
    await writeFiles(built);
    for (const [name, { length }] of built) await say(`${String(length).padStart(8)} ${name}`);
  }
}
