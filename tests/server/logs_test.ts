import { assert, assertEquals, assertMatch } from "@std/assert";
import { ChatClient } from "../support/chat_client.ts";
import { answerStatus, ModelServer } from "../support/model_server.ts";
import { RawSocket } from "../support/raw_socket.ts";
import { devToken, needsServer, ServerProcess } from "../support/server_process.ts";
import { mintToken, TEST_SECRET } from "../support/tokens.ts";

Deno.test({
  ...needsServer(
    "a server logs one JSON object a line, says where it listens, and tells no token, secret or message",
  ),
  async fn() {
    const said = "pineapple-on-pizza-4713";
    const metricsToken = "metrics-token-4714";
    const apiKey = "sk-model-key-4715";
    await using model = new ModelServer(answerStatus(400, { message: `no ${said} and ${apiKey}` }));
    await using server = await ServerProcess.start({
      env: {
        METRICS_TOKEN: metricsToken,
        OPENAI_BASE_URL: model.baseUrl,
        OPENAI_MODEL: "scripted",
        OPENAI_API_KEY: apiKey,
        JWT_SECRET_PREVIOUS: `${TEST_SECRET} before`,
      },
    });
    await server.state("ready");
    const token = await devToken(server, "alice");
    const stranger = await mintToken({ secret: "a secret that this server has never heard of" });

    // Every way in which a token or a text may reach the server, well and badly.
    {
      await using client = await ChatClient.connect(server.address, token);
      await client.say("t1", { id: "m1", text: said });
      const { entry } = await client.answer("t1");
      assert(entry.kind === "message" && entry.role === "assistant");
      assertEquals([entry.outcome, entry.error?.code], ["failed", "MODEL_UNAVAILABLE"]);
      // The operator is told, by the socket's own id.
      const failed = await server.log("run failed", { code: "MODEL_UNAVAILABLE" });
      const [ready] = client.frames.items;
      assert(ready?.type === "session.ready");
      assertEquals([failed["runId"], failed["requestId"]], [entry.runId, ready.sessionId]);
      client.sendText(`{"type": "message.send", "id": "x", "text": "${said}"`);
      await client.next("error");
      await client.request({ type: "auth.refresh", token: stranger });
    }
    const authorization = `Bearer ${token}`;
    await server.request(`/api/threads?token=${token}`, { headers: { authorization } });
    await server.request("/api/threads/t1/messages", {
      method: "POST",
      headers: { authorization, "content-type": "application/json" },
      body: `{"id": "m2", "text": "${said}`,
    });
    await server.request(`/${said}`, { headers: { authorization: `Bearer ${stranger}` } });
    await server.request("/metrics", { headers: { authorization: `Bearer ${metricsToken}` } });
    for (const headers of [{ authorization: `Bearer ${stranger}` }, { authorization }]) {
      using socket = await RawSocket.knock(server.address, headers, { target: `/ws?jwt=${token}` });
      assertEquals((await socket.response()).status, 401);
    }
    server.signal("SIGINT");
    assertEquals((await server.exited()).code, 0);

    const [first] = server.logs;
    assertEquals([first?.msg, first?.address], ["listening", server.address]);
    for (const { time, level, msg } of server.logs) {
      assertMatch(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      assert(["info", "warning", "error"].includes(level), level);
      assert(typeof msg === "string" && msg !== "");
    }
    const secrets = [said, metricsToken, apiKey, TEST_SECRET, token, stranger, "eyJ"];
    const output = `${server.lines.join("\n")}\n${server.stderr}`;
    assertEquals(secrets.filter((secret) => output.includes(secret)), []);
    assertEquals(server.stderr, "");
  },
});
