/**
 * The HTTP interface on the page.
 *
 * @module
 */
import { ERRORS } from "../../lib/errors.ts";
import { code, example, fieldTable, type Html, join, markup, prose, table } from "./fields.ts";
import type { JsonSchema } from "./json_schema.ts";
import { type Access, type Answer, errorsOf, GROUPS, MEDIA, type Operation } from "./operation.ts";

/** The part of the OpenAPI document that the page shows. */
export interface ShownApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, ShownOperation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, JsonSchema>> };
}

/** One operation, as far as the page shows it. */
export interface ShownOperation {
  readonly parameters?: readonly (JsonSchema & { name: string; schema: JsonSchema })[];
  readonly requestBody?: { content: Record<string, { schema: JsonSchema }> };
  readonly responses: Readonly<Record<string, { content?: Record<string, ShownMedia> }>>;
}

/** A body, by its media type. */
export interface ShownMedia {
  readonly schema: JsonSchema;
}

const ACCESS: Readonly<Record<Access, string>> = {
  token: "Needs `Authorization: Bearer`; waits at the gate.",
  handshake: "Needs a token in `Authorization` or as a subprotocol; waits at the gate.",
  metrics: "Needs `METRICS_TOKEN` as `Authorization: Bearer`, where it is set.",
  anyone: "Open to everybody, also before the gate opens.",
};

/** The anchor of an operation. */
export function anchorOf({ id }: Operation): string {
  return `http-${id}`;
}

/** Every operation, group by group. */
export function httpSection(operations: readonly Operation[], api: ShownApi): Html {
  const groups = Object.entries(GROUPS).map(([group, about]) =>
    markup`<section aria-labelledby="group-${slug(group)}">
<h3 id="group-${slug(group)}">${group}</h3>
<p>${prose(about)}</p>
${
      join(operations.filter((one) => one.group === group).map((one) => operationArticle(one, api)))
    }</section>`
  );
  return join(groups);
}

/** The named schemas. */
export function schemaSection({ components: { schemas } }: ShownApi): Html {
  const articles = Object.entries(schemas).map(([name, schema]) =>
    markup`<article id="schema-${name}">
<h3><a href="#schema-${name}">${name}</a></h3>
${schema["description"] === undefined ? "" : markup`<p>${prose(String(schema["description"]))}</p>`}
${fieldTable(`Fields of ${name}`, schema)}
</article>`
  );
  return join(articles);
}

/** A text as a part of an anchor. */
export function slug(text: string): string {
  return text.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
}

function operationArticle(operation: Operation, api: ShownApi): Html {
  const { method, path, summary, description, access, bodyExample } = operation;
  const shown = api.paths[path]![method]!;
  const anchor = anchorOf(operation);
  const body = shown.requestBody?.content[MEDIA.json]?.schema;
  return markup`<article id="${anchor}">
<h4><a href="#${anchor}"><b class="method ${method}">${method.toUpperCase()}</b> <code>${path}</code></a></h4>
<p><strong>${summary}.</strong> ${description === undefined ? "" : prose(description)}</p>
<p class="aside">${prose(ACCESS[access])}</p>
${parameterTable(shown)}
${
    body === undefined ? "" : markup`<h5>Body</h5>
${fieldTable(`Fields of the body`, body)}
${example(bodyExample)}`
  }
<h5>Answers</h5>
${answerTable(operation, shown)}
${join(operation.answers.flatMap(answerExample))}
</article>`;
}

function parameterTable({ parameters = [] }: ShownOperation): Html {
  if (parameters.length === 0) return markup``;
  const properties = Object.fromEntries(parameters.map(({ name, schema, description }) => [
    name,
    { ...schema, description },
  ]));
  const required = parameters.filter((one) => one["required"]).map(({ name }) => name);
  return markup`<h5>Parameters</h5>
${fieldTable("Parameters in the path and the query", { properties, required })}`;
}

function answerTable(operation: Operation, { responses }: ShownOperation): Html {
  const rows = operation.answers.map(({ status, description }) => {
    const [[, media] = []] = Object.entries(responses[status]?.content ?? {});
    const [type] = Object.keys(responses[status]?.content ?? {});
    const $ref = media?.schema["$ref"];
    const name = typeof $ref === "string" ? $ref.slice($ref.lastIndexOf("/") + 1) : null;
    return [
      code(status),
      name === null ? markup`${type ?? "no body"}` : markup`<a href="#schema-${name}">${name}</a>`,
      prose(description),
    ];
  });
  const byStatus = Map.groupBy(errorsOf(operation), (one) => ERRORS[one].status);
  const errors = [...byStatus].toSorted(([a], [b]) => a - b).map(([status, codes]) => [
    code(status),
    markup`<a href="#schema-Problem">Problem</a>`,
    join(codes.map((one) => markup`<a href="#error-${one}"><code>${one}</code></a> `)),
  ]);
  return table("Answers by status", ["Status", "Body", "When"], [...rows, ...errors]);
}

function answerExample({ status, example: shown }: Answer): Html[] {
  return shown === undefined ? [] : [markup`<p class="aside">${status}:</p>${example(shown)}`];
}
