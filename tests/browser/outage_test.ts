import { assertEquals, assertMatch } from "@std/assert";
import { HeldJwks } from "../server/held_jwks.ts";
import { ServerProcess } from "../support/server_process.ts";
import { browserTest } from "./browser.ts";
import { ChatPage } from "./chat_page.ts";
import { assertCountsTo } from "./counting.ts";
import { Place } from "./place.ts";

/** What a browser says on its console of a server that is away. */
const AWAY =
  /ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|WebSocket connection|503/;

/** Far beyond what these tests take. */
const PATIENT = { STARTUP_WAIT_MS: "120000" };

browserTest(
  "while the server starts the page tells its phases, and opens without a reload",
  async (browser) => {
    await using jwks = await HeldJwks.start();
    await using server = await ServerProcess.start({
      env: { ...jwks.env, ...PATIENT, PAGE_TOKEN_URL: "/session/token" },
    });
    const profile = await browser.profile();
    // The deployer's endpoint, at the same origin.
    const token = await jwks.token("Ada");
    await profile.context.route("**/session/token", (route) => route.fulfill({ json: { token } }));
    const chat = new ChatPage(await profile.open(server.address));
    await chat.status("Starting");
    const phases = chat.page.getByRole("list", { name: "Start-up" });
    await phases.waitFor();
    const lines = phases.getByRole("listitem");
    await lines.filter({ hasText: /under way/ }).first().waitFor();
    await lines.filter({ hasText: /ready/ }).first().waitFor();
    assertEquals(await chat.message.count(), 0);

    jwks.release();
    await chat.message.waitFor();
    await chat.say("/count 3 1");
    assertEquals(await chat.answered(), "1 2 3");
    profile.assertQuiet(server.address, /503/);
  },
);

browserTest(
  "a server that is killed in the middle of an answer comes back: no word twice, none lost",
  async (browser) => {
    await using place = new Place();
    await place.open();
    const profile = await browser.profile();
    const chat = await ChatPage.signIn(profile, place.address);
    await chat.say("/count 60 100");
    await assertCountsTo(chat, 5);
    await place.server.kill();
    await chat.status("Reconnecting");
    await place.open();
    await chat.status("Connected");
    // Another attempt begins anew: what is shown of it counts as well.
    await assertCountsTo(chat, 60);
    assertMatch(await chat.answered(), /^1 2 3 .* 59 60$/);
    assertEquals([await chat.questions.count(), await chat.answers.count()], [1, 1]);
    profile.assertQuiet(place.address, AWAY);
  },
);

browserTest(
  "a server that drains in the middle of an answer hands it over to the next",
  async (browser) => {
    await using place = new Place();
    await place.open();
    const profile = await browser.profile();
    const chat = await ChatPage.signIn(profile, place.address);
    await chat.say("/count 60 100");
    await assertCountsTo(chat, 5);
    place.server.signal("SIGTERM");
    await chat.status("Reconnecting");
    assertEquals((await place.server.exited()).code, 0);
    await place.open();
    await assertCountsTo(chat, 60);
    assertMatch(await chat.answered(), /^1 2 3 .* 59 60$/);
    assertEquals([await chat.questions.count(), await chat.answers.count()], [1, 1]);
    profile.assertQuiet(place.address, AWAY);
  },
);

browserTest(
  "a message that is written without a server waits, also in a page that is closed, and goes out once",
  async (browser) => {
    await using place = new Place();
    await place.open();
    const profile = await browser.profile();
    const chat = await ChatPage.signIn(profile, place.address);
    await chat.say("/count 2 1");
    await chat.answered();
    await place.server.kill();
    await chat.status("Reconnecting");
    await chat.say("/count 3 1");
    await chat.say("/count 4 1");
    await chat.shows("Not sent yet");
    assertEquals(await chat.questions.count(), 3);
    const address = chat.page.url();
    await chat.page.close();

    await place.open();
    const next = new ChatPage(await profile.open(address));
    assertEquals([await next.answered(2), await next.answered(3)], ["1 2 3", "1 2 3 4"]);
    await next.conversation.getByText("Not sent yet").waitFor({ state: "detached" });
    await next.page.reload();
    assertEquals(await next.answered(3), "1 2 3 4");
    assertEquals([await next.questions.count(), await next.answers.count()], [3, 3]);
    profile.assertQuiet(place.address, AWAY);
  },
);
