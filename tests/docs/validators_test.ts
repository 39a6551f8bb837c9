/**
 * The published documents before judges that know nothing of this project.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { asyncApiDocument } from "../../routes/docs/asyncapi.ts";
import { openApiDocument } from "../../routes/docs/openapi.ts";
import { needs } from "../support/permissions.ts";

// Both read files of their own; AsyncAPI's also looks at the environment.
const withFiles = needs("read", "env", "sys");

interface Diagnostic {
  readonly code: string | number;
  readonly message: string;
  readonly severity: number;
  readonly path: readonly (string | number)[];
}

/** Faults and warnings, less the advice to use a later version than the one that was asked for. */
async function asyncApiFaults(document: unknown): Promise<string[]> {
  const { Parser } = await import("@asyncapi/parser");
  const text = JSON.stringify(document);
  const { diagnostics }: { diagnostics: readonly Diagnostic[] } = await new Parser().parse(text);
  return diagnostics.filter(({ code }) => code !== "asyncapi-latest-version")
    .map(({ code, message, path }) => `${code} at ${path.join("/")}: ${message}`);
}

async function openApiFaults(document: unknown): Promise<string[]> {
  const { Validator } = await import("@seriousme/openapi-schema-validator");
  const { valid, errors } = await new Validator().validate(
    structuredClone(document) as Record<string, unknown>,
  );
  return valid ? [] : [JSON.stringify(errors)];
}

Deno.test({
  ...withFiles("AsyncAPI's own parser takes the document without a complaint, and no broken one"),
  // Its rules compile themselves when they are first used, and keep a timer.
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    const document = asyncApiDocument();
    assertEquals(await asyncApiFaults(document), []);
    const { operations } = structuredClone(document) as { operations: Record<string, object> };
    const broken = { ...operations, ping: { ...operations["ping"], action: "shout" } };
    assert((await asyncApiFaults({ ...document, operations: broken })).length > 0);
  },
});

Deno.test({
  ...withFiles("an OpenAPI 3.1 validator takes the document, and no broken one"),
  async fn() {
    const document = openApiDocument();
    assertEquals(await openApiFaults(document), []);
    assert((await openApiFaults({ ...document, openapi: "3.1.0", paths: { "/x": 1 } })).length > 0);
  },
});
