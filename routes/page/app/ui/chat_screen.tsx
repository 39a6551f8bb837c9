/** @jsxRuntime automatic */
/** @jsxImportSource preact */
/// <reference lib="dom" />
/**
 * A signed-in page: the gate until it is let in, then threads and conversation.
 *
 * @module
 */
import type { JSX, RefObject } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { ClientState } from "../../../../lib/client/mod.ts";
import type { Chat } from "../state/chat.ts";
import { type Action, type ConnectionView, connectionView } from "../state/connection_view.ts";
import { ConversationView } from "./conversation.tsx";
import { GateScreen } from "./gate.tsx";
import { Icon } from "./icon.tsx";
import { Notice } from "./notice.tsx";
import { Sidebar } from "./sidebar.tsx";
import { isDialogOpen } from "./use_shortcuts.ts";

/** Where the threads are a drawer, as in `layout.css`. */
const DRAWER = "(max-width: 47.5rem)";

/** Shows what `chat` is at. */
export function ChatScreen(
  { chat, onSignIn, onSignOut }: {
    readonly chat: Chat;
    /** The session has ended: another is needed. */
    readonly onSignIn: () => void;
    readonly onSignOut: (() => void) | null;
  },
): JSX.Element {
  const { state, diagnosis, lost, phases } = chat.connection;
  const home = chat.home.value;
  const conversation = chat.conversation.value;
  const view = connectionView(state.value, diagnosis.value, lost.value);
  const [isSideOpen, openSide] = useState(false);
  const menu = useRef<HTMLButtonElement>(null);
  const stage = useRef<HTMLElement>(null);
  const closeSide = (): void => openSide(false);
  useFocusBack(isSideOpen, stage, menu);
  // A window that has grown, or a phone that was turned, has room for both.
  useEffect(() => {
    const drawer = matchMedia(DRAWER);
    drawer.addEventListener("change", closeSide);
    return () => drawer.removeEventListener("change", closeSide);
  }, []);
  const act = (action: Action): void => {
    if (action === "try-now") chat.hurry();
    else if (action === "sign-in") onSignIn();
    else location.reload();
  };
  // Who was never let in has not been signed out.
  const isUnknown = home === null && state.value.kind === "closed" && view?.action === "sign-in";
  useEffect(() => {
    if (isUnknown) onSignIn();
  }, [isUnknown]);
  useTitle(home === null ? null : titleOf(chat));
  if (home === null || conversation === null) {
    return <GateScreen view={view} told={phases.value} onAction={act} />;
  }
  return (
    <div class={isSideOpen ? "app side-open" : "app"}>
      <aside
        class="side"
        aria-label="Threads and settings"
        onKeyDown={(event) => {
          if (event.key !== "Escape" || !isSideOpen || isDialogOpen()) return;
          event.preventDefault();
          closeSide();
        }}
      >
        <Sidebar
          chat={chat}
          home={home}
          isDrawer={isSideOpen}
          onChosen={closeSide}
          onClose={closeSide}
          onSignOut={onSignOut}
        />
      </aside>
      <div class="scrim" onClick={closeSide} />
      <main class="stage" ref={stage} inert={isSideOpen}>
        <header class="bar">
          <button
            type="button"
            class="quiet menu"
            ref={menu}
            aria-label="Show threads"
            aria-expanded={isSideOpen}
            onClick={() => openSide(true)}
          >
            <Icon name="menu" />
          </button>
          <h1 dir="auto">{titleOf(chat)}</h1>
          <Connection view={view} isIn={isIn(state.value)} />
        </header>
        <Notice view={view} told={phases.value} onAction={act} />
        <ConversationView
          key={conversation.id}
          home={home}
          conversation={conversation}
          isConnected={isIn(state.value)}
        />
      </main>
    </div>
  );
}

function Connection(
  { view, isIn }: { readonly view: ConnectionView | null; readonly isIn: boolean },
): JSX.Element {
  const words = view === null ? "Connected" : isIn ? "Degraded" : view.title;
  return <p class={`connection connection-${view?.tone ?? "fine"}`} role="status">{words}</p>;
}

function isIn({ kind }: ClientState): boolean {
  return kind === "ready" || kind === "degraded";
}

function titleOf(chat: Chat): string {
  const id = chat.conversation.value?.id;
  const thread = chat.home.value?.threads.state.value.threads.find((one) => one.id === id);
  return thread === undefined ? "New thread" : thread.title ?? "Untitled";
}

/** Once the drawer has closed, `menu` has the focus, unless something of `stage` has taken it. */
function useFocusBack(
  isSideOpen: boolean,
  stage: RefObject<HTMLElement | null>,
  menu: RefObject<HTMLElement | null>,
): void {
  const wasOpen = useRef(false);
  // Not before the picture: as long as the drawer is open the stage is inert.
  useEffect(() => {
    const hasClosed = wasOpen.current && !isSideOpen;
    wasOpen.current = isSideOpen;
    if (hasClosed && !stage.current?.contains(document.activeElement)) menu.current?.focus();
  }, [isSideOpen]);
}

function useTitle(title: string | null): void {
  useEffect(() => {
    document.title = title === null ? "Drawbridge" : `${title} · Drawbridge`;
  }, [title]);
}
