/**
 * What axe-core finds in a page: barriers for people who do not see, hear or point as others do.
 *
 * @module
 */
/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
import type axe from "npm:axe-core@^4.14.1";
import type { Page } from "npm:playwright-core@^1.65.1";

/** The auditor's source, to be run in each document before the page's own scripts. */
export async function auditorScript(): Promise<string> {
  return (await import("npm:axe-core@^4.14.1")).default.source;
}

/** All that is asked of a page (WCAG 2.2 AA and more), and what of it another colour scheme can break. */
const RULES: Readonly<Record<"all" | "colours", axe.RunOnly>> = {
  all: {
    type: "tag",
    values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
  },
  colours: { type: "rule", values: ["color-contrast", "link-in-text-block"] },
};

/** What is found in the page as it is now. It needs {@linkcode auditorScript}. */
export async function audit(page: Page, rules: keyof typeof RULES): Promise<string[]> {
  return await page.evaluate(async (runOnly) => {
    const { axe: auditor } = globalThis as unknown as { axe: typeof axe };
    const { violations, passes } = await auditor.run(document, {
      resultTypes: ["violations"],
      runOnly,
    });
    // An audit that looks at nothing finds nothing.
    if (passes.length === 0) return ["no rule applied"];
    return violations.flatMap(({ id, nodes }) =>
      nodes.map(({ target, failureSummary }) => `${id} at ${target.join(" ")}: ${failureSummary}`)
    );
  }, RULES[rules]);
}
