import { assertEquals } from "@std/assert";
import { pathOf, urlOf } from "../../routes/context.ts";

/** What the platform makes of a request to `/ws?token=x` with that `Host`. */
function received(host: string): Pick<Request, "url" | "headers"> {
  return { url: `http://${host}/ws?token=x`, headers: new Headers({ host }) };
}

Deno.test("urlOf finds the query behind any host that is one", () => {
  for (const host of ["example.com", "127.0.0.1:8000", "[::1]:8000", "a_b.example"]) {
    assertEquals(urlOf(received(host))?.searchParams.get("token"), "x", host);
  }
});

Deno.test("urlOf takes no host that would hide the query", () => {
  for (const host of ["ZL?Jt", "a#b", "a/b", "user@host", "a\\b", "a b", ""]) {
    assertEquals(urlOf(received(host)), null, host);
  }
});

Deno.test("pathOf finds a path behind any host, none included, and `/` where there is none", () => {
  for (
    const [address, path] of [
      ["http://a/ws?token=x", "/ws"],
      ["https://a:1/%77s/b#c", "/ws/b"],
      ["http://?/ws", "/ws"],
      ["http:///ws?a=/b", "/ws"],
      ["https:///a/b", "/a/b"],
      ["http:///", "/"],
      ["http://a", "/"],
      ["http://a?b/c", "/"],
      ["http://?x", "/"],
      ["http://", "/"],
    ] as const
  ) {
    assertEquals(pathOf({ url: address } as Request), path, address);
  }
});
