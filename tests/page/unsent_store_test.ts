import { assertEquals } from "@std/assert";
import { Drafts } from "../../routes/page/app/state/drafts.ts";
import { MemoryStorage } from "../../routes/page/app/state/page_storage.ts";
import {
  type TextStorage,
  type UnsentItem,
  UnsentStore,
} from "../../routes/page/app/state/unsent_store.ts";

function item(id: string, threadId = "t1"): UnsentItem {
  return { threadId, id, text: `text of ${id}`, atMs: 1 };
}

Deno.test("UnsentStore keeps messages over reloads, in order and apart from other subjects'", () => {
  const storage = new MemoryStorage();
  const store = new UnsentStore(storage, "ada");
  store.put(item("m1"));
  store.put(item("m2"));
  assertEquals(new UnsentStore(storage, "ada").read(), [item("m1"), item("m2")]);
  assertEquals(new UnsentStore(storage, "bob").read(), []);
});

Deno.test("UnsentStore changes a message in its place and takes the acknowledged out", () => {
  const store = new UnsentStore(new MemoryStorage(), "ada");
  for (const id of ["m1", "m2", "m3"]) store.put(item(id));
  store.put({ ...item("m2"), refusal: "Too long." });
  store.remove(item("m1"));
  assertEquals(store.read(), [{ ...item("m2"), refusal: "Too long." }, item("m3")]);
});

Deno.test("UnsentStore takes a thread's messages out, and no other's of the same id", () => {
  const store = new UnsentStore(new MemoryStorage(), "ada");
  store.put(item("m1", "t1"));
  store.put(item("m1", "t2"));
  store.removeThread("t1");
  assertEquals(store.read(), [item("m1", "t2")]);
});

Deno.test("UnsentStore sees what another page has written meanwhile", () => {
  const storage = new MemoryStorage();
  const [one, other] = [new UnsentStore(storage, "ada"), new UnsentStore(storage, "ada")];
  one.put(item("m1"));
  other.put(item("m2"));
  one.remove(item("m1"));
  assertEquals(other.read(), [item("m2")]);
});

Deno.test("UnsentStore reads over what is no message", () => {
  const storage = new MemoryStorage();
  const store = new UnsentStore(storage, "ada");
  for (const text of ["{", "null", '"x"', '[1, null, {"id": 1}]']) {
    storage.setItem(store.key, text);
    assertEquals(store.read(), [], text);
  }
  storage.setItem(store.key, JSON.stringify([{ id: "x" }, item("m1")]));
  assertEquals(store.read(), [item("m1")]);
});

Deno.test("UnsentStore holds in memory what a full storage does not take", () => {
  let isFull = true;
  const inner = new MemoryStorage();
  const storage: TextStorage = {
    getItem: (key) => inner.getItem(key),
    removeItem: (key) => inner.removeItem(key),
    setItem(key, value) {
      if (isFull) throw new Error("QuotaExceededError");
      inner.setItem(key, value);
    },
  };
  const store = new UnsentStore(storage, "ada");
  store.put(item("m1"));
  assertEquals(store.read(), [item("m1")]);
  isFull = false;
  store.put(item("m2"));
  assertEquals(new UnsentStore(storage, "ada").read(), [item("m1"), item("m2")]);
});

Deno.test("Drafts keep one text a thread, and forget an empty one", () => {
  const storage = new MemoryStorage();
  const drafts = new Drafts(storage, "ada");
  drafts.write("t1", "one");
  drafts.write("t2", "two");
  assertEquals([new Drafts(storage, "ada").read("t1"), drafts.read("t2")], ["one", "two"]);
  drafts.write("t1", "");
  assertEquals([drafts.read("t1"), new Drafts(storage, "bob").read("t2")], ["", ""]);
});

Deno.test("Drafts stay in their field where nothing may be stored", () => {
  const forbid = (): never => {
    throw new Error("SecurityError");
  };
  const drafts = new Drafts({ getItem: forbid, setItem: forbid, removeItem: forbid }, "ada");
  drafts.write("t1", "one");
  assertEquals(drafts.read("t1"), "");
});
