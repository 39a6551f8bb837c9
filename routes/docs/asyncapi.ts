/**
 * The AsyncAPI 3.0 document: every frame in both directions, the handshake
 * before them and the close codes behind.
 *
 * @module
 */
import { z } from "zod";
import { BEARER_PROTOCOL_PREFIX } from "../../lib/auth/credentials.ts";
import { closeNotes } from "../../lib/chat/close_codes.ts";
import { CLIENT_FRAME_NOTES, type ClientFrameNote } from "../../lib/chat/notes/client_frames.ts";
import { SERVER_FRAME_NOTES } from "../../lib/chat/notes/server_frames.ts";
import {
  clientFrameSchemas,
  type ClientFrameType,
  serverFrameSchemas,
  type ServerFrameType,
  SUBPROTOCOL,
} from "../../lib/chat/protocol.ts";
import { ERROR_NOTES } from "../../lib/error_notes.ts";
import { SHARED_SCHEMAS, sharedJsonSchemas } from "./entry_schemas.ts";
import { annotate, type JsonSchema, jsonSchemasOf } from "./json_schema.ts";
import { ABOUT, TOKEN_SCHEME } from "./about.ts";

/** A document, as it is served. */
export type Document = Readonly<Record<string, unknown>>;

const CLIENT_TYPES = Object.keys(CLIENT_FRAME_NOTES) as ClientFrameType[];
const SERVER_TYPES = Object.keys(SERVER_FRAME_NOTES) as ServerFrameType[];
const ACKNOWLEDGED = CLIENT_TYPES.filter((type) => CLIENT_FRAME_NOTES[type].answer === "ack");

/** Makes the document. */
export function asyncApiDocument(): Document {
  const messages = { ...clientMessages(), ...serverMessages(), ...ackMessages() };
  return {
    asyncapi: "3.0.0",
    info: {
      ...ABOUT,
      title: "Drawbridge: chat over WebSocket",
      description: "JSON text, one object a frame. `PROTOCOL.md` in `lib/chat/` of the source is " +
        "the normative text: order, guarantees, and what a client does when something fails. A " +
        "client ignores fields and frame types that it does not know. `/docs` on the same server is " +
        "for people.",
    },
    defaultContentType: "application/json",
    servers: {
      deployment: {
        host: "{host}",
        protocol: "wss",
        description: "Where this document was loaded from; `ws` without TLS.",
        variables: { host: { default: "127.0.0.1:8000", description: "The server's host" } },
        security: [
          { $ref: "#/components/securitySchemes/bearer" },
          { $ref: "#/components/securitySchemes/subprotocol" },
        ],
      },
    },
    channels: {
      chat: {
        address: "/ws",
        title: "Chat",
        description: "One socket of one subject, on which any of its threads can be open. The " +
          "handshake is described in the OpenAPI document, as `GET /ws`.",
        messages: Object.fromEntries(
          Object.keys(messages).map((name) => [name, { $ref: `#/components/messages/${name}` }]),
        ),
        bindings: { ws: handshakeBinding() },
        "x-subprotocols": [SUBPROTOCOL],
        "x-close-codes": closeNotes(),
      },
    },
    operations: { ...requestOperations(), ...sendOperations() },
    components: {
      messages,
      schemas: sharedJsonSchemas("draft-7"),
      securitySchemes: {
        bearer: TOKEN_SCHEME,
        subprotocol: {
          type: "httpApiKey",
          in: "header",
          name: "Sec-WebSocket-Protocol",
          description: `For browsers, which cannot set a header: offer \`${SUBPROTOCOL}\` and ` +
            `\`${BEARER_PROTOCOL_PREFIX}<jwt>\`. The latter is never echoed.`,
        },
      },
    },
  };
}

/** The name of the acknowledgement of one kind of request. */
function ackNameOf(type: ClientFrameType): string {
  return `ack.${type}`;
}

function clientMessages(): Record<string, unknown> {
  const payloads = jsonSchemasOf(
    Object.fromEntries(CLIENT_TYPES.map((type) => [
      type,
      annotated(clientFrameSchemas[type], type, CLIENT_FRAME_NOTES[type]),
    ])),
    { io: "input", target: "draft-7" },
  );
  return Object.fromEntries(CLIENT_TYPES.map((type) => [
    type,
    message(type, { ...CLIENT_FRAME_NOTES[type], payload: payloads[type]! }),
  ]));
}

function serverMessages(): Record<string, unknown> {
  const payloads = jsonSchemasOf(
    Object.fromEntries(SERVER_TYPES.map((type) => [
      type,
      annotated(serverFrameSchemas[type], type, SERVER_FRAME_NOTES[type]),
    ])),
    { io: "output", target: "draft-7", shared: SHARED_SCHEMAS },
  );
  // What an acknowledgement holds depends on what it acknowledges.
  return Object.fromEntries(
    SERVER_TYPES.filter((type) => type !== "ack").map((type) => {
      const { summary, example } = SERVER_FRAME_NOTES[type];
      const payload = payloads[type]!;
      if (type === "error") explainCodes(payload);
      return [type, message(type, { summary, example, payload })];
    }),
  );
}

function ackMessages(): Record<string, unknown> {
  const { fields, example } = SERVER_FRAME_NOTES.ack;
  const schema = annotated(serverFrameSchemas.ack, "ack", {
    fields,
  }) as typeof serverFrameSchemas.ack;
  const values: Readonly<Record<string, unknown>> = {
    ...example,
    expiresAt: SERVER_FRAME_NOTES["session.ready"].example.expiresAt,
  };
  const payloads = jsonSchemasOf(
    Object.fromEntries(ACKNOWLEDGED.map((type) => {
      const names = ["type", "ref", ...CLIENT_FRAME_NOTES[type].answerFields] as const;
      const fields = names.map((name) => [name, schema.shape[name]]);
      return [ackNameOf(type), z.object(Object.fromEntries(fields)).required()];
    })),
    { io: "output", target: "draft-7" },
  );
  return Object.fromEntries(ACKNOWLEDGED.map((type) => {
    const { answerFields, example: { id } } = CLIENT_FRAME_NOTES[type];
    const shown = ["type", "ref", ...answerFields].map((name) => [name, values[name]]);
    return [
      ackNameOf(type),
      message("ack", {
        summary: `Acknowledges \`${type}\`.`,
        example: { ...Object.fromEntries(shown), ref: id },
        payload: payloads[ackNameOf(type)]!,
      }),
    ];
  }));
}

/** The types of notes and schemas are one for each frame, which the compiler cannot follow here. */
function annotated(schema: z.ZodObject, type: string, { fields }: { fields: object }): z.ZodObject {
  return annotate(schema, { type: `\`${type}\`.`, ...fields });
}

function message(
  name: string,
  { summary, example, payload }: { summary: string; example: object; payload: JsonSchema },
): Record<string, unknown> {
  return { name, title: name, summary, payload, examples: [{ name: "example", payload: example }] };
}

function explainCodes({ properties }: JsonSchema): void {
  const { code } = properties as { code: JsonSchema };
  code["x-client"] = ERROR_NOTES;
}

/** What the server takes, and how it answers. */
function requestOperations(): Record<string, unknown> {
  return Object.fromEntries(CLIENT_TYPES.map((type) => {
    const { summary, answer, errors }: Pick<
      ClientFrameNote<ClientFrameType>,
      "summary" | "answer" | "errors"
    > = CLIENT_FRAME_NOTES[type];
    const said = answer === "ack" ? ackNameOf(type) : answer;
    return [type, {
      action: "receive",
      channel: { $ref: "#/channels/chat" },
      title: type,
      summary,
      messages: [inChannel(type)],
      reply: {
        channel: { $ref: "#/channels/chat" },
        messages: [inChannel(said), ...(errors.length === 0 ? [] : [inChannel("error")])],
      },
      "x-error-codes": errors,
    }];
  }));
}

/** What the server says by itself. */
function sendOperations(): Record<string, unknown> {
  const answers = new Set(Object.values(CLIENT_FRAME_NOTES).map(({ answer }) => answer as string));
  return Object.fromEntries(
    SERVER_TYPES.filter((type) => !answers.has(type)).map((type) => [type, {
      action: "send",
      channel: { $ref: "#/channels/chat" },
      title: type,
      summary: SERVER_FRAME_NOTES[type].summary,
      messages: [inChannel(type)],
    }]),
  );
}

function inChannel(name: string): { $ref: string } {
  return { $ref: `#/channels/chat/messages/${name}` };
}

function handshakeBinding(): Record<string, unknown> {
  return {
    method: "GET",
    headers: {
      type: "object",
      properties: {
        "Sec-WebSocket-Protocol": {
          type: "string",
          description:
            `\`${SUBPROTOCOL}\`, and from a browser \`${BEARER_PROTOCOL_PREFIX}<jwt>\` ` +
            "beside it. Where any are offered, the first must be among them.",
        },
        Authorization: {
          type: "string",
          description: "`Bearer <jwt>`. Exactly one credential: here or as a subprotocol.",
        },
        Origin: { type: "string", description: "Where it is sent, it must be allowed." },
      },
    },
    bindingVersion: "0.1.0",
  };
}
