/**
 * The published documents before judges that know nothing of this project. Each runs as a program
 * of its own with a lock file of its own: their 160 packages would otherwise be fetched by everybody
 * who starts the server for the first time.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { asyncApiDocument } from "../../routes/docs/asyncapi.ts";
import { openApiDocument } from "../../routes/docs/openapi.ts";
import { needs } from "../support/permissions.ts";

const withPrograms = needs("run", "read");

/** A second or so, and a minute where the packages have to be fetched and the machine is busy. */
const LONGEST_MS = 300_000;

/** Rewrite `validators.lock` after a change here: run the test with `--frozen` taken out. */
const LOCK = new URL("validators.lock", import.meta.url).pathname;

/** Faults and warnings, less the advice to use a later version than the one that was asked for. */
const ASYNCAPI = `
import { Parser } from "npm:@asyncapi/parser@3.6.6";
const judge = async (document) => {
  const { diagnostics } = await new Parser().parse(JSON.stringify(document));
  return diagnostics.filter(({ code }) => code !== "asyncapi-latest-version")
    .map(({ code, message, path }) => code + " at " + path.join("/") + ": " + message);
};
`;

const OPENAPI = `
import { Validator } from "npm:@seriousme/openapi-schema-validator@2.11.0";
const judge = async (document) => {
  const { valid, errors } = await new Validator().validate(document);
  return valid ? [] : [JSON.stringify(errors)];
};
`;

const MAIN = `
const verdicts = [];
for (const document of JSON.parse(await new Response(Deno.stdin.readable).text())) {
  verdicts.push(await judge(document));
}
await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(verdicts)));
Deno.exit();
`;

/** What a judge says of each document. */
async function verdictsOf(judge: string, documents: readonly unknown[]): Promise<string[][]> {
  // Data, and not stdin, holds the program: it reads the documents from there.
  const program = `data:application/javascript,${encodeURIComponent(judge + MAIN)}`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--no-config", "--quiet"].concat(
      ["--allow-read", "--allow-env", "--allow-sys", `--lock=${LOCK}`, "--frozen", program],
    ),
    env: { NO_COLOR: "1", NODE_NO_WARNINGS: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(LONGEST_MS),
  }).spawn();
  await new Blob([JSON.stringify(documents)]).stream().pipeTo(child.stdin);
  const { success, stdout, stderr } = await child.output();
  assert(success, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

Deno.test({
  ...withPrograms(
    "AsyncAPI's own parser takes the document without a complaint, and no broken one",
  ),
  async fn() {
    const document = asyncApiDocument();
    const { operations } = structuredClone(document) as { operations: Record<string, object> };
    const broken = { ...operations, ping: { ...operations["ping"], action: "shout" } };
    const [good, bad] = await verdictsOf(ASYNCAPI, [document, { ...document, operations: broken }]);
    assertEquals(good, []);
    assert(bad!.length > 0);
  },
});

Deno.test({
  ...withPrograms("an OpenAPI 3.1 validator takes the document, and no broken one"),
  async fn() {
    const document = openApiDocument();
    const [good, bad] = await verdictsOf(OPENAPI, [document, { ...document, paths: { "/x": 1 } }]);
    assertEquals(good, []);
    assert(bad!.length > 0);
  },
});
