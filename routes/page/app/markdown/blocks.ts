/**
 * Markdown that grows, cut into blocks: those that can change no more are read once, and only the
 * last one again as it grows.
 *
 * @module
 */
import { isCheap } from "./cost.ts";

/** A block that stands for itself. */
export type Block =
  /** To be read as Markdown. */
  | { readonly kind: "markdown"; readonly text: string }
  /** A fenced block of code, without its fences. */
  | { readonly kind: "code"; readonly language: string; readonly text: string }
  /** Too long to be read as Markdown in time: shown as it is. */
  | { readonly kind: "plain"; readonly text: string };

/** Longest block, characters; a longer one is cut, so that it is read in time and no element holds it all. */
const MAX_BLOCK = { code: 32_000, markdown: 10_000 } as const;

/** Longest line, characters; what is longer is cut: each picture lays the last one out anew. */
const MAX_LINE = { code: 100_000, markdown: 12_000 } as const;

/** Most lines of a block of Markdown: each may be an element of its own. */
const MAX_LINES = 400;

const FENCE = /^( {0,3})(`{3,}|~{3,})([^`\n]*)$/;
const LIST_ITEM = /^ {0,3}(?:[-*+]|\d{1,9}[.)])(?:\s|$)/;
const HEADING = /^ {0,3}#{1,6}(?:\s|$)/;

type Fence = { readonly marker: string; readonly indent: number; readonly language: string };

/** Cuts one text that grows at its end. */
export class BlockSplitter {
  readonly #settled: Block[] = [];
  #text = "";
  /** Where the line begins that was not read yet. */
  #at = 0;
  /** Lines of the block that may still grow. */
  #lines: string[] = [];
  #length = 0;
  #fence: Fence | null = null;
  #isBlankBefore = false;

  /** The blocks that change no more; the array only grows. */
  get settled(): readonly Block[] {
    return this.#settled;
  }

  /** The last block, as far as it is known; null where there is none. */
  get open(): Block | null {
    const rest = this.#text.slice(this.#at);
    const lines = rest === "" ? this.#lines : [...this.#lines, rest];
    if (this.#fence !== null) {
      const text = rest !== "" && this.#closes(this.#fence, rest) ? this.#lines : lines;
      return { kind: "code", language: this.#fence.language, text: text.join("\n") };
    }
    const fence = this.#lines.length === 0 ? openingFence(rest) : null;
    if (fence !== null) return { kind: "code", language: fence.language, text: "" };
    return lines.some((line) => line.trim() !== "") ? blockOf(lines.join("\n")) : null;
  }

  /** Takes the whole text; true where it was no longer version of the last: then all blocks are new. */
  update(text: string): boolean {
    const isOther = !text.startsWith(this.#text);
    if (isOther) this.#clear();
    this.#text = text;
    while (this.#takeNext(text));
    return isOther;
  }

  /** Takes the next line, or the next part of a very long one; false where its end is not there yet. */
  #takeNext(text: string): boolean {
    const from = this.#at;
    const end = text.indexOf("\n", from);
    const longest = this.#fence === null ? MAX_LINE.markdown : MAX_LINE.code;
    if ((end === -1 ? text.length : end) - from > longest) {
      // Not through the middle of a character.
      this.#at = from + longest - (/[\udc00-\udfff]/.test(text[from + longest]!) ? 1 : 0);
      this.#takeLine(text.slice(from, this.#at));
      return true;
    }
    if (end === -1) return false;
    this.#at = end + 1;
    this.#takeLine(text.slice(from, end));
    return true;
  }

  #takeLine(line: string): void {
    if (this.#fence !== null) {
      if (this.#closes(this.#fence, line)) return this.#settle();
      return this.#add(line);
    }
    if (line.trim() === "") {
      this.#isBlankBefore = this.#lines.length > 0;
      if (this.#isBlankBefore) this.#add(line);
      return;
    }
    if (this.#isBlankBefore && !this.#continues(line)) this.#settle();
    this.#isBlankBefore = false;
    // Inside a list a fence is the list's own.
    const isList = LIST_ITEM.test(this.#lines[0] ?? "");
    const fence = isList ? null : openingFence(line);
    if (fence !== null) {
      this.#settle();
      this.#fence = fence;
      return;
    }
    if (HEADING.test(line) && !isList) this.#settle();
    this.#add(line);
  }

  /** Whether a line behind a blank one still belongs to the block: a list's next item, or its inside. */
  #continues(line: string): boolean {
    const first = this.#lines[0] ?? "";
    if (LIST_ITEM.test(first)) return LIST_ITEM.test(line) || /^(?: {2}|\t)/.test(line);
    return /^(?: {4}|\t)/.test(first) && /^(?: {4}|\t)/.test(line);
  }

  #closes({ marker }: Fence, line: string): boolean {
    const trimmed = line.trim();
    return trimmed.length >= marker.length && trimmed[0] === marker[0] &&
      trimmed === trimmed[0]!.repeat(trimmed.length);
  }

  #add(line: string): void {
    const { indent } = this.#fence ?? { indent: 0 };
    const own = indent === 0 ? line : line.replace(new RegExp(`^ {0,${indent}}`), "");
    this.#lines.push(own);
    this.#length += own.length + 1;
    const isLong = this.#fence === null
      ? this.#length >= MAX_BLOCK.markdown || this.#lines.length >= MAX_LINES
      : this.#length >= MAX_BLOCK.code;
    if (isLong) this.#cut();
  }

  /** Ends the block, and goes on with another of its kind. */
  #cut(): void {
    const fence = this.#fence;
    this.#settle();
    this.#fence = fence;
  }

  #settle(): void {
    const text = this.#lines.join("\n");
    if (this.#fence !== null) {
      this.#settled.push({ kind: "code", language: this.#fence.language, text });
    } else if (text.trim() !== "") this.#settled.push(blockOf(text));
    this.#lines = [];
    this.#length = 0;
    this.#fence = null;
    this.#isBlankBefore = false;
  }

  #clear(): void {
    this.#settle();
    this.#settled.length = 0;
    this.#at = 0;
  }
}

function openingFence(line: string): Fence | null {
  const [, indent = "", marker, info = ""] = FENCE.exec(line) ?? [];
  if (marker === undefined) return null;
  const language = info.trim().split(/\s+/)[0]!.toLowerCase();
  return { marker, indent: indent.length, language };
}

function blockOf(text: string): Block {
  return { kind: isCheap(text) ? "markdown" : "plain", text };
}
