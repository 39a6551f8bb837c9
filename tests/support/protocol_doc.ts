/**
 * The generated parts of PROTOCOL.md: writes what the schemas, notes and registries say between its
 * marks.
 *
 * ```sh
 * deno run --allow-read=lib,README.md --allow-write=lib/chat/PROTOCOL.md tests/support/protocol_doc.ts
 * deno fmt lib/chat/PROTOCOL.md
 * ```
 *
 * @module
 */
import { closeNotes } from "../../lib/chat/close_codes.ts";
import { CLIENT_FRAME_NOTES, type ClientFrameNote } from "../../lib/chat/notes/client_frames.ts";
import { SERVER_FRAME_NOTES } from "../../lib/chat/notes/server_frames.ts";
import type { ClientFrameType, ServerFrameType } from "../../lib/chat/protocol.ts";
import { describeVariables } from "../../lib/config/variables.ts";
import { ERROR_NOTES } from "../../lib/error_notes.ts";
import { ERROR_CODES, ERRORS, type ErrorShape } from "../../lib/errors.ts";
import * as limits from "../../lib/limits.ts";
import { asyncApiDocument } from "../../routes/docs/asyncapi.ts";
import { typeText } from "../../routes/docs/fields.ts";
import type { JsonSchema } from "../../routes/docs/json_schema.ts";
import { LIMITS_HEAD, overOf, type Table, tableUnder } from "./config_table.ts";

const FILE = new URL("../../lib/chat/PROTOCOL.md", import.meta.url);
const README = new URL("../../README.md", import.meta.url);

const BLOCK = /(<!-- generated: ([a-z-]+) -->\n)(.*?)(\n<!-- end -->)/gs;

/** The document as it is. */
export function readProtocol(): Promise<string> {
  return Deno.readTextFile(FILE);
}

/** The generated parts by name, as they stand in a text. */
export function blocksIn(markdown: string): Map<string, string> {
  return new Map([...markdown.matchAll(BLOCK)].map(([, , name = "", block = ""]) => [name, block]));
}

/** The generated parts as they should be; `readme` says what happens over each limit. */
export function generatedBlocks(readme: string): ReadonlyMap<string, string> {
  const { components, channels } = asyncApiDocument() as unknown as {
    components: {
      messages: Record<string, { payload: JsonSchema }>;
      schemas: Record<string, JsonSchema>;
    };
    channels: unknown;
  };
  if (channels === undefined) throw new Error("The AsyncAPI document has no channels");
  const clients = Object.keys(CLIENT_FRAME_NOTES) as ClientFrameType[];
  const servers = Object.keys(SERVER_FRAME_NOTES) as ServerFrameType[];
  const payloadOf = (name: string) => components.messages[name]!.payload;
  return new Map([
    ["client-frames", clients.map((type) => clientFrame(type, payloadOf(type))).join("\n\n")],
    ["server-frames", servers.map((type) => serverFrame(type, payloadOf)).join("\n\n")],
    ["acks", acks(clients)],
    [
      "entries",
      ["UserEntry", "RunStartedEntry", "AssistantEntry"].map((name) =>
        `\`${name}\`\n\n${fields(components.schemas[name]!)}`
      ).join("\n\n"),
    ],
    ["close-codes", closes()],
    ["error-codes", errors()],
    ["limits", limitTable(readme)],
    ["fixed", fixedNumbers()],
  ]);
}

/** `markdown` with the generated parts as they should be. */
export function withBlocks(markdown: string, readme: string): string {
  const blocks = generatedBlocks(readme);
  return markdown.replace(
    BLOCK,
    (_, head, name, __, end) => `${head}\n${blocks.get(name) ?? ""}\n${end}`,
  );
}

function clientFrame(type: ClientFrameType, payload: JsonSchema): string {
  const note: Pick<ClientFrameNote<ClientFrameType>, "summary" | "answer" | "errors"> =
    CLIENT_FRAME_NOTES[type];
  const codes = note.errors.map((code) => `\`${code}\``).join(", ");
  return [
    `#### \`${type}\``,
    note.summary,
    fields(payload),
    `Answered with \`${note.answer}\`${codes === "" ? "." : `, or \`error\` with ${codes}.`}`,
    frame(">", CLIENT_FRAME_NOTES[type].example),
  ].join("\n\n");
}

function serverFrame(type: ServerFrameType, payloadOf: (name: string) => JsonSchema): string {
  const { summary, example } = SERVER_FRAME_NOTES[type];
  const about = type === "ack"
    ? "`type`, `ref`, and what its request's row below says."
    : fields(payloadOf(type));
  return [`#### \`${type}\``, summary, about, frame("<", example)].join("\n\n");
}

function acks(clients: readonly ClientFrameType[]): string {
  const rows = clients.filter((type) => CLIENT_FRAME_NOTES[type].answer === "ack").map((type) => [
    `\`${type}\``,
    CLIENT_FRAME_NOTES[type].answerFields.map((name) => `\`${name}\``).join(", ") || "none",
  ]);
  return table([["Acknowledges", "Fields beside `ref`"], ...rows]);
}

function fields({ properties, required }: JsonSchema): string {
  const names = new Set(required as string[]);
  const rows = Object.entries(properties as Record<string, JsonSchema>)
    .filter(([name]) => name !== "type")
    .map(([name, schema]) => [
      `\`${name}\`${names.has(name) ? "" : " (optional)"}`,
      plain(String(typeText(schema))),
      String(schema["description"] ?? ""),
    ]);
  return table([["Field", "Type", "Meaning"], ...rows]);
}

function closes(): string {
  const rows = closeNotes().map(({ code, reasons, meaning, client }) => [
    String(code),
    reasons.map((reason) => `\`${reason}\``).join(", "),
    meaning,
    client,
  ]);
  return table([["Close", "Reason", "When", "The client"], ...rows]);
}

function errors(): string {
  const rows = ERROR_CODES.map((code) => {
    const { status, closeCode, retryable, title }: ErrorShape = ERRORS[code];
    const closing = closeCode === undefined ? "" : String(closeCode);
    const retry = retryable ? "yes" : "no";
    return [`\`${code}\``, String(status), closing, retry, title, ERROR_NOTES[code]];
  });
  return table([["Code", "HTTP", "Close", "Retry", "Title", "The client"], ...rows]);
}

function limitTable(readme: string): string {
  const over = overOf(tableUnder(readme, LIMITS_HEAD));
  const rows = describeVariables().filter(({ name }) => name.startsWith("LIMIT_"))
    .map(({ name, fallback, meaning }) => [`\`${name}\``, fallback, meaning, over(name)]);
  return table([["Variable", "Default", "Bounds", "Over it"], ...rows]);
}

function fixedNumbers(): string {
  return table([
    ["Number", "Bounds"],
    [String(limits.MAX_ID_LENGTH), "characters of an id"],
    [String(limits.MAX_TITLE_LENGTH), "UTF-16 units of a thread's title"],
    [String(limits.MAX_SUBJECT_LENGTH), "UTF-16 units of a token's `sub`"],
    [String(limits.MAX_TOKEN_BYTES), "bytes of a token"],
    [String(limits.MAX_OPEN_THREADS), "threads open on one socket; for another: `INVALID_REQUEST`"],
    [String(limits.MAX_QUEUED_RUNS), "runs that wait in one thread"],
    [String(limits.MAX_RUN_ATTEMPTS), "attempts of one run"],
    [String(limits.MAX_DROPPED_FRAMES), "frames dropped for their rate, then close 4429"],
    [String(limits.MAX_CLOSE_REASON_BYTES), "bytes of a close reason"],
    [String(limits.CLAIM_SKEW_SECONDS), "seconds that `nbf` and `iat` may be in the future"],
  ]);
}

function frame(direction: ">" | "<", value: unknown): string {
  return `\`\`\`text\n${direction} ${JSON.stringify(value)}\n\`\`\``;
}

/** What the page says, without its marks. */
function plain(html: string): string {
  return html.replaceAll(/<\/?code>/g, "`").replaceAll(/<[^>]+>/g, "")
    .replaceAll("&quot;", '"').replaceAll("&lt;", "<").replaceAll("&gt;", ">")
    .replaceAll("&#39;", "'").replaceAll("&amp;", "&");
}

function table([head = [], ...rows]: Table): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

if (import.meta.main) {
  const readme = await Deno.readTextFile(README);
  await Deno.writeTextFile(FILE, withBlocks(await readProtocol(), readme));
}
