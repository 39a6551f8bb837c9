/** The contract's section 8, a remote database that hangs after the start-up and comes back. */
import { assert, assertEquals } from "@std/assert";
import { ChatClient } from "../support/chat_client.ts";
import { DenoKvServer, needsCluster } from "../support/denokv.ts";
import { ServerProcess } from "../support/server_process.ts";
import { mintToken } from "../support/tokens.ts";
import { FreezableProxy } from "./freezable_proxy.ts";
import {
  assertKept,
  assertPasses,
  assertStoreLost,
  assertUnavailable,
  health,
  untilServing,
} from "./observed.ts";

/** A server on a remote database, the wire between them, and two chats with one message. */
class Rig implements AsyncDisposable {
  readonly #stack: AsyncDisposableStack;
  readonly wire: FreezableProxy;
  readonly server: ServerProcess;
  readonly token: string;
  readonly client: ChatClient;
  readonly other: ChatClient;

  private constructor(
    stack: AsyncDisposableStack,
    parts: Pick<Rig, "wire" | "server" | "token" | "client" | "other">,
  ) {
    this.#stack = stack;
    this.wire = parts.wire;
    this.server = parts.server;
    this.token = parts.token;
    this.client = parts.client;
    this.other = parts.other;
  }

  static async start(): Promise<Rig> {
    await using stack = new AsyncDisposableStack();
    const wire = stack.use(new FreezableProxy(stack.use(await DenoKvServer.start()).env));
    const server = stack.use(await ServerProcess.start({ env: wire.env }));
    const token = await mintToken();
    const client = stack.use(await ChatClient.connect(server.address, token));
    const other = stack.use(await ChatClient.connect(server.address, token));
    await client.say("t", { id: "m1", text: "hello" });
    await client.answer("t");
    return new Rig(stack.move(), { wire, server, token, client, other });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack[Symbol.asyncDispose]();
  }
}

/** A message by whose storing the wire is frozen: what the server does besides is none of it. */
const MARK = "freeze-at-these-words";

function sending(threadId: string, id: string, text = "hello") {
  return { type: "message.send", threadId, message: { id, text } } as const;
}

Deno.test({
  ...needsCluster(
    "a remote database that hangs: messages and newcomers are refused, and it heals when it is back",
  ),
  async fn() {
    await using rig = await Rig.start();
    const { wire, server, token, client, other } = rig;
    await client.say("running", { id: "m1", text: "/count 60 50" });
    wire.freeze();
    const refused = client.request(sending("t", "lost-1"));
    // Asked while nobody knows yet: it says nothing that it has not seen.
    assertEquals((await health(server, "/health/ready")).status, 503);
    assertUnavailable(await refused);
    await server.log("The store is lost");
    await assertStoreLost(server, token);
    assertUnavailable(await other.request(sending("t", "lost-2")));
    assertEquals((await other.request({ type: "ping" })).type, "pong");

    wire.thaw();
    await untilServing(server, token);
    await client.say("t", { id: "m2", text: "hello" });
    await other.say("t", { id: "m3", text: "hello" });
    await assertKept(server, token, { threadId: "t", acked: ["m1", "m2", "m3"] });
    await assertKept(server, token, { threadId: "running", acked: ["m1"] });
  },
});

Deno.test({
  ...needsCluster(
    "a remote database that holds a message, or its answer, for a while: who waits gets a true answer",
  ),
  async fn() {
    const hold = async (held: "requests" | "answers") => {
      await using rig = await Rig.start();
      const { wire, server, token, client, other } = rig;
      const frozen = wire.freezeAt(MARK, held);
      const sent = client.request(sending("new", "m1", MARK));
      await frozen;
      await server.log("The store is lost");
      await assertStoreLost(server, token);
      assertUnavailable(await other.request(sending("t", "lost-1")));
      wire.thaw();
      await untilServing(server, token);
      const answer = await sent;
      assert(answer.type === "ack", JSON.stringify(answer));
      assertEquals([answer.seq, answer.duplicate], [1, false]);
      await client.say("new", { id: "m2", text: "hello" });
      await assertKept(server, token, { threadId: "new", acked: ["m1", "m2"] });
      await assertKept(server, token, { threadId: "t", acked: ["m1"] });
    };
    await Promise.all([hold("requests"), hold("answers")]);
  },
});

Deno.test({
  ...needsCluster(
    "a remote database that holds a message for long: its socket is closed without an answer to it",
  ),
  async fn() {
    const hold = async (held: "requests" | "answers") => {
      await using rig = await Rig.start();
      const { wire, server, token, client, other } = rig;
      const frozen = wire.freezeAt(MARK, held);
      const id = client.send(sending("new", "m1", MARK));
      await frozen;
      assertEquals(await client.closed(), { code: 1011, reason: "Service unavailable" });
      const answers = client.frames.items.filter((frame) => "ref" in frame && frame.ref === id);
      assertEquals(answers, []);
      wire.thaw();
      await untilServing(server, token);
      // Sent again it has one answer, whatever became of the first.
      const ack = await other.say("new", { id: "m1", text: MARK });
      assertEquals(ack.seq, 1);
      if (held === "answers") assertEquals(ack.duplicate, true);
      await other.say("new", { id: "m2", text: "hello" });
      await assertKept(server, token, { threadId: "new", acked: ["m1", "m2"] });
      await assertPasses(server);
    };
    await Promise.all([hold("requests"), hold("answers")]);
  },
});
