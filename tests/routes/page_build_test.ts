import { assertEquals, assertLess } from "@std/assert";
import { ASSETS } from "../../routes/page/assets.ts";
import { buildPage, BUNDLER_VERSION, staleFiles } from "../../routes/page/build.ts";
import { makeShell } from "../../routes/page/shell.ts";
import { needs } from "../support/permissions.ts";

/** Most that the whole page may weigh on its way to a browser, bytes. */
const MAX_PAGE_BYTES = 60_000;

const ASSETS_FOLDER = new URL("../../routes/page/assets/", import.meta.url);

/** Another version's bundler makes other files from the same sources. */
const needsBundler = (name: string): { name: string; ignore: boolean } => {
  const needed = needs("read", "write", "run", "net", "env")(name);
  const isOther = Deno.version.deno !== BUNDLER_VERSION;
  return needed.ignore || !isOther
    ? needed
    : { name: `${name} [ignored: needs Deno ${BUNDLER_VERSION}]`, ignore: true };
};

Deno.test({
  ...needsBundler("the committed page is what its sources make: else run `deno task build`"),
  async fn() {
    const built = await buildPage();
    assertEquals(await staleFiles(built), []);

    const other = new Map(built).set("page-0.js", new Uint8Array());
    const [script] = [...built.keys()].filter((name) => name === ASSETS.script);
    other.set(script!, new TextEncoder().encode("other"));
    other.delete(ASSETS.icon);
    assertEquals(
      (await staleFiles(other)).sort(),
      [
        `${ASSETS.icon} is left over`,
        "page-0.js is missing",
        `${script} is not what the sources make`,
      ].sort(),
    );
  },
});

Deno.test({
  ...needs("read")("the whole page, with everything that it loads, weighs less than 60 KB"),
  async fn() {
    const config = { allowedOrigins: new Set<string>(), devTokens: true, page: {} };
    const { html } = await makeShell(config);
    const sizes = await Promise.all(
      ["br", "gz"].map(async (suffix) => {
        const files = Object.values(ASSETS).map((name) =>
          Deno.stat(new URL(`${name}.${suffix}`, ASSETS_FOLDER))
        );
        return (await Promise.all(files)).reduce((sum, { size }) => sum + size, html.length);
      }),
    );
    for (const size of sizes) assertLess(size, MAX_PAGE_BYTES);
  },
});
