/**
 * The WebSocket interface on the page.
 *
 * @module
 */
import { closeNotes } from "../../lib/chat/close_codes.ts";
import type { ErrorCode } from "../../lib/errors.ts";
import { block, code, fieldTable, type Html, join, markup, prose, table } from "./fields.ts";
import type { JsonSchema } from "./json_schema.ts";
import { slug } from "./http_section.ts";

/** The part of the AsyncAPI document that the page shows. */
export interface ShownChat {
  readonly operations: Readonly<Record<string, ShownAction>>;
  readonly components: { readonly messages: Readonly<Record<string, ShownMessage>> };
}

/** One frame in one direction, and what answers it. */
export interface ShownAction {
  readonly action: "receive" | "send";
  readonly reply?: { readonly messages: readonly { readonly $ref: string }[] };
  readonly "x-error-codes"?: readonly ErrorCode[];
}

/** One frame, as far as the page shows it. */
export interface ShownMessage {
  readonly name: string;
  readonly summary: string;
  readonly payload: JsonSchema;
  readonly examples: readonly { readonly payload: unknown }[];
}

/** The frames that go `to` a side, in order, by the names of their messages. */
export function framesTo(
  side: "server" | "client",
  { operations, components }: ShownChat,
): string[] {
  const received = Object.keys(operations).filter((name) => operations[name]!.action === "receive");
  if (side === "server") return received;
  return Object.keys(components.messages).filter((name) => !received.includes(name));
}

/** Every frame of one side. */
export function frameArticles(side: "server" | "client", chat: ShownChat): Html {
  return join(framesTo(side, chat).map((name) => frameArticle(name, chat)));
}

/** The anchor of a frame. */
export function frameAnchor(name: string): string {
  return `frame-${slug(name)}`;
}

/** Every close code. */
export function closeTable(): Html {
  const rows = closeNotes().map(({ code: number, reasons, meaning, client }) => [
    markup`<code id="close-${number}">${number}</code>`,
    markup`${meaning}${
      reasons.length === 0 ? "" : markup` (${join(reasons.map((one) => markup`<q>${one}</q> `))})`
    }`,
    prose(client),
  ]);
  const other = [markup`other`, markup`the connection was lost`, markup`reconnects`];
  return table("Close codes", ["Code", "When", "The client"], [...rows, other]);
}

function frameArticle(name: string, { operations, components }: ShownChat): Html {
  const { name: type, summary, payload, examples } = components.messages[name]!;
  const { reply, "x-error-codes": errors = [] } = operations[name] ?? { action: "send" };
  const anchor = frameAnchor(name);
  const qualifier = type === name
    ? ""
    : markup` <small>to ${code(name.slice(type.length + 1))}</small>`;
  return markup`<article id="${anchor}">
<h4><a href="#${anchor}"><code>${type}</code></a>${qualifier}</h4>
<p>${prose(summary)}</p>
${fieldTable(`Fields of ${name}`, withoutType(payload))}
${reply === undefined ? "" : markup`<p>Answered with ${answers(reply.messages, errors)}.</p>`}
${block(JSON.stringify(examples[0]?.payload), "line")}
</article>`;
}

/** Less the field that the heading says. */
function withoutType({ properties, ...schema }: JsonSchema): JsonSchema {
  const { type: _, ...others } = properties as Record<string, JsonSchema>;
  return { ...schema, properties: others };
}

function answers(messages: readonly { $ref: string }[], errors: readonly ErrorCode[]): Html {
  const names = messages.map(({ $ref }) => $ref.slice($ref.lastIndexOf("/") + 1));
  const links = names.map((name) =>
    markup`<a href="#${frameAnchor(name)}"><code>${
      name.startsWith("ack.") ? "ack" : name
    }</code></a>`
  );
  const codes = errors.map((one, at) =>
    markup`${at === 0 ? "" : " "}<a href="#error-${one}"><code>${one}</code></a>`
  );
  const listed = join(links.flatMap((link, at) => at === 0 ? [link] : [markup` or `, link]));
  if (errors.length === 0) return listed;
  return markup`${listed}: ${join(codes)}`;
}
