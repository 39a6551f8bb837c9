import { assertEquals, assertRejects } from "@std/assert";
import { Api, ApiError } from "../../routes/page/app/state/api.ts";
import { TokenKeeper } from "../../routes/page/app/state/tokens.ts";

/** A server that answers in line, and what it was asked. */
function served(...responses: Response[]) {
  const asked: string[] = [];
  let tokens = 0;
  const keeper = new TokenKeeper(() => Promise.resolve(`t${++tokens}`));
  const api = new Api(keeper, (path, { method, headers, body }) => {
    const token = new Headers(headers).get("Authorization");
    asked.push([method, path, token, body].filter((part) => part !== undefined).join(" "));
    return Promise.resolve(responses.shift() ?? new Response(null, { status: 500 }));
  });
  return { api, asked };
}

function problem(status: number, code: string): Response {
  return Response.json({ code, detail: "Not so." }, { status });
}

Deno.test("Api sends its token in the header alone", async () => {
  const page = { threads: [], nextCursor: null };
  const { api, asked } = served(Response.json(page), Response.json(page));
  assertEquals(await api.threads(null), page);
  await api.threads("c+1", 1);
  assertEquals(asked, [
    "GET /api/threads?limit=50 Bearer t1",
    "GET /api/threads?limit=1&cursor=c%2B1 Bearer t1",
  ]);
});

Deno.test("Api renames and removes, and takes what is not there for removed", async () => {
  const { api, asked } = served(
    Response.json({}),
    new Response(null, { status: 204 }),
    problem(404, "NOT_FOUND"),
  );
  await api.rename("a", "New");
  await api.remove("a");
  await api.remove("a");
  assertEquals(asked, [
    'PATCH /api/threads/a Bearer t1 {"title":"New"}',
    "DELETE /api/threads/a Bearer t1",
    "DELETE /api/threads/a Bearer t1",
  ]);
});

Deno.test("Api asks for another token once where the present one is refused", async () => {
  const { api, asked } = served(
    problem(401, "TOKEN_EXPIRED"),
    Response.json({ threads: [], nextCursor: null }),
    problem(401, "UNAUTHENTICATED"),
    problem(401, "UNAUTHENTICATED"),
  );
  await api.threads(null);
  assertEquals(asked.map((line) => line.split(" ").at(-1)), ["t1", "t2"]);
  const error = await assertRejects(() => api.threads(null), ApiError);
  assertEquals([error.code, asked.length], ["UNAUTHENTICATED", 4]);
});

Deno.test("Api gives the problem's code, and INTERNAL for what is no problem document", async () => {
  const { api } = served(
    problem(503, "STORE_UNAVAILABLE"),
    new Response("<h1>Bad gateway</h1>", { status: 502 }),
  );
  const known = await assertRejects(() => api.rename("a", "b"), ApiError, "Not so.");
  assertEquals([known.status, known.code], [503, "STORE_UNAVAILABLE"]);
  const unknown = await assertRejects(() => api.rename("a", "b"), ApiError);
  assertEquals([unknown.status, unknown.code], [502, "INTERNAL"]);
});
