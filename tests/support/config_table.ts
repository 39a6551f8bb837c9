/**
 * README's tables of variables and limits: reads them, and writes what the code says into them.
 *
 * ```sh
 * deno run --allow-read=README.md --allow-write=README.md tests/support/config_table.ts
 * ```
 *
 * @module
 */
import { describeVariables } from "../../lib/config/variables.ts";

/** Rows of trimmed cells, head first, without the rule below it. */
export type Table = readonly (readonly string[])[];

/** Head of the table of variables. */
export const VARIABLES_HEAD = ["Variable", "Default", "Meaning", "Must be"];
/** Head of the table of limits. */
export const LIMITS_HEAD = ["Variable", "Default", "Bounds", "Over it"];

/** The variables other than limits, as the README shows them. */
export function variablesTable(): Table {
  const rows = describeVariables().filter(({ name }) => !isLimit(name));
  return [
    VARIABLES_HEAD,
    ...rows.map(({ name, fallback, meaning, allowed }) => [
      `\`${name}\``,
      fallback,
      meaning,
      allowed,
    ]),
  ];
}

/** The limits, as the README shows them; what happens over each is the README's own. */
export function limitsTable(overOf: (variable: string) => string): Table {
  const rows = describeVariables().filter(({ name }) => isLimit(name));
  return [
    LIMITS_HEAD,
    ...rows.map(({ name, fallback, meaning }) => [`\`${name}\``, fallback, meaning, overOf(name)]),
  ];
}

/** What the README says of each limit in the column that is its own. */
export function overOf(limits: Table): (variable: string) => string {
  const said = new Map(limits.map((row) => [row[0], row.at(-1)]));
  return (variable) => said.get(`\`${variable}\``) ?? "";
}

/**
 * The first table whose head is `head`.
 *
 * @throws {Error} where there is none.
 */
export function tableUnder(markdown: string, head: readonly string[]): Table {
  return parseTable(textUnder(markdown, head));
}

/** The README with the code's tables in it. `deno fmt` aligns them. */
export function withTables(markdown: string): string {
  const over = overOf(tableUnder(markdown, LIMITS_HEAD));
  return [variablesTable(), limitsTable(over)].reduce(
    (text, table) => text.replace(textUnder(text, table[0]!), () => render(table)),
    markdown,
  );
}

function isLimit(name: string): boolean {
  return name.startsWith("LIMIT_");
}

function textUnder(markdown: string, head: readonly string[]): string {
  const tables = markdown.match(/(?:^\|.*\n)+/gm) ?? [];
  const found = tables.find((text) => String(parseTable(text)[0]) === String(head));
  if (found === undefined) throw new Error(`README has no table ${head.join(", ")}`);
  return found;
}

function parseTable(text: string): Table {
  const lines = text.split("\n").filter((line) => line.startsWith("|"));
  const rows = lines.map((line) =>
    line.trim().slice(1, -1).split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"))
  );
  return rows.filter((cells) => !cells.every((cell) => /^:?-+:?$/.test(cell)));
}

function render([head = [], ...rows]: Table): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line), ""].join("\n");
}

if (import.meta.main) {
  await Deno.writeTextFile("README.md", withTables(await Deno.readTextFile("README.md")));
}
