/** @jsxRuntime automatic */
/** @jsxImportSource preact */
/// <reference lib="dom" />
/**
 * What is seen by who is not signed in.
 *
 * @module
 */
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { SignIn } from "../settings.ts";
import { Gate } from "./mark.tsx";

/** Longest name, as the server takes it, characters. */
const MAX_NAME = 256;

/** Asks for a name in development; elsewhere says where to go. */
export function SignInScreen(
  { signIn, name, onName, onRetry }: {
    readonly signIn: SignIn;
    /** The last name. */
    readonly name: string;
    readonly onName: (name: string) => void;
    readonly onRetry: () => void;
  },
): JSX.Element {
  return (
    <main class="gate">
      <Gate share={1} />
      <h1 class="wordmark">Drawbridge</h1>
      {signIn.kind === "dev" ? <NameForm name={name} onName={onName} /> : (
        <>
          <div role="status" class="gate-status">
            <p class="gate-title">Not signed in</p>
            <p>{wordsFor(signIn)}</p>
          </div>
          <button type="button" class="primary" onClick={onRetry}>Try again</button>
        </>
      )}
    </main>
  );
}

function wordsFor(signIn: SignIn): string {
  if (signIn.kind === "token") {
    return "The site that runs this chat does not know who you are. Sign in there, then try again.";
  }
  return signIn.kind === "embed" && signIn.origins.length > 0
    ? "This page signs in through the site that shows it. Open the chat from there."
    : "This page has no sign-in of its own yet. Whoever runs the server sets PAGE_TOKEN_URL, or " +
      "ALLOWED_ORIGINS for a site that shows this page.";
}

function NameForm(
  { name, onName }: { readonly name: string; readonly onName: (name: string) => void },
): JSX.Element {
  const [text, setText] = useState(name);
  const field = useRef<HTMLInputElement>(null);
  // A browser minds `autofocus` but once, and who signs out comes here again.
  useEffect(() => field.current?.focus(), []);
  const submit = (event: Event): void => {
    event.preventDefault();
    const given = text.trim();
    if (given !== "") onName(given);
  };
  return (
    <form class="sign-in" onSubmit={submit}>
      <p>Say who you are. This server runs for development, so any name will do.</p>
      <label for="name">Your name</label>
      <div class="sign-in-row">
        <input
          id="name"
          dir="auto"
          ref={field}
          autoComplete="username"
          maxLength={MAX_NAME}
          required
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <button type="submit" class="primary">Continue</button>
      </div>
    </form>
  );
}
