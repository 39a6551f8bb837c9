/**
 * The schemas that validate, as JSON Schema. Nothing is described that is not
 * also enforced or inferred from the same object.
 *
 * @module
 */
import { z } from "zod";
import type { FieldNotes } from "../../lib/chat/notes/client_frames.ts";

/** A JSON Schema, or a part of one. */
export interface JsonSchema {
  [keyword: string]: unknown;
}

/** `schema` with a sentence on each of its fields. */
export function annotate<S extends z.ZodObject>(schema: S, notes: FieldNotes<z.input<S>>): S {
  const sentences: Readonly<Record<string, string>> = notes;
  const fields = Object.entries(schema.shape as Record<string, z.ZodType>).map(
    ([name, field]) => [name, field.describe(sentences[name] ?? "")] as const,
  );
  return schema.extend(Object.fromEntries(fields)) as unknown as S;
}

/** How {@linkcode jsonSchemasOf} writes. */
export interface JsonSchemaOptions {
  /** What a reader sends (`input`) or gets (`output`): they differ in defaults. */
  readonly io: "input" | "output";
  /** AsyncAPI 3.0 is made for draft 7, OpenAPI 3.1 for 2020-12. */
  readonly target: "draft-7" | "draft-2020-12";
  /** Schemas that are referred to by name rather than repeated. */
  readonly shared?: Readonly<Record<string, z.ZodType>>;
}

/**
 * JSON Schemas by name. Where one holds another of them, or one of `shared`, it refers to
 * `#/components/schemas/<name>`. Objects are open: a later version may add fields.
 */
export function jsonSchemasOf<Name extends string>(
  schemas: Readonly<Record<Name, z.ZodType>>,
  { io, target, shared = {} }: JsonSchemaOptions,
): Record<Name, JsonSchema> {
  const registry = z.registry<{ id: string }>();
  const all: Readonly<Record<string, z.ZodType>> = { ...shared, ...schemas };
  for (const [id, schema] of Object.entries(all)) registry.add(schema, { id });
  const { schemas: written } = z.toJSONSchema(registry, {
    io,
    target,
    uri: (id) => `#/components/schemas/${id}`,
    override: ({ zodSchema, jsonSchema }) => tidy(zodSchema, jsonSchema),
  });
  const names = Object.keys(schemas) as Name[];
  return Object.fromEntries(names.map((name) => {
    const { $schema: _, $id: __, ...schema } = written[name] as JsonSchema;
    return [name, schema];
  })) as Record<Name, JsonSchema>;
}

/** Takes off what says nothing to a reader, or would forbid a later version to say more. */
function tidy(zodSchema: z.core.$ZodTypes, schema: JsonSchema): void {
  const { def } = zodSchema._zod;
  if (def.type === "object" && def.catchall === undefined) delete schema["additionalProperties"];
  // That a value does not change once it was read is the reader's affair.
  if (def.type === "readonly") delete schema["readOnly"];
  if (schema["format"] === "date-time") schema["pattern"] = "Z$";
  if (schema["maximum"] === Number.MAX_SAFE_INTEGER) delete schema["maximum"];
  if (schema["minimum"] === Number.MIN_SAFE_INTEGER) delete schema["minimum"];
}
