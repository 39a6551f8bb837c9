import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { ASSETS } from "../../routes/page/assets.ts";
import { chooseEncoding } from "../../routes/page/encodings.ts";
import { needs } from "../support/permissions.ts";
import { type Asked, World } from "../support/in_process.ts";
import { problemIn } from "./problems.ts";

const withAssets = needs("read");

const PRODUCTION = {
  APP_ENV: "production",
  JWT_ISSUER: "https://issuer.example",
  JWT_AUDIENCE: "drawbridge",
};

/** Asks as a browser without a token. */
function visit(world: World, path: string, asked: Asked = {}): Promise<Response> {
  return world.request(path, { sub: null, ...asked });
}

/** The document's `<meta>` elements of this project, by name. */
function metasIn(html: string): Record<string, string> {
  return Object.fromEntries(
    [...html.matchAll(/<meta name="drawbridge:([\w-]+)" content="([^"]*)">/g)]
      .map(([, name = "", content = ""]) => [name, content]),
  );
}

/** The directives of the document's Content-Security-Policy. */
function policyOf(response: Response): Record<string, string> {
  const header = response.headers.get("content-security-policy") ?? "";
  return Object.fromEntries(
    header.split("; ").map((directive) => {
      const [name = "", ...sources] = directive.split(" ");
      return [name, sources.join(" ")];
    }),
  );
}

Deno.test("GET / is one document without inline code, whose policy allows its own files and no more", async () => {
  await using world = await World.open();
  const response = await visit(world, "/");
  assertEquals(response.status, 200);
  assertEquals(response.headers.get("content-type"), "text/html; charset=utf-8");
  assertEquals(response.headers.get("cache-control"), "no-cache");
  assertEquals(policyOf(response), {
    "default-src": "'none'",
    "script-src": "'self'",
    "connect-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",
    "trusted-types": "'none'",
  });
  assertMatch(response.headers.get("permissions-policy") ?? "", /camera=\(\)/);
  assertEquals(response.headers.get("cross-origin-opener-policy"), "same-origin");
  assertEquals(response.headers.get("cross-origin-resource-policy"), "same-origin");

  const html = await response.text();
  assertEquals(html.match(/<style|\sstyle=|\son\w+=|javascript:/gi), null);
  assertEquals([...html.matchAll(/<script[^>]*>([^<]*)/g)].map(([, code]) => code), [""]);
  const loaded = [...html.matchAll(/<(?:script|link)[^>]* (?:src|href)="([^"]*)"/g)];
  assertEquals(
    new Set(loaded.map(([, address]) => address)),
    new Set(Object.values(ASSETS).map((name) => `/assets/${name}`)),
  );
});

Deno.test("GET / answers 304 to whoever has it, with the headers that replace the kept ones", async () => {
  await using world = await World.open();
  const first = await visit(world, "/");
  await first.body?.cancel();
  const tag = first.headers.get("etag") ?? "";
  assertMatch(tag, /^"[^"]+"$/);
  for (const known of [tag, `W/${tag}`, `"other", ${tag}`, "*"]) {
    const again = await visit(world, "/", { headers: { "If-None-Match": known } });
    assertEquals([again.status, await again.text()], [304, ""], known);
    for (const name of ["etag", "cache-control", "content-security-policy", "permissions-policy"]) {
      assertEquals(again.headers.get(name), first.headers.get(name), name);
    }
  }
  const other = await visit(world, "/", { headers: { "If-None-Match": '"other"' } });
  await other.body?.cancel();
  assertEquals(other.status, 200);
});

Deno.test("GET / is there while the server starts, and while it drains", async () => {
  await using world = await World.open({ closed: true, withoutKeys: true });
  for (const drained of [false, true]) {
    if (drained) world.barrier.drain();
    const response = await visit(world, "/");
    await response.body?.cancel();
    assertEquals(response.status, 200);
  }
});

Deno.test("GET / lets the page ask for a name where development tokens are, else for a token of the site around it", async () => {
  const ALLOWED_ORIGINS = "https://a.example,https://b.example:8443";
  const cases: readonly (readonly [Record<string, string>, Record<string, string>])[] = [
    [{}, { "sign-in": "dev" }],
    [{ APP_ENV: "development" }, { "sign-in": "dev" }],
    [PRODUCTION, { "sign-in": "embed", "embed-origins": "" }],
    [{ ...PRODUCTION, APP_ENV: "staging", ALLOWED_ORIGINS }, {
      "sign-in": "embed",
      "embed-origins": "https://a.example https://b.example:8443",
    }],
    [{ ...PRODUCTION, PAGE_TOKEN_URL: "/session/token" }, {
      "sign-in": "token",
      "token-url": "/session/token",
    }],
    [{ PAGE_TOKEN_URL: "https://auth.example/token?for=chat" }, {
      "sign-in": "token",
      "token-url": "https://auth.example/token?for=chat",
    }],
  ];
  for (const [env, metas] of cases) {
    await using world = await World.open({ env });
    const response = await visit(world, "/");
    assertEquals(metasIn(await response.text()), metas);
  }
});

Deno.test("GET / may be framed by ALLOWED_ORIGINS, and may ask the origin of PAGE_TOKEN_URL", async () => {
  await using world = await World.open({
    env: {
      ALLOWED_ORIGINS: "https://a.example,https://b.example:8443",
      PAGE_TOKEN_URL: "https://auth.example:444/token",
    },
  });
  const response = await visit(world, "/");
  await response.body?.cancel();
  const policy = policyOf(response);
  assertEquals(policy["frame-ancestors"], "https://a.example https://b.example:8443");
  assertEquals(policy["connect-src"], "'self' https://auth.example:444");
  const elsewhere = await visit(world, "/health");
  await elsewhere.body?.cancel();
  assertMatch(elsewhere.headers.get("content-security-policy") ?? "", /frame-ancestors 'none'/);
});

Deno.test("GET / takes no markup from the configuration", async () => {
  await using world = await World.open({
    env: { PAGE_TOKEN_URL: `/a"><script>alert(1)</script>` },
  });
  const html = await (await visit(world, "/")).text();
  assertEquals(html.match(/<script/g)?.length, 1);
  assert(html.includes("/a&quot;&gt;&lt;script&gt;"));
});

Deno.test({
  ...withAssets(
    "GET /assets serves each file for good, compressed as the client likes, with its type",
  ),
  async fn() {
    await using world = await World.open();
    const types = {
      script: "text/javascript; charset=utf-8",
      style: "text/css; charset=utf-8",
      icon: "image/svg+xml",
    };
    for (const kind of ["script", "style", "icon"] as const) {
      const path = `/assets/${ASSETS[kind]}`;
      const ask = async (accepted: string) => {
        const response = await visit(world, path, { headers: { "Accept-Encoding": accepted } });
        assertEquals(response.status, 200);
        assertEquals(response.headers.get("content-type"), types[kind]);
        assertEquals(
          response.headers.get("cache-control"),
          "public, max-age=31536000, immutable",
        );
        assertEquals(response.headers.get("vary"), "Accept-Encoding");
        assertEquals(response.headers.get("x-content-type-options"), "nosniff");
        const bytes = new Uint8Array(await response.arrayBuffer());
        return { bytes, encoding: response.headers.get("content-encoding"), response };
      };
      const plain = await ask("identity");
      assertEquals(plain.encoding, null);
      const br = await ask("gzip, deflate, br, zstd");
      assertEquals(br.encoding, "br");
      assertEquals(new Uint8Array(brotliDecompressSync(br.bytes)), plain.bytes);
      const gzip = await ask("gzip, deflate");
      assertEquals(gzip.encoding, "gzip");
      assertEquals(new Uint8Array(gunzipSync(gzip.bytes)), plain.bytes);
      const tags = [plain, br, gzip].map(({ response }) => response.headers.get("etag"));
      assertEquals(new Set(tags).size, 3);

      const headers = { "Accept-Encoding": "br", "If-None-Match": tags[1] ?? "" };
      const again = await visit(world, path, { headers });
      assertEquals([again.status, await again.text()], [304, ""]);
      const head = await visit(world, path, { method: "HEAD" });
      assertEquals([head.status, await head.text()], [200, ""]);
      assertEquals(head.headers.get("content-type"), types[kind]);
    }
  },
});

Deno.test({
  ...withAssets("GET /favicon.ico is the page's icon"),
  async fn() {
    await using world = await World.open();
    const [one, other] = await Promise.all([
      visit(world, "/favicon.ico"),
      visit(world, `/assets/${ASSETS.icon}`),
    ]);
    assertEquals(one.headers.get("content-type"), "image/svg+xml");
    assertNotEquals(one.headers.get("cache-control"), other.headers.get("cache-control"));
    assertEquals(await one.text(), await other.text());
  },
});

Deno.test("GET /assets knows no other name: no path, no compressed copy, no manifest", async () => {
  await using world = await World.open();
  const names = [
    "page-000000000000.js",
    `${ASSETS.script}.br`,
    "manifest.json",
    "..%2f..%2fmain.ts",
    "..%2fmanifest.json",
    "%00",
    "",
  ];
  for (const name of names) await problemIn(await visit(world, `/assets/${name}`), "NOT_FOUND");
});

Deno.test("chooseEncoding takes the best that is allowed", () => {
  const cases: readonly (readonly [string, string | null])[] = [
    ["", null],
    ["identity", null],
    ["gzip, deflate, br, zstd", "br"],
    ["GZIP", "gzip"],
    ["br;q=0.5, gzip;q=0.8", "gzip"],
    ["br;q=0, gzip", "gzip"],
    ["*", "br"],
    ["br;q=0, *;q=0.1", "gzip"],
    ["*;q=0", null],
    ["gzip;q=", null],
    ["br;q=0.0", null],
    [" gzip ; q=1.0 , br ; q=0.2", "gzip"],
    ["x".repeat(10_000), null],
  ];
  for (const [header, encoding] of cases) assertEquals(chooseEncoding(header), encoding, header);
});
