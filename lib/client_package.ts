/**
 * Makes the client a package for npm: one module, its types, a manifest. Run by `deno task
 * build:client`, on Deno 2.9 or later, whose bundler writes declarations.
 *
 * @module
 */
import config from "../deno.json" with { type: "json" };

/** The repository's folder. */
const ROOT = new URL("../", import.meta.url);

/** Where the package is put; git ignores it. */
const PACKAGE_FOLDER = new URL("dist/client/", ROOT);

const README = `# Drawbridge client

One socket that comes back by itself, messages that arrive once, answers without a gap or a doubled word. For browsers,
Node 20 and later, and Deno; without dependencies. Its types refer to those of \`zod\`, which TypeScript needs to see
them.

\`\`\`js
import { DrawbridgeClient } from "@drawbridge/client";

const client = new DrawbridgeClient({ address: "https://chat.example.com", token: () => getToken() });
const { run } = await client.send("thread-1", "Hello");
for await (const text of run.text()) console.log(text);
await client.close();
\`\`\`

Node 20 and 21 have no \`WebSocket\` of their own: give the client one, as \`WebSocket\` of the package \`ws\`.
\`DrawbridgeChatTransport\` is a \`ChatTransport\` for \`useChat\` of the AI SDK, over such a client:

\`\`\`js
const { messages, sendMessage } = useChat({ transport: new DrawbridgeChatTransport(client) });
\`\`\`
`;

/** What `package.json` says. */
export function manifest(): Readonly<Record<string, unknown>> {
  const { version, license, imports } = config;
  return {
    name: "@drawbridge/client",
    version,
    license,
    description: "The client of Drawbridge, an edge chat server",
    type: "module",
    sideEffects: false,
    exports: { ".": { types: "./mod.d.ts", default: "./mod.js" } },
    types: "./mod.d.ts",
    files: ["mod.js", "mod.js.map", "mod.d.ts"],
    engines: { node: ">=20" },
    // For its types alone.
    peerDependencies: { zod: imports.zod.replace("npm:zod@", "") },
    peerDependenciesMeta: { zod: { optional: true } },
  };
}

/**
 * Writes the package into `folder`, which need not exist.
 *
 * @throws {Error} where the client cannot be bundled.
 */
export async function buildClientPackage(folder: URL): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "--quiet", "--platform=browser", "--format=esm", "--sourcemap=linked"].concat(
      ["--declaration", `--output=${new URL("mod.js", folder).pathname}`, "lib/client/mod.ts"],
    ),
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdout: "null",
  }).output();
  if (!success) throw new Error(`Cannot bundle the client: ${new TextDecoder().decode(stderr)}`);
  const types = new URL("mod.d.ts", folder);
  await Deno.writeTextFile(types, tidy(await Deno.readTextFile(types)));
  const text = JSON.stringify(manifest(), null, 2);
  await Deno.writeTextFile(new URL("package.json", folder), `${text}\n`);
  await Deno.writeTextFile(new URL("README.md", folder), README);
  await Deno.copyFile(new URL("LICENSE", ROOT), new URL("LICENSE", folder));
}

/**
 * The declarations with what the bundler leaves behind taken away: an import that is repeated for each
 * module that had it, and one of a module of ours that went into no declaration but a constructor that
 * is not for callers.
 */
function tidy(declarations: string): string {
  const seen = new Set<string>();
  return declarations.split("\n").flatMap((line) => {
    const [, name] = /^import type \{ (\w+) \} from "\.\/.*";$/.exec(line) ?? [];
    if (name !== undefined) return [`type ${name} = unknown;`];
    if (!line.startsWith("import ")) return [line];
    if (seen.has(line)) return [];
    seen.add(line);
    return [line];
  }).join("\n");
}

if (import.meta.main) {
  await buildClientPackage(PACKAGE_FOLDER);
  const text = `The package is in ${PACKAGE_FOLDER.pathname}: npm publish it from there\n`;
  await Deno.stdout.write(new TextEncoder().encode(text));
}
