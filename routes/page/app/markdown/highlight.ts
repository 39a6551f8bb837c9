/**
 * Code as coloured pieces.
 *
 * @module
 */
import bash from "@speed-highlight/core/languages/bash.js";
import c from "@speed-highlight/core/languages/c.js";
import diff from "@speed-highlight/core/languages/diff.js";
import go from "@speed-highlight/core/languages/go.js";
import html from "@speed-highlight/core/languages/html.js";
import java from "@speed-highlight/core/languages/java.js";
import js from "@speed-highlight/core/languages/js.js";
import json from "@speed-highlight/core/languages/json.js";
import py from "@speed-highlight/core/languages/py.js";
import rs from "@speed-highlight/core/languages/rs.js";
import ts from "@speed-highlight/core/languages/ts.js";
import yaml from "@speed-highlight/core/languages/yaml.js";
import { type ShjLanguageData, tokenizeWith } from "@speed-highlight/core/tokenize";
import { sql } from "./sql.ts";

/** A piece of code and what it is; undefined where it is nothing special. */
export interface Piece {
  readonly text: string;
  readonly kind: string | undefined;
}

/** Longest code that is coloured, characters: patterns can take the square of it. */
const MAX_CODE = 5_000;

/** Longest line of such code, characters: no hand wrote a longer one. */
const MAX_LINE = 240;

/** Those that answers hold most. Not CSS: its patterns take seconds for what is no CSS. */
const languages: Readonly<Record<string, ShjLanguageData>> = {
  bash,
  c,
  diff,
  go,
  html,
  java,
  js,
  json,
  py,
  rs,
  sql,
  ts,
  yaml,
};

/** Other names of the same. */
const ALIASES: Readonly<Record<string, string>> = {
  console: "bash",
  cpp: "c",
  "c++": "c",
  golang: "go",
  h: "c",
  htm: "html",
  javascript: "js",
  jsonc: "json",
  jsx: "js",
  kotlin: "java",
  mjs: "js",
  patch: "diff",
  postgresql: "sql",
  python: "py",
  python3: "py",
  rust: "rs",
  sh: "bash",
  shell: "bash",
  svg: "html",
  tsx: "ts",
  typescript: "ts",
  xml: "html",
  yml: "yaml",
  zsh: "bash",
};

/** The pieces of `code`, joined the same again; null where it is not coloured. */
export function highlight(code: string, language: string): readonly Piece[] | null {
  const name = Object.hasOwn(ALIASES, language) ? ALIASES[language]! : language;
  if (!Object.hasOwn(languages, name) || code.length > MAX_CODE) return null;
  if (code.split("\n").some((line) => line.length > MAX_LINE)) return null;
  const pieces: Piece[] = [];
  tokenizeWith(code, languages[name]!, (text, kind) => {
    if (text !== "") pieces.push({ text, kind });
  }, { languages: { ...languages } });
  return pieces;
}
