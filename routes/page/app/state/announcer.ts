/**
 * What a screen reader is told of an answer that streams: sentences, not tokens, and not a whole book.
 *
 * @module
 */

/** Longest part of one answer that is read out, characters; the rest is there to be read. */
const MAX_SPOKEN = 600;

/** Gives out what is new as whole sentences. */
export class SentenceAnnouncer {
  #spoken = 0;
  #isOver = false;

  /** The sentences of `text` that were not given yet; null where there is none. `text` only grows. */
  next(text: string): string | null {
    if (this.#isOver) return null;
    const end = lastSentenceEnd(text, this.#spoken);
    if (end <= this.#spoken) return null;
    // Of a sentence without end no more than is read out: taking its marks out can take the square.
    const sentences = plainText(text.slice(this.#spoken, Math.min(end, MAX_SPOKEN)));
    this.#spoken = end;
    if (end >= MAX_SPOKEN) {
      this.#isOver = true;
      return `${sentences} The answer goes on.`;
    }
    return sentences === "" ? null : sentences;
  }

  /** Begins anew: what was given is void. */
  restart(): void {
    this.#spoken = 0;
    this.#isOver = false;
  }
}

function lastSentenceEnd(text: string, from: number): number {
  const ends = text.slice(from).matchAll(/[.!?…:](?=\s)|\n/g);
  let last = from;
  for (const match of ends) {
    last = from + match.index + match[0].length;
    if (last >= MAX_SPOKEN) break;
  }
  return last;
}

/** Markdown without its marks. */
function plainText(markdown: string): string {
  return markdown
    .replace(/^\s*(```|~~~).*$/gm, "")
    .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replace(/^\s*(#{1,6}|>|[-*+])\s+/gm, "")
    .replace(/[*_`|]+/g, "")
    .replace(/\s+/g, " ")
    .trim();
}
