/**
 * JSON Schema as tables that people read.
 *
 * @module
 */
import { html, raw } from "hono/html";
import { ERROR_CODES } from "../../lib/errors.ts";
import { ID_PATTERN } from "../../lib/limits.ts";
import type { JsonSchema } from "./json_schema.ts";

/** HTML that is escaped already. */
export type Html = ReturnType<typeof raw>;

/** Several pieces, one behind the other. */
export function join(pieces: readonly Html[]): Html {
  return raw(pieces.map(String).join(""));
}

/** A template whose values are plain or HTML: nothing in it has to be awaited. */
export function markup(strings: TemplateStringsArray, ...values: (string | number | Html)[]): Html {
  return html(strings, ...values) as Html;
}

/** A sentence, with what stands in backticks as code. */
export function prose(text: string): Html {
  return join(text.split("`").map((piece, at) => at % 2 === 1 ? code(piece) : markup`${piece}`));
}

/** Code within a sentence. */
export function code(text: string | number): Html {
  return markup`<code>${text}</code>`;
}

/** A block of code, or one long line that is broken where the page ends. */
export function block(text: string, kind: "code" | "line" = "code"): Html {
  return markup`<pre class="${kind}" tabindex="0"><code>${text}</code></pre>`;
}

/** A value as indented JSON. */
export function example(value: unknown): Html {
  return block(typeof value === "string" ? value.trimEnd() : JSON.stringify(value, null, 2));
}

/** A table; `caption` is for those who hear it. */
export function table(
  caption: string,
  head: readonly string[],
  rows: readonly (readonly Html[])[],
): Html {
  return markup`<div class="table"><table>
<caption class="aside">${caption}</caption>
<thead><tr>${join(head.map((name) => markup`<th scope="col">${name}</th>`))}</tr></thead>
<tbody>${
    join(rows.map((cells) =>
      markup`<tr>${
        join(cells.map((cell, at) =>
          at === 0 ? markup`<th scope="row">${cell}</th>` : markup`<td>${cell}</td>`
        ))
      }</tr>`
    ))
  }</tbody>
</table></div>`;
}

/** The fields of an object, or of each of those that it may be. */
export function fieldTable(caption: string, schema: JsonSchema): Html {
  const { properties, required = [] } = schema as {
    properties?: Record<string, JsonSchema>;
    required?: string[];
  };
  if (properties === undefined) return markup`<p>${typeText(schema)}</p>`;
  const rows = Object.entries(properties).map(([name, field]) => [
    markup`<code>${name}</code>${required.includes(name) ? "" : markup` <i>optional</i>`}`,
    typeText(field),
    prose(String(field["description"] ?? "")),
  ]);
  return table(caption, ["Field", "Type", "Meaning"], rows);
}

/** What a value may be, in a few words; a name leads to its schema. */
export function typeText(schema: JsonSchema): Html {
  const { $ref, anyOf, allOf, type, items, format, pattern, properties } = schema as {
    $ref?: string;
    anyOf?: JsonSchema[];
    allOf?: JsonSchema[];
    type?: string | string[];
    items?: JsonSchema;
    format?: string;
    pattern?: string;
    properties?: Record<string, JsonSchema>;
  };
  if ($ref !== undefined) {
    const name = $ref.slice($ref.lastIndexOf("/") + 1);
    return markup`<a href="#schema-${name}">${name}</a>`;
  }
  const [only, ...others] = allOf ?? [];
  if (only !== undefined && others.length === 0) return typeText(only);
  if (anyOf !== undefined) return separated(anyOf.map(typeText), " or ");
  if ("const" in schema) return code(JSON.stringify(schema["const"]));
  if (Array.isArray(schema["enum"])) {
    if (schema["enum"].length === ERROR_CODES.length) {
      return markup`one of the <a href="#errors">error codes</a>`;
    }
    return separated(schema["enum"].map((value) => code(JSON.stringify(value))), " ");
  }
  if (type === "array") {
    return markup`array of ${items === undefined ? "anything" : typeText(items)}`;
  }
  if (type === "object" && properties !== undefined) {
    const names = Object.keys(properties);
    return markup`object of ${separated(names.map(code), ", ")}`;
  }
  if (format === "date-time") return markup`time, ISO 8601 UTC`;
  if (pattern === ID_PATTERN.source) return markup`id`;
  const types = Array.isArray(type) ? type.join(" or ") : type;
  return markup`${types ?? "anything"}${boundsText(schema)}${
    pattern === undefined ? "" : markup` like <code>${pattern}</code>`
  }`;
}

function boundsText(schema: JsonSchema): string {
  const bound = (least: string, most: string, unit: string): string => {
    const [from, to] = [schema[least], schema[most]];
    if (from === undefined && to === undefined) return "";
    if (to === undefined) return `, from ${from}${unit}`;
    return from === undefined ? `, at most ${to}${unit}` : `, ${from} to ${to}${unit}`;
  };
  const preset = schema["default"] === undefined ? "" : `, ${schema["default"]} by default`;
  return bound("minimum", "maximum", "") + bound("minLength", "maxLength", " characters") + preset;
}

function separated(pieces: readonly Html[], separator: string): Html {
  return join(pieces.flatMap((piece, at) => at === 0 ? [piece] : [markup`${separator}`, piece]));
}
