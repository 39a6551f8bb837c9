/**
 * SQL as far as answers use it. The library's own knows every function of every database, and weighs
 * more than all other languages together.
 *
 * @module
 */
import type { ShjLanguageData } from "@speed-highlight/core/tokenize";

const WORDS =
  "add all alter and as asc begin between by case check column commit constraint create " +
  "cross default delete desc distinct drop else end exists foreign from full group having if in " +
  "index inner insert into is join key left like limit not null offset on or order outer over " +
  "partition primary references returning right rollback select set table then union unique update " +
  "using values view when where with";

/** Its grammar. */
export const sql: ShjLanguageData = [
  { type: "cmnt", match: /--.*|\/\*(?:(?!\*\/)[^])*(?:\*\/)?/g },
  { expand: "str" },
  { expand: "num" },
  { type: "kwd", match: new RegExp(`\\b(?:${WORDS.replaceAll(" ", "|")})\\b`, "gi") },
  { type: "func", match: /\b\w+(?=\()/g },
];
