import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { ChatClient } from "../support/chat_client.ts";
import { devToken, needsServer, ServerProcess } from "../support/server_process.ts";

Deno.test({
  ...needsServer(
    "deno task dev prints its address, serves a page and a chat, and ends with 0 on SIGINT",
  ),
  async fn() {
    await using server = await ServerProcess.start({ task: "dev", env: { JWT_SECRET: "" } });
    assertMatch(server.address, /^http:\/\/127\.0\.0\.1:\d+$/);
    const page = await server.request("/");
    assertEquals(page.status, 200);
    assertMatch(page.headers.get("content-type") ?? "", /^text\/html\b/);
    assertStringIncludes(page.body, "<title>");

    await using client = await ChatClient.connect(server.address, await devToken(server, "ada"));
    assertEquals((await client.request({ type: "ping" })).type, "pong");
    // Lines for people, the last of them where to go.
    const isReady = (line: string) => line.includes(" ready in ");
    assertMatch(server.lines.find(isReady) ?? "", new RegExp(`: open ${server.address}$`));
    assertEquals(server.lines.filter((line) => line.startsWith("{")), []);

    server.signal("SIGINT");
    assertEquals((await server.exited()).code, 0);
    assertEquals((await client.closed()).code, 1012);
  },
});
