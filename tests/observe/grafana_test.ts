import { assert, assertEquals, assertThrows } from "@std/assert";
import { parse } from "npm:yaml@^2.9.1";
import dashboard from "../../lib/observe/grafana/dashboard.json" with { type: "json" };
import { METRICS } from "../../lib/observe/metrics.ts";
import { ChatClient } from "../support/chat_client.ts";
import { parseExposition, type ScrapedMetric } from "../support/exposition.ts";
import { needs } from "../support/permissions.ts";
import { loadQueryParser, type Selector } from "../support/promql.ts";
import { devToken, needsServer, ServerProcess } from "../support/server_process.ts";

/** One query of the dashboard or of a rule, and the labels that its texts show. */
interface Query {
  readonly where: string;
  readonly text: string;
  readonly shown: readonly string[];
}

/** One alerting rule. */
interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string };
}

/** Labels that the scraper adds to each series. */
const SCRAPERS: readonly string[] = ["job", "instance"];

/** The grammar's library asks for it. */
const withGrammar = needs("env");

Deno.test({
  ...withGrammar("a query is read as selectors and groupings, and refused where it is no PromQL"),
  async fn() {
    const parseQuery = await loadQueryParser();
    const query = 'sum by (le, job) (rate(a_bucket{x="1", y=~"b|c"}[$__rate_interval])) > on (z) d';
    assertEquals(parseQuery(query), {
      selectors: [
        {
          name: "a_bucket",
          matchers: [
            { label: "x", operator: "=", value: "1" },
            { label: "y", operator: "=~", value: "b|c" },
          ],
        },
        { name: "d", matchers: [] },
      ],
      grouping: ["le", "job", "z"],
    });
    assertThrows(() => parseQuery("sum(rate(a[5m])"), Error, "Not PromQL");
  },
});

Deno.test({
  ...needsServer(
    "every query of the dashboard and the alerts finds its series in a server that has chatted",
  ),
  async fn() {
    const parseQuery = await loadQueryParser();
    await using server = await ServerProcess.start();
    await server.state("ready");
    {
      const token = await devToken(server, "ada");
      await using client = await ChatClient.connect(server.address, token);
      await client.say("t1", { id: "m1", text: "hello" });
      await client.answer("t1");
    }
    const scraped = parseExposition((await server.request("/metrics")).body);
    const queries = [...queriesOfDashboard(), ...(await rules()).map(queryOfRule)];
    const faults = queries.flatMap(({ where, text, shown }) => {
      const { selectors, grouping } = parseQuery(text);
      const labels = new Set(selectors.flatMap((selector) => labelsOf(selector, scraped)));
      const missing = [...grouping, ...shown].filter((label) => !labels.has(label));
      return [
        ...selectors.flatMap((selector) => faultsOf(selector, scraped)),
        ...missing.map((label) => `no series has the label ${label}`),
      ].map((fault) => `${where}: ${fault}`);
    });
    assertEquals(faults, []);
  },
});

Deno.test({
  ...withGrammar("the dashboard shows every metric"),
  async fn() {
    const parseQuery = await loadQueryParser();
    const shown = new Set(
      queriesOfDashboard().flatMap(({ text }) => parseQuery(text).selectors.map(baseOf)),
    );
    const names = Object.keys(METRICS).map((name) => `drawbridge_${name}`);
    assertEquals(names.filter((name) => !shown.has(name)), []);
  },
});

Deno.test("the dashboard's panels have names, and places that do not overlap", () => {
  const ids = dashboard.panels.map(({ id }) => id);
  assertEquals(new Set(ids).size, ids.length);
  const taken = new Set<string>();
  for (const { title, gridPos: { x, y, w, h } } of dashboard.panels) {
    assert(title !== "" && x + w <= 24, title);
    for (let at = 0; at < w * h; at++) {
      const cell = `${x + at % w} ${y + Math.floor(at / w)}`;
      assert(!taken.has(cell), `${title} covers another panel`);
      taken.add(cell);
    }
  }
});

Deno.test({
  ...needs("read")("every alert has a name of its own, a severity, and says what to do"),
  async fn() {
    const all = await rules();
    assertEquals(new Set(all.map(({ alert }) => alert)).size, all.length);
    for (const { alert, labels, annotations, for: wait = "0m" } of all) {
      assert(["page", "ticket"].includes(labels.severity), alert);
      assert(annotations.summary !== "" && annotations.description.length > 20, alert);
      assert(/^\d+m$/.test(wait), alert);
    }
  },
});

function queriesOfDashboard(): Query[] {
  const panels = dashboard.panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr, legendFormat }): Query => ({
      where: title,
      text: expr,
      shown: [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = ""]) => label),
    }))
  );
  const annotations = dashboard.annotations.list
    .map(({ name, expr }): Query => ({ where: name, text: expr, shown: [] }));
  const variables = dashboard.templating.list.flatMap(({ name, definition }) => {
    const [, text, label] = /^label_values\((.*), (\w+)\)$/.exec(definition ?? "") ?? [];
    return text === undefined ? [] : [{ where: name, text, shown: [label!] }];
  });
  assertEquals([annotations.length, variables.length], [1, 2]);
  return [...panels, ...annotations, ...variables];
}

async function rules(): Promise<Rule[]> {
  const file = new URL("../../lib/observe/grafana/alerts.yml", import.meta.url);
  const { groups } = parse(await Deno.readTextFile(file));
  return groups.flatMap(({ rules }: { rules: Rule[] }) => rules);
}

function queryOfRule({ alert, expr, annotations }: Rule): Query {
  const texts = `${annotations.summary} ${annotations.description}`;
  const shown = [...texts.matchAll(/\{\{ \$labels\.(\w+) \}\}/g)].map(([, label = ""]) => label);
  return { where: alert, text: expr, shown };
}

/** A histogram's series go by three names. */
function baseOf({ name }: Selector): string {
  return name.replace(/_(?:bucket|count|sum)$/, "");
}

function metricOf(
  selector: Selector,
  scraped: ReadonlyMap<string, ScrapedMetric>,
): ScrapedMetric | undefined {
  const histogram = scraped.get(baseOf(selector));
  return scraped.get(selector.name) ?? (histogram?.kind === "histogram" ? histogram : undefined);
}

function labelsOf(selector: Selector, scraped: ReadonlyMap<string, ScrapedMetric>): string[] {
  const own = metricOf(selector, scraped)?.series.flatMap(({ labels }) => Object.keys(labels)) ??
    [];
  return [...own, ...SCRAPERS, ...(selector.name.endsWith("_bucket") ? ["le"] : [])];
}

/** What of a selector is not there: the metric, a label, or a value that it asks for. */
function faultsOf(selector: Selector, scraped: ReadonlyMap<string, ScrapedMetric>): string[] {
  const metric = metricOf(selector, scraped);
  if (metric === undefined || metric.series.length === 0) return [`no series ${selector.name}`];
  const values = (label: string): Set<string | undefined> =>
    new Set(metric.series.map(({ labels }) => labels[label]));
  return selector.matchers.filter(({ label }) => !SCRAPERS.includes(label))
    .flatMap(({ label, value }) =>
      value.split("|").filter((one) => !values(label).has(one))
        .map((one) => `no series ${selector.name} has ${label}="${one}"`)
    );
}
