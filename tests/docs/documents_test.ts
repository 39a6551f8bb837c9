import { assert, assertEquals } from "@std/assert";
import { closeNotes } from "../../lib/chat/close_codes.ts";
import { CLIENT_FRAME_NOTES } from "../../lib/chat/notes/client_frames.ts";
import { SERVER_FRAME_NOTES } from "../../lib/chat/notes/server_frames.ts";
import { clientFrameSchemas, serverFrameSchemas } from "../../lib/chat/protocol.ts";
import { ERROR_CODES, ERRORS, type ErrorShape } from "../../lib/errors.ts";
import { asyncApiDocument } from "../../routes/docs/asyncapi.ts";
import { openApiDocument, OPERATIONS } from "../../routes/docs/openapi.ts";
import { errorsOf } from "../../routes/docs/operation.ts";
import { World } from "../support/in_process.ts";
import { asPublished, closed, frameViolations, publishedDocuments } from "../support/published.ts";
import { answerViolations } from "../support/published_http.ts";

const PATHS = ["/openapi.json", "/asyncapi.json", "/docs", "/docs/style.css"];

type Json = Readonly<Record<string, unknown>>;

/** Every object within a value, with where it is. */
function* objectsIn(value: unknown, path: readonly string[] = []): Generator<[Json, string[]]> {
  if (typeof value !== "object" || value === null) return;
  if (!Array.isArray(value)) yield [value as Json, [...path]];
  for (const [name, member] of Object.entries(value)) yield* objectsIn(member, [...path, name]);
}

for (const path of PATHS) {
  Deno.test(`${path} is there before the gate opens, and says when nothing has changed`, async () => {
    await using world = await World.open({ closed: true, withoutKeys: true });
    const first = await world.request(path, { sub: null });
    const body = await first.text();
    assertEquals([first.status, first.headers.get("Cache-Control")], [200, "no-cache"]);
    assert(body.length > 1_000);
    const etag = first.headers.get("ETag")!;
    const again = await world.request(path, { sub: null, headers: { "If-None-Match": etag } });
    assertEquals([again.status, await again.text()], [304, ""]);
    const head = await world.request(path, { sub: null, method: "HEAD" });
    assertEquals([head.status, await head.text(), head.headers.get("ETag")], [200, "", etag]);
  });

  Deno.test(`${path} answers other methods with 405 and Allow`, async () => {
    await using world = await World.open();
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
      const response = await world.request(path, { method });
      assertEquals([response.status, response.headers.get("Allow")], [405, "GET, HEAD"]);
      assertEquals((await response.json()).code, "METHOD_NOT_ALLOWED");
    }
  });

  Deno.test(`${path} allows one stylesheet of its own and nothing else`, async () => {
    await using world = await World.open();
    const { headers } = await world.request(path);
    const policy = headers.get("Content-Security-Policy") ?? "";
    const sources = policy.split("; ").filter((directive) => /-src /.test(directive));
    assertEquals(sources, ["default-src 'none'", "style-src 'self'", "img-src 'self' data:"]);
    assertEquals(headers.get("X-Content-Type-Options"), "nosniff");
    // The headers of a 304 replace those that a browser has kept.
    const again = await world.request(path, {
      headers: { "If-None-Match": headers.get("ETag")! },
    });
    assertEquals([again.status, again.headers.get("Content-Security-Policy")], [304, policy]);
  });
}

Deno.test("OpenAPI describes every route of the application, and no other", async () => {
  await using world = await World.open();
  const routes = world.routes
    // The chat page's own files are no interface.
    .filter(({ method, path }) => method !== "ALL" && !/^\/assets\/|^\/favicon/.test(path))
    .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, "{$1}")}`);
  const described = OPERATIONS.filter(({ path }) => path !== "/ws")
    .map(({ method, path }) => `${method.toUpperCase()} ${path}`);
  const isPageAsset = (route: string) => /\.css$/.test(route) && !route.includes("/docs/");
  assertEquals(
    [...new Set(routes)].filter((route) => !isPageAsset(route)).sort(),
    described.sort(),
  );
  const ids = OPERATIONS.map(({ id }) => id);
  assertEquals(new Set(ids).size, ids.length);
});

Deno.test("AsyncAPI describes every frame of the protocol, and no other", () => {
  const { operations } = asyncApiDocument() as unknown as {
    operations: Record<string, { action: string; reply?: { messages: { $ref: string }[] } }>;
  };
  const names = (action: string) =>
    Object.keys(operations).filter((name) => operations[name]!.action === action);
  assertEquals(names("receive").sort(), Object.keys(clientFrameSchemas).sort());
  const replies = Object.values(operations).flatMap(({ reply }) => reply?.messages ?? [])
    .map(({ $ref }) => $ref.split("/").at(-1)!.replace(/^ack\..*/, "ack"));
  const said = new Set([...names("send"), ...replies]);
  assertEquals([...said].sort(), Object.keys(serverFrameSchemas).sort());
});

Deno.test("every reference within the documents leads somewhere", () => {
  for (const document of [openApiDocument(), asyncApiDocument()]) {
    for (const [{ $ref }, path] of objectsIn(document)) {
      if (typeof $ref !== "string") continue;
      const names = $ref.slice("#/".length).split("/");
      const target = names.reduce<unknown>(
        (at, name) => (at as Json | undefined)?.[name],
        document,
      );
      assert(target !== undefined, `${path.join(".")} refers to ${$ref}`);
    }
  }
});

Deno.test("every schema of the documents that has fields says something on each of them", () => {
  for (const document of [openApiDocument(), asyncApiDocument()]) {
    const mute = [...objectsIn(document["components"])].flatMap(([schema, path]) => {
      const isField = path.at(-2) === "properties" && path.length < 6;
      return isField && !("description" in schema) && !("$ref" in schema) ? [path.join(".")] : [];
    });
    assertEquals(mute.filter((path) => !/MessagePart|UiMessageChunk/.test(path)), []);
  }
});

Deno.test("the documents' examples are what the documents describe", () => {
  for (const { example } of Object.values(CLIENT_FRAME_NOTES)) asPublished("client", example);
  for (const { example } of Object.values(SERVER_FRAME_NOTES)) asPublished("server", example);
  const { messages } = publishedDocuments().asyncapi["components"] as {
    messages: Record<string, { examples: { payload: unknown }[] }>;
  };
  for (const [name, { examples }] of Object.entries(messages)) {
    const path = ["components", "messages", name, "payload"];
    for (const { payload } of examples) {
      assertEquals(publishedDocuments().violations("asyncapi", path, payload), [], name);
    }
  }
  let count = 0;
  for (const [content, path] of objectsIn(publishedDocuments().openapi["paths"])) {
    if (!("example" in content) || typeof content["example"] === "string") continue;
    const at = ["paths", ...path, "schema"];
    assertEquals(
      publishedDocuments().violations("openapi", at, content["example"]),
      [],
      path.join(),
    );
    count++;
  }
  assert(count > 15, `${count} examples`);
});

Deno.test("what clients must not rely on is left open: no object forbids further fields", () => {
  for (const document of [openApiDocument(), asyncApiDocument()]) {
    for (const [schema, path] of objectsIn(document)) {
      assert(schema["additionalProperties"] !== false, path.join("."));
    }
  }
});

Deno.test("a frame that breaks the document by one field is told from one that does not", () => {
  const { ack, entry } = { ack: SERVER_FRAME_NOTES.ack.example, entry: SERVER_FRAME_NOTES.entry };
  assertEquals(frameViolations("server", ack), []);
  assert(frameViolations("server", { ...ack, seq: "1" }).length > 0);
  assert(frameViolations("server", { ...ack, extra: 1 }).length > 0);
  assert(frameViolations("server", { ...ack, duplicate: undefined }).length > 0);
  assert(frameViolations("server", { type: "ack", ref: "1", seq: 1 }).length > 0);
  const { createdAt: _, ...undated } = entry.example.entry as Json;
  assert(frameViolations("server", { ...entry.example, entry: undated }).length > 0);
  assert(frameViolations("server", { ...entry.example, type: "message.send" }).length > 0);
  assert(frameViolations("client", { type: "ping", id: "no spaces" }).length > 0);
});

Deno.test("an answer that breaks the document is told from one that does not", () => {
  const asked = { method: "GET", path: "/api/threads?limit=1" };
  const headers = new Headers({ "Content-Type": "application/json", "X-Request-Id": "r" });
  const answered = { status: 200, headers, body: '{"threads":[],"nextCursor":null}' };
  assertEquals(answerViolations(asked, answered), []);
  const breaks = (changes: Partial<typeof answered>) =>
    assert(
      answerViolations(asked, { ...answered, ...changes }).length > 0,
      JSON.stringify(changes),
    );
  breaks({ body: '{"threads":[]}' });
  breaks({ body: '{"threads":[],"nextCursor":null,"more":true}' });
  breaks({ status: 202 });
  breaks({ headers: new Headers({ "Content-Type": "application/json" }) });
  breaks({ headers: new Headers({ "Content-Type": "text/plain", "X-Request-Id": "r" }) });
  const problem = {
    type: "urn:drawbridge:problem:store-unavailable",
    title: "t",
    status: 503,
    detail: "d",
    code: "STORE_UNAVAILABLE",
    retryable: true,
    requestId: "r",
    retryAfterMs: 1,
  };
  const refused = (changes: Json, more: Record<string, string> = {}) =>
    answerViolations(asked, {
      status: 503,
      headers: new Headers({
        "Content-Type": "application/problem+json",
        "X-Request-Id": "r",
        "Cache-Control": "no-store",
        "Retry-After": "1",
        ...more,
      }),
      body: JSON.stringify({ ...problem, ...changes }),
    });
  assertEquals(refused({}), []);
  // A code of another status, or of another route.
  assert(refused({ code: "RUN_ACTIVE" }).length > 0);
  assert(refused({ status: 500 }).length > 0);
  assert(refused({ retryAfterMs: undefined }).length > 0);
  assert(refused({}, { "Retry-After": "soon" }).length > 0);
});

Deno.test("every status that an operation answers with lists the codes of that status alone", () => {
  const { paths } = openApiDocument() as { paths: Record<string, Record<string, Json>> };
  for (const operation of OPERATIONS) {
    const { responses } = paths[operation.path]![operation.method] as { responses: Json };
    const listed = [...objectsIn(responses)].flatMap(([schema]) => {
      const { code, status } = (schema["properties"] ?? {}) as {
        code?: { enum: (keyof typeof ERRORS)[] };
        status?: { const: number };
      };
      if (code === undefined || status?.const === undefined) return [];
      assertEquals(code.enum.filter((one) => ERRORS[one].status !== status.const), []);
      return code.enum;
    });
    assertEquals(listed.sort(), errorsOf(operation).sort());
  }
});

Deno.test("every close code of the error registry has a note, and each note is of one that is used", () => {
  const noted = closeNotes();
  const used = Object.values<ErrorShape>(ERRORS).flatMap(({ closeCode }) => closeCode ?? []);
  assertEquals([...new Set(used)].filter((code) => !noted.some((note) => note.code === code)), []);
  const unreasoned = noted.filter(({ reasons }) => reasons.length === 0).map(({ code }) => code);
  // The platform closes idle sockets, without a reason.
  assertEquals(unreasoned, [1001]);
});

Deno.test("the page needs no script and no style but its sheet, and every link on it leads somewhere", async () => {
  await using world = await World.open();
  const page = await (await world.request("/docs")).text();
  assertEquals(page.match(/<script|<style|\sstyle=|\son\w+=|javascript:/gi), null);
  const anchors = [...page.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id!);
  assertEquals(anchors.filter((id, at) => anchors.indexOf(id) !== at), []);
  const links = [...page.matchAll(/href="([^"]+)"/g)].map(([, link]) => link!);
  const within = links.filter((link) => link.startsWith("#")).map((link) => link.slice(1));
  assertEquals([...new Set(within)].filter((id) => id !== "content" && !anchors.includes(id)), []);
  const outside = [...new Set(links.filter((link) => !link.startsWith("#")))].sort();
  assertEquals(outside, ["/", "/asyncapi.json", "/docs/style.css", "/openapi.json"]);
});

Deno.test("the page shows every route, frame, error code and close code, and escapes what it shows", async () => {
  await using world = await World.open();
  const page = await (await world.request("/docs")).text();
  const shown = [
    ...OPERATIONS.map(({ id }) => `id="http-${id}"`),
    ...Object.keys(clientFrameSchemas).map((type) => `id="frame-${type.replaceAll(".", "-")}"`),
    ...ERROR_CODES.map((code) => `id="error-${code}"`),
    ...closeNotes().map(({ code }) => `id="close-${code}"`),
  ];
  assertEquals(shown.filter((mark) => !page.includes(mark)), []);
  assert(page.includes("&quot;message.send&quot;"));
});

Deno.test("closing a schema forbids further fields where some are named, and nowhere else", () => {
  const open = { type: "object", properties: { a: { type: "object" } } };
  assertEquals(closed(open), { ...open, additionalProperties: false });
  const loose = { ...open, additionalProperties: {} };
  assertEquals(closed({ items: [loose] }), { items: [loose] });
});
