/**
 * PROTOCOL.md against the code that it speaks of.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { closeNotes, CLOSES } from "../../lib/chat/close_codes.ts";
import { clientFrameSchemas, serverFrameSchemas } from "../../lib/chat/protocol.ts";
import { describeVariables } from "../../lib/config/variables.ts";
import { ERROR_CODES, type ErrorCode, ERRORS, type ErrorShape } from "../../lib/errors.ts";
import { needs } from "../support/permissions.ts";
import { blocksIn, generatedBlocks, readProtocol } from "../support/protocol_doc.ts";
import { asPublished } from "../support/published.ts";

const withDocument = needs("read");

const REWRITE = "Rewrite it as tests/support/protocol_doc.ts says";

interface Shown {
  readonly direction: string;
  // deno-lint-ignore no-explicit-any
  readonly frame: any;
}

function framesIn(markdown: string): Shown[] {
  return [...markdown.matchAll(/^([<>]) (\{.*\})$/gm)].map(([, direction = "", text = ""]) => ({
    direction,
    frame: JSON.parse(text),
  }));
}

/** Without what `deno fmt` may change: the widths of cells. */
function loose(markdown: string): string[] {
  return markdown.split("\n").map((line) => line.replaceAll(/ +/g, " ").replaceAll(/-{3,}/g, "---"))
    .filter((line) => line.trim() !== "");
}

Deno.test({
  ...withDocument("PROTOCOL.md has the frames, fields, codes and limits of the code"),
  async fn() {
    const readme = await Deno.readTextFile(new URL("../../README.md", import.meta.url));
    const expected = generatedBlocks(readme);
    const shown = blocksIn(await readProtocol());
    assertEquals([...shown.keys()].sort(), [...expected.keys()].sort());
    for (const [name, block] of expected) {
      assertEquals(loose(shown.get(name)!), loose(block), `${name}: ${REWRITE}`);
    }
  },
});

Deno.test({
  ...withDocument("every frame in PROTOCOL.md is as published, and each kind is shown"),
  async fn() {
    const frames = framesIn(await readProtocol());
    for (const { direction, frame } of frames) {
      asPublished(direction === ">" ? "client" : "server", frame);
      if (frame.type !== "error") continue;
      const { retryable }: ErrorShape = ERRORS[frame.code as ErrorCode];
      assertEquals(frame.retryable, retryable, frame.code);
    }
    const types = (direction: string) =>
      new Set(frames.filter((one) => one.direction === direction).map(({ frame }) => frame.type));
    assertEquals(types(">"), new Set(Object.keys(clientFrameSchemas)));
    assertEquals(types("<"), new Set(Object.keys(serverFrameSchemas)));
  },
});

Deno.test({
  ...withDocument("every close in PROTOCOL.md's walk-throughs is one of the registry"),
  async fn() {
    const closes = [...(await readProtocol()).matchAll(/^closed (\d+) (.*)$/gm)];
    assert(closes.length > 3);
    for (const [, code, reason = ""] of closes) {
      const note = closeNotes().find((one) => one.code === Number(code));
      assert(note?.reasons.includes(reason), `${code} ${reason}`);
    }
    assertEquals(Object.values(CLOSES).every(({ code }) => code >= 1_000), true);
  },
});

Deno.test({
  ...withDocument("PROTOCOL.md names no code or variable that the code does not have"),
  async fn() {
    const names = (await readProtocol()).match(/`[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+`/g) ?? [];
    const known = new Set<string>([
      ...ERROR_CODES,
      ...describeVariables().map(({ name }) => name),
      "MAX_DROPPED_FRAMES",
    ]);
    const unknown = new Set(
      names.map((name) => name.slice(1, -1)).filter((one) => !known.has(one)),
    );
    assertEquals([...unknown], []);
  },
});
