/**
 * Promises 7.1 and 7.2: what is acknowledged is stored once and in order, what
 * is refused is not stored.
 *
 * @module
 */
import { subjectsIn, textOf } from "./history.ts";
import { groupBy, type Sending, type ThreadView } from "./view.ts";
import type { Violation } from "./violation.ts";

/** An acknowledged message is in the log, where the `ack` says and as it was sent. */
export function acknowledgedIsStored({ name, users, sendings }: ThreadView): Violation[] {
  const byId = new Map(users.map((user) => [user.entry.id, user]));
  return sendings.flatMap(({ sent, answer }): Violation[] => {
    if (answer?.kind !== "acked") return [];
    const { id, text } = sent.message;
    const stored = byId.get(id);
    if (stored === undefined) return [broken("lost", `${name}: ${id}, acked at ${answer.seq}`)];
    if (textOf(stored.entry) !== text) {
      return [broken("differing", `${name}: ${id} was acked with a text that is not stored`)];
    }
    if (!users.some(({ seq, entry }) => entry.id === id && seq === answer.seq)) {
      return [broken("reordered", `${name}: ${id}, acked at ${answer.seq}, is at ${stored.seq}`)];
    }
    return [];
  });
}

/** No message is in the log twice. */
export function storedOnce({ name, users }: ThreadView): Violation[] {
  return [...groupBy(users, ({ entry }) => entry.id)]
    .filter(([, stored]) => stored.length > 1)
    .map(([id, stored]) => broken("duplicated", `${name}: ${id} at ${stored.map((s) => s.seq)}`));
}

/** However often a message is sent, it gets the same answer, and at most one that is no duplicate. */
export function acksAgree({ name, sendings }: ThreadView): Violation[] {
  return [...groupBy(sendings, ({ sent }) => sent.message.id)].flatMap(([id, sameId]) => {
    const acks = sameId.flatMap(({ answer }) => answer?.kind === "acked" ? [answer] : []);
    const answers = new Set(acks.map(({ seq, runId }) => `${seq} ${runId}`));
    const violations: Violation[] = [];
    if (answers.size > 1) {
      violations.push(broken("differing", `${name}: ${id} was acked as ${[...answers]}`));
    }
    if (acks.filter(({ duplicate }) => !duplicate).length > 1) {
      violations.push(broken("duplicated", `${name}: ${id} was acked as new twice`));
    }
    return violations;
  });
}

/** One message has one run, the one that its `ack` names. */
export function oneRunEach({ name, starts, sendings }: ThreadView): Violation[] {
  const runs = groupBy(starts, ({ entry }) => entry.replyTo);
  const named = new Map(
    sendings.flatMap(({ sent, answer }): [string, string][] =>
      answer?.kind === "acked" ? [[sent.message.id, answer.runId]] : []
    ),
  );
  return [...runs].flatMap(([id, own]) => {
    const runIds = new Set(own.map(({ entry }) => entry.runId));
    const runId = named.get(id);
    if (runId !== undefined) runIds.add(runId);
    return runIds.size > 1 ? [broken("duplicated", `${name}: ${id} has runs ${[...runIds]}`)] : [];
  });
}

/** What was acknowledged before another was first sent, or first on one socket, comes before it. */
export function orderIsKept({ name, users, sendings }: ThreadView): Violation[] {
  const storedAt = new Map(users.map(({ seq, entry }) => [entry.id, seq]));
  const firstSent = new Map<string, Sending>();
  for (const sending of sendings) {
    const { id } = sending.sent.message;
    if (!firstSent.has(id)) firstSent.set(id, sending);
  }
  const moments = sendings.flatMap((sending) => {
    const { sent: { message }, at, answer, answeredAt } = sending;
    const seq = storedAt.get(message.id);
    if (seq === undefined) return [];
    return [
      ...(firstSent.get(message.id) === sending ? [{ kind: "sent", at, seq, sending }] : []),
      ...(answer?.kind === "acked" ? [{ kind: "acked", at: answeredAt, seq, sending }] : []),
    ];
  }).sort((a, b) => a.at - b.at);
  const violations: Violation[] = [];
  let acknowledged = 0;
  for (const { kind, seq, sending } of moments) {
    if (kind === "acked") acknowledged = Math.max(acknowledged, seq);
    else if (seq <= acknowledged) {
      const { id } = sending.sent.message;
      violations.push(broken("reordered", `${name}: ${id} is at ${seq}, before ${acknowledged}`));
    }
  }
  for (const own of groupBy(sendings, ({ sent }) => sent.socket).values()) {
    let last = 0;
    for (const { answer, sent } of own) {
      if (answer?.kind !== "acked" || answer.duplicate) continue;
      if (answer.seq <= last) {
        violations.push(broken("reordered", `${name}: ${sent.message.id}, on ${sent.socket}`));
      }
      last = answer.seq;
    }
  }
  return violations;
}

/** What got nothing but errors is not in the log. */
export function refusedIsNotStored({ name, users, sendings }: ThreadView): Violation[] {
  const stored = new Set(users.map(({ entry }) => nameOf(entry.id, textOf(entry))));
  const same = groupBy(sendings, ({ sent: { message } }) => nameOf(message.id, message.text));
  return [...same].flatMap(([key, tries]): Violation[] => {
    if (!stored.has(key) || !tries.every(({ answer }) => answer?.kind === "refused")) return [];
    const detail = `${name}: ${tries[0]!.sent.message.id}`;
    return [{ promise: "7.2", fault: "refused yet stored", detail }];
  });
}

/** What is in the log was sent, by its owner. */
export function onlyWhatWasSent({ name, subject, users, sendings }: ThreadView): Violation[] {
  const sent = new Set(sendings.map(({ sent: { message } }) => nameOf(message.id, message.text)));
  return users.flatMap(({ seq, entry }): Violation[] => {
    if (sent.has(nameOf(entry.id, textOf(entry)))) return [];
    const isForeign = subjectsIn(textOf(entry)).some((owner) => owner !== subject);
    return isForeign
      ? [{ promise: "7.7", fault: "foreign", detail: `${name}: ${entry.id} at ${seq}` }]
      : [{ promise: "7.2", fault: "invented", detail: `${name}: ${entry.id} at ${seq}` }];
  });
}

function nameOf(id: string, text: string): string {
  return `${id} ${text}`;
}

function broken(fault: Violation["fault"], detail: string): Violation {
  return { promise: "7.1", fault, detail };
}
