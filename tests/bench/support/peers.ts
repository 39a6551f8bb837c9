/**
 * The peers' packages, installed by npm when a bench first needs them, into a folder that git ignores.
 *
 * @module
 */
import { MissingTarget } from "../bench.ts";

/** The peers and what verifies their tokens. */
const PACKAGES = ["ws@8", "socket.io@4", "jose@6"];

const FOLDER = new URL("../.peers/", import.meta.url);

let installed: Promise<string> | undefined;

/**
 * The folder that holds the peers' modules.
 *
 * @throws {MissingTarget} where Node or npm is missing, or the packages cannot be had.
 */
export function peerModules(): Promise<string> {
  return installed ??= install();
}

async function install(): Promise<string> {
  const modules = new URL("node_modules/", FOLDER).pathname;
  if (await exists(`${modules}socket.io`) && await exists(`${modules}jose`)) return modules;
  await Deno.mkdir(FOLDER, { recursive: true });
  try {
    const { success, stderr } = await new Deno.Command("npm", {
      args: ["install", "--no-save", "--no-audit", "--no-fund", "--prefix", ".", ...PACKAGES],
      cwd: FOLDER,
      stdout: "null",
      stderr: "piped",
      signal: AbortSignal.timeout(60_000),
    }).output();
    if (success) return modules;
    const reason = new TextDecoder().decode(stderr).trim().split("\n")[0];
    throw new MissingTarget(`npm cannot install it: ${reason}`);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new MissingTarget("Node and npm are not installed");
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
