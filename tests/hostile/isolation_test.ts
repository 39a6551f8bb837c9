import { assert, assertEquals, assertMatch } from "@std/assert";
import type { ServerFrame } from "../../lib/chat/protocol.ts";
import { ChatClient, chunksOf, type Outgoing, textOf } from "../support/chat_client.ts";
import type { HttpRequest, RawResponse } from "../support/raw_socket.ts";
import { needsServer, ServerProcess } from "../support/server_process.ts";
import { mintToken } from "../support/tokens.ts";

/** Ids of a thread, one of its messages and one of its runs: somebody else's, or invented ones. */
interface Ids {
  readonly threadId: string;
  readonly messageId: string;
  readonly runId: string;
}

type Route = (ids: Ids) => HttpRequest & { readonly path: string };
type Send = (ids: Ids) => Outgoing;

const SECRET = "treasure";

/** Every route that takes an id and creates nothing. */
const LOOKING: readonly Route[] = [
  ({ threadId }) => ({ path: `/api/threads/${threadId}` }),
  ({ threadId }) => ({ path: `/api/threads/${threadId}/entries` }),
  ({ threadId }) => ({ path: `/api/threads/${threadId}/entries?afterSeq=1&limit=1` }),
  ({ threadId }) => ({ path: `/api/threads/${threadId}/entries?afterSeq=999` }),
  ({ threadId, runId }) => post(`/api/threads/${threadId}/runs/${runId}/cancel`, {}),
  ({ threadId }) => ({ path: `/api/chat/${threadId}/stream` }),
  ({ threadId }) => post(`/api/chat/${threadId}/stop`, {}),
  ({ threadId }) => ({ ...post(`/api/threads/${threadId}`, { title: "mine" }), method: "PATCH" }),
];

/** Those that create, under the same ids, and what then becomes of the caller's own thread. */
const ROUTES: readonly Route[] = [
  ...LOOKING,
  ({ threadId }) => ({ path: `/api/threads/${threadId}`, method: "DELETE" }),
  ({ threadId }) => post("/api/threads", { id: threadId, title: "mine" }),
  ...LOOKING,
  ({ threadId, messageId }) =>
    post("/api/chat", {
      id: threadId,
      messages: [{ id: messageId, role: "user", parts: [{ type: "text", text: "mine" }] }],
    }),
  ...LOOKING,
  ({ threadId, messageId }) =>
    post(`/api/threads/${threadId}/messages`, { id: messageId, text: "other" }),
  ({ threadId, messageId }) =>
    post("/api/chat", {
      id: threadId,
      trigger: "regenerate-message",
      messages: [{ id: messageId, role: "user", parts: [{ type: "text", text: "mine" }] }],
    }),
  ({ threadId, runId }) => post(`/api/threads/${threadId}/runs/${runId}/cancel`, {}),
  () => ({ path: "/api/threads" }),
  ({ threadId }) => ({ path: `/api/threads/${threadId}`, method: "DELETE" }),
  ({ threadId, messageId }) =>
    post(`/api/threads/${threadId}/messages`, { id: messageId, text: "/count 1" }),
  ({ threadId }) => ({ path: `/api/threads/${threadId}`, method: "DELETE" }),
];

/** Every frame that takes an id and creates nothing. */
const WATCHING: readonly Send[] = [
  ({ threadId }) => ({ type: "thread.open", threadId }),
  ({ threadId }) => ({ type: "thread.open", threadId, afterSeq: 1 }),
  ({ threadId }) => ({ type: "thread.open", threadId, afterSeq: 999 }),
  ({ threadId, runId }) => ({
    type: "thread.open",
    threadId,
    afterSeq: 0,
    run: { runId, attempt: 1, index: 0 },
  }),
  ({ threadId }) => ({ type: "thread.close", threadId }),
  ({ threadId, runId }) => ({ type: "run.cancel", threadId, runId }),
];

/** Those that create, under the same ids, and what then becomes of the caller's own thread. */
const FRAMES: readonly Send[] = [
  ...WATCHING,
  ({ threadId }) => ({ type: "message.regenerate", threadId }),
  ({ threadId, messageId }) => ({
    type: "message.send",
    threadId,
    message: { id: messageId, text: "mine" },
  }),
  ...WATCHING,
  ({ threadId, messageId }) => ({
    type: "message.send",
    threadId,
    message: { id: messageId, text: "mine" },
    onBusy: "reject",
  }),
  ({ threadId, messageId }) => ({
    type: "message.send",
    threadId,
    message: { id: messageId, text: "other" },
  }),
];

/** A subject with a thread at rest and one in which a run streams. */
class Subject {
  readonly #server: ServerProcess;
  readonly #authorization: string;
  readonly token: string;
  readonly #name: string;

  private constructor(server: ServerProcess, name: string, token: string) {
    this.#server = server;
    this.#name = name;
    this.token = token;
    this.#authorization = `Bearer ${token}`;
  }

  static async named(server: ServerProcess, name: string): Promise<Subject> {
    return new Subject(server, name, await mintToken({ sub: name }));
  }

  ask({ path, ...request }: HttpRequest & { readonly path: string }): Promise<RawResponse> {
    const headers = { authorization: this.#authorization, ...request.headers };
    return this.#server.request(path, { ...request, headers });
  }

  connect(): Promise<ChatClient> {
    return ChatClient.connect(this.#server.address, this.token);
  }

  /** Says something and waits for its answer. */
  async rest(client: ChatClient): Promise<Ids> {
    const ids = { threadId: `${this.#name}-rest`, messageId: `${this.#name}-m1` };
    const { runId } = await client.say(ids.threadId, {
      id: ids.messageId,
      text: `the ${SECRET} of ${this.#name}`,
    });
    await client.answer(ids.threadId);
    return { ...ids, runId };
  }

  /** Starts a run that streams until it is cancelled, and waits for its first chunk. */
  async stream(client: ChatClient): Promise<Ids> {
    const ids = { threadId: `${this.#name}-busy`, messageId: `${this.#name}-m2` };
    const { runId } = await client.say(ids.threadId, {
      id: ids.messageId,
      text: `/count 10000 100`,
    });
    await client.next("chunk", (frame) => frame.runId === runId);
    return { ...ids, runId };
  }

  /** All that the subject has, as it is stored. */
  async holdings(): Promise<string> {
    const { body } = await this.ask({ path: "/api/threads" });
    const { threads } = JSON.parse(body);
    const logs = threads.map(({ id }: { id: string }) =>
      this.ask({ path: `/api/threads/${id}/entries` })
    );
    return [body, ...(await Promise.all(logs)).map((log) => log.body)].join("\n");
  }
}

function post(path: string, json: unknown): HttpRequest & { readonly path: string } {
  return {
    method: "POST",
    path,
    headers: { "content-type": "application/json" },
    body: JSON.stringify(json),
  };
}

/** Ids that look like `ids` and are nobody's. */
function invent({ threadId, messageId }: Ids): Ids {
  return {
    threadId: `${threadId.slice(0, -4)}none`,
    messageId: `${messageId.slice(0, -2)}m9`,
    runId: crypto.randomUUID(),
  };
}

/** What is left of an answer without the caller's own ids, and without what is new each time. */
function mask(text: string, { threadId, messageId, runId }: Ids): string {
  return text
    .replaceAll(threadId, "<thread>").replaceAll(messageId, "<message>").replaceAll(runId, "<run>")
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}/g, "<uuid>")
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "<time>");
}

function maskResponse({ status, headers, body }: RawResponse, ids: Ids): unknown {
  const kept = [...headers].filter(([name]) => !["date", "x-request-id"].includes(name));
  return { status, headers: kept, body: mask(body, ids) };
}

/** What each route answers, by turns. */
async function askAll(subject: Subject, ids: Ids): Promise<unknown[]> {
  const answers: unknown[] = [];
  for (const route of ROUTES) answers.push(maskResponse(await subject.ask(route(ids)), ids));
  return answers;
}

/** What a frame is answered, and what follows it up to the end of a run it starts. */
async function exchange(client: ChatClient, frame: Outgoing, ids: Ids): Promise<string> {
  const from = client.frames.items.length;
  const answer = await client.request(frame);
  if (answer.type === "ack" && answer.runId !== undefined) {
    const { runId } = answer;
    await client.frames.find(
      (one) => one.type === "entry" && "outcome" in one.entry && one.entry.runId === runId,
      { from },
    );
  }
  if (answer.type === "thread.opened") {
    const isLast = (one: ServerFrame) => one.type === "entry" && one.seq === answer.headSeq;
    if (answer.headSeq > (frame.type === "thread.open" ? frame.afterSeq ?? 0 : 0)) {
      await client.frames.find(isLast, { from });
    }
  }
  const frames = client.frames.items.slice(from).map((one) =>
    "ref" in one ? { ...one, ref: "<ref>" } : one
  );
  // How many chunks come in one frame is a matter of time.
  const whole = frames.filter(({ type }) => type !== "chunk" && type !== "chunks");
  return mask(JSON.stringify([whole, chunksOf(frames)]), ids);
}

for (const [owner, other] of [["alice", "bob"], ["bob", "alice"]] as const) {
  Deno.test({
    ...needsServer(
      `${other} sees nothing of what is ${owner}'s, and cannot tell it from what nobody has`,
    ),
    async fn() {
      await using server = await ServerProcess.start({
        env: { LIMIT_FRAMES_PER_SECOND: "10000", LIMIT_FRAMES_BURST: "10000" },
      });
      await server.state("ready");
      const victim = await Subject.named(server, owner);
      const thief = await Subject.named(server, other);
      await using watching = await victim.connect();
      const targets = [await victim.rest(watching), await victim.stream(watching)];
      const before = await victim.holdings();
      const page = await victim.ask({ path: "/api/threads?limit=1" });
      const { nextCursor } = JSON.parse(page.body);
      assert(typeof nextCursor === "string");

      const replies: string[] = [];
      for (const ids of targets) {
        const invented = invent(ids);
        // One after the other, so that a list holds no more than one of them.
        const [real, unreal] = [await askAll(thief, ids), await askAll(thief, invented)];
        for (const [at, answer] of real.entries()) {
          assertEquals(answer, unreal[at], `route ${at}: ${JSON.stringify(ROUTES[at]!(ids))}`);
        }
        replies.push(JSON.stringify(real));
        // One socket for each, so that what one does the other does not see.
        await using looking = await thief.connect();
        await using guessing = await thief.connect();
        for (const [at, frame] of FRAMES.entries()) {
          const answers = [
            await exchange(looking, frame(ids), ids),
            await exchange(guessing, frame(invented), invented),
          ];
          replies.push(...answers);
          assertEquals(answers[0], answers[1], `frame ${at}: ${JSON.stringify(frame(ids))}`);
        }
        const stolen = await looking.request({ type: "auth.refresh", token: victim.token });
        assertEquals(stolen.type === "error" && stolen.code, "UNAUTHENTICATED");
        for (const { threadId } of [ids, invented]) {
          await thief.ask({ path: `/api/threads/${threadId}`, method: "DELETE" });
        }
      }

      // Another's cursor leads nowhere, and a tool looks through its own subject's messages only.
      const further = await thief.ask({ path: `/api/threads?cursor=${nextCursor}` });
      replies.push(further.body);
      await using asking = await thief.connect();
      await asking.say("search", { id: "m1", text: `/search ${SECRET}` });
      assertEquals(textOf(await asking.answer("search")), "I found nothing with these words.");
      await asking.say("search", { id: "m2", text: `/search ${SECRET}` });
      const found = textOf(await asking.answer("search", 2));
      assertMatch(found, /^I found one message:\n- \S+ \/search treasure: \/search treasure$/);
      assertEquals(replies.filter((reply) => reply.includes(SECRET)), []);

      assertEquals(await victim.holdings(), before);
      const [, busy] = targets as [Ids, Ids];
      const heard = chunksOf(watching.frames.items).length;
      await watching.next("chunk", ({ index }) => index > heard);
      const { threadId, runId } = busy;
      assertEquals((await watching.request({ type: "run.cancel", threadId, runId })).type, "ack");
      const { entry } = await watching.answer(threadId);
      assertEquals("outcome" in entry && [entry.runId, entry.outcome], [runId, "cancelled"]);
      assertEquals(watching.frames.items.filter(({ type }) => type === "error"), []);
    },
  });
}
