/**
 * The OpenAPI 3.1 document, made of the operations and of the schemas that validate.
 *
 * @module
 */
import type { z } from "zod";
import { idSchema } from "../../lib/chat/protocol.ts";
import { type ErrorCode, ERRORS } from "../../lib/errors.ts";
import { devTokenSchema } from "../../lib/http/dev_token.ts";
import { healthDocumentSchema, startupReportSchema } from "../../lib/http/health.ts";
import { problemSchema } from "../../lib/http/problem.ts";
import {
  acceptedMessageSchema,
  cancelledRunSchema,
  entryListSchema,
  threadListSchema,
  threadSchema,
} from "../../lib/http/threads.ts";
import { ABOUT, TOKEN_SCHEME } from "./about.ts";
import type { Document } from "./asyncapi.ts";
import { AI_OPERATIONS, HANDSHAKE } from "./chat_operations.ts";
import { SHARED_SCHEMAS, sharedJsonSchemas } from "./entry_schemas.ts";
import { type JsonSchema, jsonSchemasOf } from "./json_schema.ts";
import { type Answer, errorsOf, GROUPS, MEDIA, type Operation } from "./operation.ts";
import { answerHeaders, HEADERS, problemHeaders } from "./answer_headers.ts";
import { PAGE_OPERATIONS, SERVER_OPERATIONS } from "./server_operations.ts";
import { THREAD_OPERATIONS } from "./thread_operations.ts";

const TARGET = "draft-2020-12";

/** Every route, in the order in which it is shown. */
export const OPERATIONS: readonly Operation[] = [
  ...THREAD_OPERATIONS,
  ...AI_OPERATIONS,
  HANDSHAKE,
  ...SERVER_OPERATIONS,
  ...PAGE_OPERATIONS,
];

/** What answers hold, by name. */
const ANSWER_SCHEMAS = {
  Problem: problemSchema,
  Thread: threadSchema,
  ThreadPage: threadListSchema,
  EntryPage: entryListSchema,
  AcceptedMessage: acceptedMessageSchema,
  CancelledRun: cancelledRunSchema,
  HealthDocument: healthDocumentSchema,
  StartupReport: startupReportSchema,
  DevToken: devTokenSchema,
} as const;

const PATH_PARAMETERS: Readonly<Record<string, string>> = {
  threadId: "One of the caller's threads.",
  runId: "One of the thread's runs.",
};

/** Makes the document. */
export function openApiDocument(): Document {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of OPERATIONS) {
    (paths[operation.path] ??= {})[operation.method] = describe(operation);
  }
  return {
    openapi: "3.1.0",
    jsonSchemaDialect: "https://json-schema.org/draft/2020-12/schema",
    info: {
      ...ABOUT,
      title: "Drawbridge: HTTP",
      description: "Everything under `/api` stands behind the gate: while the server starts, a " +
        "request waits, and is then answered or told why not. Errors are problem documents " +
        "(RFC 9457). A method that a path does not have is answered with 405 and `Allow`; `HEAD` " +
        "works wherever `GET` does. What is said on the socket is in `/asyncapi.json`; `/docs` is " +
        "for people.",
    },
    servers: [{ url: "/" }],
    tags: Object.entries(GROUPS).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas: {
        ...jsonSchemasOf(ANSWER_SCHEMAS, { io: "output", target: TARGET, shared: SHARED_SCHEMAS }),
        ...sharedJsonSchemas(TARGET),
      },
      headers: HEADERS,
      securitySchemes: {
        token: TOKEN_SCHEME,
        subprotocol: {
          type: "apiKey",
          in: "header",
          name: "Sec-WebSocket-Protocol",
          description: "`bearer.<jwt>` beside `drawbridge.v1`, for browsers.",
        },
        metrics: { type: "http", scheme: "bearer", description: "`METRICS_TOKEN`." },
      },
    },
  };
}

function describe(operation: Operation): Record<string, unknown> {
  const { id, group, summary, description, body, bodyExample } = operation;
  const parameters = [...pathParameters(operation), ...queryParameters(operation)];
  return {
    operationId: id,
    tags: [group],
    summary,
    ...(description === undefined ? {} : { description }),
    security: securityOf(operation),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined ? {} : {
      requestBody: {
        required: true,
        content: { [MEDIA.json]: { schema: schemaOf(body, "input"), example: bodyExample } },
      },
    }),
    responses: { ...Object.fromEntries(operation.answers.map(success)), ...problems(operation) },
  };
}

function securityOf({ access }: Operation): Record<string, never[]>[] {
  switch (access) {
    case "token":
      return [{ token: [] }];
    case "handshake":
      return [{ token: [] }, { subprotocol: [] }];
    case "metrics":
      return [{}, { metrics: [] }];
    case "anyone":
      return [];
    default:
      return access satisfies never;
  }
}

function pathParameters({ path }: Operation): unknown[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => ({
    name,
    in: "path",
    required: true,
    description: PATH_PARAMETERS[name],
    schema: schemaOf(idSchema, "input"),
  }));
}

function queryParameters({ query }: Operation): unknown[] {
  if (query === undefined) return [];
  const { properties } = schemaOf(query, "input") as { properties: Record<string, JsonSchema> };
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: "query",
    description,
    schema,
  }));
}

function success(answer: Answer): [string, unknown] {
  const { status, description, media, schema, example } = answer;
  const isEvents = media === MEDIA.events;
  const holds = schema === undefined || media === undefined
    ? { schema: { type: media === MEDIA.json ? "object" : "string" } }
    : isEvents
    ? { schema: { type: "string" }, "x-event": schemaOf(schema, "output") }
    : { schema: schemaOf(schema, "output") };
  return [String(status), {
    description,
    headers: answerHeaders(answer),
    ...(media === undefined ? {} : {
      content: { [media]: { ...holds, ...(example === undefined ? {} : { example }) } },
    }),
  }];
}

/** Problem documents by status, each with the codes that it may hold. */
function problems(operation: Operation): Record<string, unknown> {
  const byStatus = Map.groupBy(errorsOf(operation), (code) => ERRORS[code].status);
  return Object.fromEntries([...byStatus].map(([status, codes]) => [String(status), {
    description: codes.map((code) => ERRORS[code].title).join("; "),
    headers: problemHeaders(status),
    content: { [MEDIA.problem]: { schema: problemOf(status, codes) } },
  }]));
}

function problemOf(status: number, codes: readonly ErrorCode[]): JsonSchema {
  const waits = status === 429 || status === 503;
  return {
    $ref: "#/components/schemas/Problem",
    properties: { status: { const: status }, code: { enum: codes } },
    ...(waits ? { required: ["retryAfterMs"] } : {}),
  };
}

/** A reference where the schema has a name, else the schema itself. */
function schemaOf(schema: z.ZodType, io: "input" | "output"): JsonSchema {
  const named = { ...ANSWER_SCHEMAS, ...SHARED_SCHEMAS };
  const [name] = Object.entries(named).find(([, known]) => known === schema) ?? [];
  if (name !== undefined) return { $ref: `#/components/schemas/${name}` };
  return jsonSchemasOf({ it: schema }, { io, target: TARGET, shared: SHARED_SCHEMAS }).it;
}
