/**
 * The client as a package: what others import, in Node and through its types.
 *
 * @module
 */
import { assert, assertEquals, assertLess } from "@std/assert";
import { buildClientPackage } from "../../lib/client_package.ts";
import { orHang } from "../support/feed.ts";
import { findProgram, type NamedTest, type Need, needs } from "../support/permissions.ts";
import { ServerProcess, TempFolder } from "../support/server_process.ts";
import { mintToken } from "../support/tokens.ts";

const NODE = { program: "node" };

/** Most that the client may add to a page, minified and compressed, bytes. */
const MAX_CLIENT_BYTES = 10_000;

const [major = 0, minor = 0] = Deno.version.deno.split(".").map(Number);
const writesDeclarations = major > 2 || (major === 2 && minor >= 9);

/** Before 2.9 the bundler wrote no declarations. */
function needsBundler(name: string, ...more: readonly Need[]): NamedTest {
  const needed = needs("net", "read", "write", "env", "run", "sys", ...more)(name);
  return needed.ignore || writesDeclarations
    ? needed
    : { name: `${name} [ignored: needs Deno 2.9]`, ignore: true };
}

/** A chat as a program of Node would have it; Node 20 has its `WebSocket` behind a flag. */
const CHAT = `
import { DrawbridgeClient } from "@drawbridge/client";
const [address, token] = process.argv.slice(2);
const client = new DrawbridgeClient({ address, token });
const { run } = await client.send("t", "/count 5 1");
let last = "";
for await (const text of run.text()) last = text;
await client.close();
console.log(JSON.stringify({ last, state: client.state.kind }));
`;

const TYPED = `
import { type ClientState, DrawbridgeChatTransport, DrawbridgeClient } from "./mod.js";
const client = new DrawbridgeClient({ address: "http://chat.test", token: () => "t" });
client.subscribe((state: ClientState) => state.kind === "degraded" && state.services.length);
export const answered: Promise<"completed" | "failed" | "cancelled" | "interrupted"> = client
  .send("t", "x").then(({ run }) => run.answer).then(({ outcome }) => outcome);
export const transport: { reconnectToStream: unknown } = new DrawbridgeChatTransport(client);
// @ts-expect-error a number is no text
void client.send("t", 1);
`;

async function run(command: string, args: string[], cwd: string): Promise<string> {
  const child = new Deno.Command(command, { args, cwd, env: { NO_COLOR: "1" } });
  const { success, stdout, stderr } = await orHang(child.output(), `the end of ${command}`);
  const text = new TextDecoder();
  assert(success, `${command} ${args}: ${text.decode(stderr)}`);
  return text.decode(stdout);
}

Deno.test({
  ...needsBundler("Node imports the package and chats through it", NODE),
  async fn() {
    await using folder = new TempFolder();
    await using server = await ServerProcess.start();
    await buildClientPackage(
      new URL(`file://${folder.path}/node_modules/@drawbridge/client/`),
    );
    await Deno.writeTextFile(`${folder.path}/chat.mjs`, CHAT);
    const args = ["--experimental-websocket", "chat.mjs", server.address, await mintToken()];
    const said = JSON.parse(await run(findProgram(NODE)!, args, folder.path));
    assertEquals(said, { last: "1 2 3 4 5", state: "closed" });
  },
});

Deno.test({
  ...needsBundler("TypeScript knows the package's types, and holds its users to them"),
  async fn() {
    await using folder = new TempFolder();
    await buildClientPackage(new URL(`file://${folder.path}/`));
    await Deno.writeTextFile(`${folder.path}/use.ts`, TYPED);
    const module = await Deno.readTextFile(`${folder.path}/mod.js`);
    await Deno.writeTextFile(`${folder.path}/mod.js`, `// @ts-self-types="./mod.d.ts"\n${module}`);
    const config = new URL("../../deno.json", import.meta.url).pathname;
    await run(Deno.execPath(), ["check", "--quiet", `--config=${config}`, "use.ts"], folder.path);
  },
});

Deno.test({
  ...needsBundler("the client adds less than 10 KB to a page, minified and compressed"),
  async fn() {
    const entry = new URL("../../lib/client/mod.ts", import.meta.url).pathname;
    const args = ["bundle", "--quiet", "--platform=browser", "--minify", entry];
    const bundle = await run(Deno.execPath(), args, ".");
    const compressed = new Blob([bundle]).stream().pipeThrough(new CompressionStream("gzip"));
    const bytes = await new Response(compressed).arrayBuffer();
    assert(bundle.includes("DrawbridgeChatTransport"));
    assertLess(bytes.byteLength, MAX_CLIENT_BYTES);
  },
});
