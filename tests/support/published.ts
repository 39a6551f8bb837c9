/**
 * The published documents as a yardstick: every frame that a test sends or receives on purpose is
 * held against the AsyncAPI document, by a validator that knows nothing of the code's own. Hostile
 * input goes around it, as raw text.
 *
 * @module
 */
import Ajv2020, { type AnySchema, type ValidateFunction } from "npm:ajv@^8.20.0/dist/2020.js";
import addFormats from "npm:ajv-formats@^3.0.1";
import { asyncApiDocument, type Document } from "../../routes/docs/asyncapi.ts";
import { openApiDocument } from "../../routes/docs/openapi.ts";

/** A JSON value that can be asked for its members. */
export type Json = Readonly<Record<string, unknown>>;

/** Which side a frame comes from. */
export type Sender = "client" | "server";

/** The names of the documents. */
export type DocumentName = "openapi" | "asyncapi";

/** Both documents, made once, and closed: a field that they do not name is a violation too. */
class Published {
  readonly openapi = closed(openApiDocument()) as Json;
  readonly asyncapi = closed(asyncApiDocument()) as Json;
  readonly #compiled = new Map<unknown, ValidateFunction>();
  readonly #ajv = new Ajv2020.default({ strict: true, strictTypes: false, validateSchema: false });
  readonly #messages: Readonly<Record<Sender, ReadonlyMap<string, readonly string[]>>>;

  constructor() {
    addFormats.default(this.#ajv);
    this.#ajv.addVocabulary(["x-client", "x-event", "example"]);
    for (const name of ["openapi", "asyncapi"] as const) {
      const { schemas } = this[name]["components"] as { schemas: Record<string, AnySchema> };
      for (const [key, schema] of Object.entries(schemas)) {
        this.#ajv.addSchema(rebased(name, schema), idOf(name, key));
      }
    }
    this.#messages = { client: this.#messagesOf("receive"), server: this.#messagesOf("send") };
  }

  /** What is wrong with a value, by the schema that stands in a document under these names. */
  violations(name: DocumentName, path: readonly string[], value: unknown): string[] {
    const schema = path.reduce<unknown>((at, key) => (at as Json | undefined)?.[key], this[name]);
    if (schema === undefined) throw new Error(`Nothing is published at ${name} ${path}`);
    let validate = this.#compiled.get(schema);
    if (validate === undefined) {
      validate = this.#ajv.compile(rebased(name, schema));
      this.#compiled.set(schema, validate);
    }
    if (validate(value)) return [];
    return (validate.errors ?? []).map(({ instancePath, message, params }) =>
      `${instancePath || "it"} ${message} ${JSON.stringify(params)}`
    );
  }

  /** The names of the messages of a type. */
  messages(sender: Sender, type: string): readonly string[] {
    return this.#messages[sender].get(type) ?? [];
  }

  /** By type, as the operations of the document have them: an answer is what a reply names. */
  #messagesOf(action: "receive" | "send"): Map<string, string[]> {
    const { operations, components } = this.asyncapi as unknown as {
      operations: Record<string, {
        action: string;
        messages: { $ref: string }[];
        reply?: { messages: { $ref: string }[] };
      }>;
      components: { messages: Record<string, { name: string }> };
    };
    const named = Object.values(operations).flatMap((operation) => [
      ...(operation.action === action ? operation.messages : []),
      ...(action === "send" ? operation.reply?.messages ?? [] : []),
    ]);
    const found = new Map<string, string[]>();
    for (const key of new Set(named.map(({ $ref }) => $ref.slice($ref.lastIndexOf("/") + 1)))) {
      const { name } = components.messages[key]!;
      found.set(name, [...found.get(name) ?? [], key]);
    }
    return found;
  }
}

let published: Published | undefined;

/** The documents; made when they are first asked for. */
export function publishedDocuments(): Published {
  return published ??= new Published();
}

/** What is wrong with a frame of that side: an unknown type, a field that does not fit, or one too many. */
export function frameViolations(sender: Sender, frame: unknown): string[] {
  const { type } = frame as { type?: unknown };
  const names = publishedDocuments().messages(sender, String(type));
  if (names.length === 0) return [`${type} is no frame of the ${sender}'s`];
  const found = names.map((name) =>
    publishedDocuments().violations("asyncapi", ["components", "messages", name, "payload"], frame)
  );
  // An `ack` is right where it is one of the acknowledgements.
  if (found.some((violations) => violations.length === 0)) return [];
  return found.flat().map((violation) => `${type}: ${violation}`);
}

/**
 * Returns the frame.
 *
 * @throws {Error} where the AsyncAPI document has no such frame of that side.
 */
export function asPublished<Frame>(sender: Sender, frame: Frame): Frame {
  const violations = frameViolations(sender, frame);
  if (violations.length === 0) return frame;
  throw new Error(`Not as published: ${violations.join("; ")} in ${JSON.stringify(frame)}`);
}

/** Absolute, so that it means the same wherever it is referred to. */
function idOf(name: DocumentName, key: string): string {
  return `https://${name}.test/${key}`;
}

/** A schema whose references lead to where the schemas of that document are known. */
function rebased(name: DocumentName, schema: unknown): AnySchema {
  const text = JSON.stringify(schema);
  return JSON.parse(text.replaceAll(`"#/components/schemas/`, `"${idOf(name, "")}`));
}

/** Objects that name their fields have no others. As published they may: a later version adds some. */
export function closed(value: Document | unknown): unknown {
  if (Array.isArray(value)) return value.map(closed);
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).map(([name, member]) => [name, closed(member)]);
  const object: Record<string, unknown> = Object.fromEntries(members);
  const isClosable = object["type"] === "object" && "properties" in object;
  return isClosable ? { additionalProperties: false, ...object } : object;
}
