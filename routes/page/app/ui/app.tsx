/** @jsxRuntime automatic */
/** @jsxImportSource preact */
/// <reference lib="dom" />
/**
 * The page: signed in or not.
 *
 * @module
 */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import type { SignIn } from "../settings.ts";
import { Chat } from "../state/chat.ts";
import { embeddedToken, embedWindow } from "../state/embed_token.ts";
import { pageStorage } from "../state/page_storage.ts";
import { developmentToken, endpointToken, TokenKeeper } from "../state/tokens.ts";
import { ChatScreen } from "./chat_screen.tsx";
import { SignInScreen } from "./sign_in.tsx";

/** Where the development name is kept; the token itself is kept nowhere. */
const NAME_KEY = "drawbridge:name";

/** The whole page. */
export function App({ signIn }: { readonly signIn: SignIn }): JSX.Element {
  const chat = useSignal<Chat | null>(null);
  const storage = pageStorage();
  const begin = (name: string): void => {
    chat.value = new Chat(keeperFor(signIn, name));
  };
  const end = (): void => {
    void chat.value?.close();
    chat.value = null;
    document.title = "Drawbridge";
  };
  useEffect(() => {
    const name = storage.getItem(NAME_KEY) ?? "";
    if (signIn.kind !== "dev" || name !== "") begin(name);
  }, []);
  if (chat.value !== null) {
    return (
      <ChatScreen
        chat={chat.value}
        onSignIn={end}
        onSignOut={signIn.kind === "dev"
          ? () => {
            storage.removeItem(NAME_KEY);
            end();
            // Whoever comes next is to see nothing of it. Who has only lost the session comes back to it.
            history.replaceState(null, "", location.pathname + location.search);
          }
          : null}
      />
    );
  }
  return (
    <SignInScreen
      signIn={signIn}
      name={storage.getItem(NAME_KEY) ?? ""}
      onName={(name) => {
        begin(name);
        try {
          storage.setItem(NAME_KEY, name);
        } catch {
          // Full or forbidden: the name is asked for again after a reload.
        }
      }}
      onRetry={() => begin("")}
    />
  );
}

function keeperFor(signIn: SignIn, name: string): TokenKeeper {
  const call = (url: string, init: RequestInit): Promise<Response> => fetch(url, init);
  switch (signIn.kind) {
    case "dev":
      return new TokenKeeper(() => developmentToken(name, call));
    case "token":
      return new TokenKeeper(() => endpointToken(signIn.url, call));
    case "embed":
      return new TokenKeeper((reason) =>
        embeddedToken(signIn.origins, reason, embedWindow(globalThis.window))
      );
  }
}
