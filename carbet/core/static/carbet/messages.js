// Texts being written stay on this device, encrypted, until the server has them; threads grow in place.
const ASIDE = "csrfmiddlewaretoken";
const KEPT_DAYS = 14;
const byId = (id) => document.getElementById(id);
const all = (selector, from = document) => [...from.querySelectorAll(selector)];
const on = (type, handle, options) => document.addEventListener(type, handle, options);
const say = (text, tone) => document.dispatchEvent(new CustomEvent("carbet:say", { detail: { text, tone } }));

/* The store: sealed texts and a salt. The key is kept nowhere: it is made of the salt and of what the
   server tells this account alone. Nothing is written once somebody signs out, in any tab. */
const secret = document.querySelector("[data-draft-key]")?.dataset.draftKey;
let gone;
const settled = (request) => new Promise((done, fail) => {
  request.onsuccess = () => done(request.result);
  request.onerror = () => fail(request.error);
});
async function store(mode, act) {
  if (gone) throw gone;
  const opening = indexedDB.open("carbet-drafts", 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore("kept");
  const base = await settled(opening);
  try {
    return await settled(act(base.transaction("kept", mode).objectStore("kept")));
  } finally {
    base.close();
  }
}
const read = (name) => store("readonly", (kept) => kept.get(name));
const drop = (name) => store("readwrite", (kept) => kept.delete(name));
const bytes = (text) => new TextEncoder().encode(text);
let made;
async function makeKey() {
  // Another tab may bring a salt meanwhile: the first one stays.
  await store("readwrite", (kept) => kept.add(crypto.getRandomValues(new Uint8Array(16)), "salt")).catch(() => {});
  const salt = await read("salt");
  const half = await crypto.subtle.importKey("raw", bytes(secret), "HKDF", false, ["deriveKey"]);
  return crypto.subtle.deriveKey({ name: "HKDF", hash: "SHA-256", salt, info: bytes("draft") }, half, { name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
}
const key = () => made ??= makeKey();
const cipher = (iv, name) => ({ name: "AES-GCM", iv, additionalData: bytes(name) });
async function keep(form) {
  const fields = [...new FormData(form)].filter(([name, value]) => name !== ASIDE && typeof value === "string");
  const name = form.dataset.draft;
  if (!all("textarea", form).some((field) => field.value.trim())) return drop(name);
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const sealed = await crypto.subtle.encrypt(cipher(iv, name), await key(), bytes(JSON.stringify(fields)));
  return store("readwrite", (kept) => kept.put({ iv, sealed, gesture: form.elements.gesture.value, at: Date.now() }, name));
}
async function restore(form) {
  const draft = await read(form.dataset.draft);
  if (!draft || all("textarea", form).some((field) => field.value)) return;
  const open = await crypto.subtle.decrypt(cipher(draft.iv, form.dataset.draft), await key(), draft.sealed);
  for (const [name, value] of JSON.parse(new TextDecoder().decode(open))) {
    for (const field of all(`[name="${name}"]`, form)) {
      if (field.type === "checkbox") field.checked ||= field.value === value;
      else if (name !== "seen") field.value = value;
    }
  }
  all("[data-restored]", form).forEach((note) => { note.hidden = false; });
}
/* What the server shows it has, and what is too old, is forgotten. */
async function tidy() {
  const here = new Set(all("[data-gesture]").map((line) => line.dataset.gesture));
  const names = await store("readonly", (kept) => kept.getAllKeys());
  for (const name of names) {
    const draft = name !== "salt" && await read(name);
    if (draft && (here.has(draft.gesture) || draft.at < Date.now() - KEPT_DAYS * 864e5)) await drop(name);
  }
}

const able = secret && window.crypto?.subtle && window.indexedDB;
new BroadcastChannel("carbet").onmessage = () => { gone = true; };
on("submit", (event) => { gone ||= event.target.hasAttribute("data-signs-out"); }, true);
const forms = all("form[data-draft]");
if (able) {
  tidy().then(() => Promise.all(forms.map(restore))).catch(() => {});
  for (const form of forms) {
    // What is kept need not be guarded against leaving the page.
    form.removeAttribute("data-guard");
    let timer;
    const now = () => { clearTimeout(timer); keep(form).catch(() => {}); };
    form.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(now, 250); });
    form.addEventListener("submit", now);
    addEventListener("pagehide", now);
  }
  on("click", (event) => {
    const button = event.target.closest?.("[data-forget]");
    if (!button) return;
    const form = button.form || button.closest("form");
    all("textarea", form).forEach((field) => { field.value = ""; });
    form.elements.gesture.value = crypto.randomUUID();
    button.closest("[data-restored]").hidden = true;
    drop(form.dataset.draft).catch(() => {});
  });
}

/* A thread grows at its end; what one reads does not move. */
const list = byId("messages");
const box = list?.closest(".thread");
function merge(fresh) {
  const away = box.scrollTop < -60;
  const before = box.scrollHeight;
  // Too much came at once: what lies between is missing here.
  if (list.children.length && !byId(fresh.firstElementChild?.id)) list.replaceChildren();
  for (const line of [...fresh.children]) {
    const old = byId(line.id);
    if (!old) list.append(line);
    else if (!old.isEqualNode(line)) old.replaceWith(line);
  }
  if (away) box.scrollTop -= box.scrollHeight - before;
  else box.scrollTop = 0;
}
function swap(page) {
  const composer = byId("composer");
  const next = page.getElementById("composer");
  const field = composer.querySelector("textarea");
  // Closed or opened again: the field comes and goes, unless something is written in it.
  if (next && !field !== !next.querySelector("textarea") && !field?.value) location.reload();
}
on("carbet:merge", ({ detail }) => { const page = detail.fresh.ownerDocument; merge(detail.fresh); swap(page); });

/* What is on screen is read: the server is told while the page is looked at. */
let telling;
async function told() {
  const form = document.querySelector("form[data-seen]");
  if (!form || telling || document.visibilityState !== "visible") return;
  telling = true;
  try {
    await fetch(form.action, { method: "POST", body: new FormData(form), headers: { "X-Carbet-Refresh": "1" } });
    form.removeAttribute("data-seen");
  } catch { /* told again when the line is back */ }
  telling = false;
}
on("carbet:refreshed", told);
on("visibilitychange", told);
told();

/* Sending stays on the page: what is typed meanwhile stays too. */
async function send(form) {
  const field = form.elements.text;
  const sent = field.value;
  form.elements.seen.value = list.lastElementChild?.dataset.seq || 0;
  let answer, page;
  try {
    answer = await fetch(form.action, { method: "POST", body: new FormData(form), headers: { "X-Carbet-Refresh": "1" } });
    page = new DOMParser().parseFromString(await answer.text(), "text/html");
  } catch {
    return say("Pas de réseau : votre message n’est pas parti. Il est gardé ici, renvoyez-le.", "danger");
  }
  const fresh = page.getElementById("messages");
  const next = page.querySelector("form[data-composer]");
  if (answer.ok && fresh) {
    field.value = field.value === sent ? "" : field.value.startsWith(sent) ? field.value.slice(sent.length).trimStart() : field.value;
    form.elements.gesture.value = crypto.randomUUID?.() || next?.elements.gesture.value;
    form.elements.urgent.checked = false;
    form.elements.files.value = "";
    all("details", form).forEach((part) => { part.open = false; });
    all("[data-errors]", form).forEach((place) => place.replaceChildren());
    all("[data-restored]", form).forEach((note) => { note.hidden = true; });
    field.removeAttribute("aria-invalid");
    box.scrollTop = 0;
    merge(fresh);
    if (able) keep(form).catch(() => {});
    field.focus();
  } else if (answer.status === 422 && next) {
    form.querySelector("[data-errors]").replaceChildren(...next.querySelector("[data-errors]").childNodes);
    form.elements.gesture.value = next.elements.gesture.value;
    field.setAttribute("aria-invalid", "true");
    field.focus();
  } else if (answer.redirected) {
    if (able) await keep(form).catch(() => {});
    location.assign(answer.url);
  } else if (answer.status === 404) {
    say("Cette discussion ne vous est plus ouverte : votre texte n’est pas envoyé. Copiez-le avant de quitter la page.", "danger");
  } else {
    say("Le serveur n’a pas pu répondre. Votre texte est gardé ici ; réessayez.", "danger");
  }
}
on("submit", async (event) => {
  const form = event.target;
  if (!form.matches("[data-composer]") || !box) return;
  event.preventDefault();
  if (form.busy) return;
  form.busy = true;
  const button = event.submitter || form.querySelector("[type=submit], button:not([type])");
  button?.setAttribute("aria-busy", "true");
  try { await send(form); } finally {
    form.busy = false;
    button?.removeAttribute("aria-busy");
  }
}, true);
on("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.target.closest?.("[data-composer]")?.requestSubmit();
});
