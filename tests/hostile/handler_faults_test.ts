import { assertEquals, assertNotEquals } from "@std/assert";
import type { Sample } from "../../lib/observe/metrics.ts";
import type { Store } from "../../lib/threads/store.ts";
import { ChatClient, type Outgoing } from "../support/chat_client.ts";
import { overriding, World } from "../support/in_process.ts";
import { needs } from "../support/permissions.ts";
import { mintToken } from "../support/tokens.ts";

/** Where a fault happens: in the store, or where a frame is counted. */
interface Place {
  readonly what: string;
  readonly store?: true;
  readonly sample?: (sample: Sample) => boolean;
  /** What makes the socket meet it. */
  readonly frame: Outgoing;
}

const frames = (direction: string, ...types: string[]) => ({ name, labels }: Sample) =>
  name === "frames_total" && labels["direction"] === direction && types.includes(labels["type"]!);

const OPEN: Outgoing = { type: "thread.open", threadId: "t1" };
const CLOSE: Outgoing = { type: "thread.close", threadId: "t1" };

const PLACES: readonly Place[] = [
  { what: "the store, while a frame is handled", store: true, frame: OPEN },
  { what: "the arrival of a frame", sample: frames("in", "ping"), frame: { type: "ping" } },
  { what: "an answer at once", sample: frames("out", "pong"), frame: { type: "ping" } },
  { what: "an answer later", sample: frames("out", "ack"), frame: CLOSE },
  {
    what: "an answer, and the error told for it",
    sample: frames("out", "pong", "error"),
    frame: { type: "ping" },
  },
  {
    what: "a later answer, and the error told for it",
    sample: frames("out", "ack", "error"),
    frame: CLOSE,
  },
  {
    what: "the store, and the error told for it",
    store: true,
    sample: frames("out", "error"),
    frame: OPEN,
  },
];

const SECRET = "s3cr3t of /srv/drawbridge/lib/x.ts:1:1";

for (
  const { what, store: breaksStore = false, sample: breaksSample = () => false, frame } of PLACES
) {
  Deno.test({
    ...needs("net")(`a throw in a socket's handler closes that socket with 1011, alone: ${what}`),
    async fn() {
      let isBroken = false;
      const wrap = (store: Store): Store =>
        overriding(store, {
          get: (key) =>
            isBroken && breaksStore ? Promise.reject(new TypeError(SECRET)) : store.get(key),
        });
      await using world = await World.open({ wrap });
      world.metrics.attach((sample) => {
        if (isBroken && breaksSample(sample)) throw new TypeError(SECRET);
      });
      const server = Deno.serve(
        { hostname: "127.0.0.1", port: 0, onListen() {} },
        (request) => world.app.fetch(request),
      );
      const connect = async (sub: string) =>
        await ChatClient.connect(`http://127.0.0.1:${server.addr.port}`, await mintToken({ sub }));
      try {
        await using bystander = await connect("bob");
        {
          await using unlucky = await connect("alice");
          isBroken = true;
          unlucky.send(frame);
          assertEquals((await unlucky.closed()).code, 1011);
          isBroken = false;
          assertEquals(JSON.stringify(unlucky.frames.items).includes("s3cr3t"), false);
        }
        assertEquals((await bystander.request({ type: "ping" })).type, "pong");
        assertEquals((await bystander.request(CLOSE)).type, "ack");
        await using again = await connect("alice");
        assertEquals((await again.request({ type: "ping" })).type, "pong");
        assertNotEquals(world.logged.filter(({ level }) => level === "error"), []);
      } finally {
        await server.shutdown();
      }
    },
  });
}

Deno.test({
  ...needs("net")("a throw when a socket opens or has closed ends that socket, alone"),
  async fn() {
    let broken: (sample: Sample) => boolean = () => false;
    await using world = await World.open();
    world.metrics.attach((sample) => {
      if (broken(sample)) throw new TypeError(SECRET);
    });
    const server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      (request) => world.app.fetch(request),
    );
    const address = `http://127.0.0.1:${server.addr.port}`;
    try {
      await using bystander = await ChatClient.connect(address, await mintToken({ sub: "bob" }));
      {
        broken = frames("out", "session.ready");
        await using unlucky = new ChatClient(address, await mintToken());
        assertEquals((await unlucky.closed()).code, 1011);
      }
      {
        broken = () => false;
        await using unlucky = await ChatClient.connect(address, await mintToken());
        broken = ({ name }) => name === "closes_total";
        await unlucky[Symbol.asyncDispose]();
      }
      assertEquals((await bystander.request({ type: "ping" })).type, "pong");
      broken = () => false;
      await using again = await ChatClient.connect(address, await mintToken());
      assertEquals((await again.request({ type: "ping" })).type, "pong");
      // The two that are left: no place was lost.
      assertEquals(world.connections.count, 2);
    } finally {
      await server.shutdown();
    }
  },
});

Deno.test({
  ...needs("net")("a throw while a thread is followed ends that socket, and others follow on"),
  async fn() {
    let faults = 0;
    await using world = await World.open();
    world.metrics.attach((sample) => {
      if (faults > 0 && frames("out", "chunk")(sample)) {
        faults--;
        throw new TypeError(SECRET);
      }
    });
    const server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      (request) => world.app.fetch(request),
    );
    const connect = async () =>
      await ChatClient.connect(`http://127.0.0.1:${server.addr.port}`, await mintToken());
    try {
      await using writer = await connect();
      await writer.say("t1", { id: "m1", text: "hello" });
      const call = await world.puppet.nextCall();
      await using reader = await connect();
      await reader.request({ type: "thread.open", threadId: "t1" });
      await reader.next("entry", ({ seq }) => seq === 2);
      faults = 1;
      call.begin().words("one ", "two ").finish();
      const closings = await Promise.race([
        writer.closed().then(({ code }) => [code, reader] as const),
        reader.closed().then(({ code }) => [code, writer] as const),
      ]);
      assertEquals(closings[0], 1011);
      const { entry } = await closings[1].answer("t1");
      assertEquals("outcome" in entry && entry.outcome, "completed");
    } finally {
      await server.shutdown();
    }
  },
});
