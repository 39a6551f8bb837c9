/**
 * Every response that a test gets is held against the OpenAPI document.
 *
 * @module
 */
import { type ErrorCode, ERRORS } from "../../lib/errors.ts";
import { type Json, publishedDocuments } from "./published.ts";

/** What was asked. */
export interface AskedFor {
  readonly method: string;
  /** The path, with its query. */
  readonly path: string;
}

/** What was answered. */
export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  /** Null where it is not looked at, as that of a stream. */
  readonly body: string | null;
}

interface Operation {
  readonly responses: Readonly<Record<string, PublishedResponse>>;
}

interface PublishedResponse {
  readonly headers?: Readonly<Record<string, { readonly $ref: string }>>;
  readonly content?: Readonly<Record<string, Json>>;
}

/** Files of the chat page, which is for browsers and not published. */
const ASSET = /^\/(?:assets\/|favicon\.ico$)/;

/** Nobody reads the answer to a client that has left. */
const GONE = 499;

/** What is wrong with an answer. */
export function answerViolations(asked: AskedFor, answered: Answered): string[] {
  const { status } = answered;
  const [path = ""] = asked.path.split(/[?#]/);
  const template = templateOf(path);
  if (status === GONE || (template === null && ASSET.test(path) && status < 400)) return [];
  // A handshake is a GET and nothing else.
  const isHead = asked.method === "HEAD" && path !== "/ws";
  const method = isHead ? "get" : asked.method.toLowerCase();
  if (method === "options" && path.startsWith("/api/") && status === 204) return [];
  const operation = template === null ? undefined : pathsOf()[template]?.[method];
  const violations = operation === undefined
    ? refusalViolations(answered)
    : responseViolations(["paths", template!, method, "responses", String(status)], {
      response: operation.responses[status],
      answered: isHead ? { ...answered, body: null } : answered,
    });
  return violations.map((violation) => `${asked.method} ${asked.path} ${status}: ${violation}`);
}

/**
 * Holds a response against the document, and returns it. Its body stays the caller's to read; that
 * of an event stream is not looked at here.
 *
 * @throws {Error} where the document has no such answer.
 */
export async function publishedResponse(asked: AskedFor, response: Response): Promise<Response> {
  const { status, headers } = response;
  // On Deno 2.5 a look at the headers of an upgrade ends the server.
  if (status === 101) return response;
  const isStream = headers.get("content-type")?.startsWith("text/event-stream") ?? false;
  const body = isStream || response.bodyUsed ? null : await response.clone().text();
  assertPublished(asked, { status, headers, body });
  return response;
}

/** @throws {Error} where the document has no such answer. */
export function assertPublished(asked: AskedFor, answered: Answered): void {
  const violations = answerViolations(asked, answered);
  if (violations.length === 0) return;
  throw new Error(`Not as published: ${violations.join("; ")} in ${answered.body}`);
}

/** @throws {Error} where the data of an event is none that the document has. */
export function assertPublishedEvent(data: string): void {
  if (data === "[DONE]") return;
  const violations = violationsAt(["components", "schemas", "UiMessageChunk"], JSON.parse(data));
  if (violations.length > 0) throw new Error(`Not as published: ${violations} in ${data}`);
}

function responseViolations(
  path: readonly string[],
  { response, answered }: { response: PublishedResponse | undefined; answered: Answered },
): string[] {
  if (response === undefined) return ["this status is not published"];
  const { headers = {}, content = {} } = response;
  return [
    ...Object.entries(headers).flatMap(([name, { $ref }]) =>
      headerViolations(answered.headers.get(name), name, $ref)
    ),
    ...bodyViolations(path, content, answered),
  ];
}

function headerViolations(value: string | null, name: string, ref: string): string[] {
  const path = ref.slice("#/".length).split("/");
  if (value !== null) {
    return violationsAt([...path, "schema"], value)
      .map((violation) => `${name} ${violation}`);
  }
  const { headers } = publishedDocuments().openapi["components"] as {
    headers: Record<string, { required?: boolean }>;
  };
  return headers[name]?.required ? [`${name} is missing`] : [];
}

function bodyViolations(
  path: readonly string[],
  content: Readonly<Record<string, Json>>,
  { headers, body }: Answered,
): string[] {
  const type = headers.get("content-type");
  const [media] = Object.keys(content);
  if (media === undefined) return body === null || body === "" ? [] : ["a body is not published"];
  if (type?.toLowerCase() !== media.toLowerCase()) return [`${type} is not ${media}`];
  if (body === null || !/json$/.test(media)) return [];
  return violationsAt([...path, "content", media, "schema"], JSON.parse(body));
}

/** Of a path or method that is not published only a problem document comes, with its code's status. */
function refusalViolations({ status, headers, body }: Answered): string[] {
  if (headers.get("content-type") !== "application/problem+json") return ["it is no refusal"];
  if (body === null || body === "") return [];
  const problem = JSON.parse(body);
  const violations = violationsAt(["components", "schemas", "Problem"], problem);
  if (violations.length > 0) return violations;
  const { code } = problem as { code: ErrorCode };
  return [
    ...(ERRORS[code].status === status && problem.status === status
      ? []
      : [`${code} is no ${status}`]),
    ...(status === 405 && headers.get("allow") === null ? ["Allow is missing"] : []),
    ...((status === 429 || status === 503) && headers.get("retry-after") === null
      ? ["Retry-After is missing"]
      : []),
  ];
}

function pathsOf(): Readonly<Record<string, Readonly<Record<string, Operation>>>> {
  return publishedDocuments().openapi["paths"] as ReturnType<typeof pathsOf>;
}

/** The published path that this one is of; one without parameters wins. */
function templateOf(path: string): string | null {
  const templates = Object.keys(pathsOf());
  if (templates.includes(path)) return path;
  const steps = path.split("/");
  return templates.find((template) => {
    const names = template.split("/");
    return names.length === steps.length &&
      names.every((name, at) => /^\{\w+\}$/.test(name) ? steps[at] !== "" : name === steps[at]);
  }) ?? null;
}

function violationsAt(path: readonly string[], value: unknown): string[] {
  return publishedDocuments().violations("openapi", path, value);
}
