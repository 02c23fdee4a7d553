// Carbet in the browser: live events, dialogs, copies, guards. Every page works without it.
const root = document.documentElement;
const byId = (id) => document.getElementById(id);
const all = (selector, from = document) => [...from.querySelectorAll(selector)];
const on = (type, handle, options) => document.addEventListener(type, handle, options);
const closest = (event, selector) => event.target instanceof Element && event.target.closest(selector);
const send = (name, detail) => document.dispatchEvent(new CustomEvent(`carbet:${name}`, { detail }));
on("carbet:say", ({ detail }) => toast(detail.text, detail.tone));
root.classList.add("js");

/* Toasts: said politely, gone after a while unless pointed at. */
export function toast(text, tone = "info") {
  const box = byId("toasts");
  const model = byId("toast-template");
  if (!box || !model || !text) return;
  const node = model.content.firstElementChild.cloneNode(true);
  node.className = `toast tone-${tone}`;
  node.querySelector("span").textContent = text;
  box.append(node);
  setTimeout(() => !node.matches(":hover, :focus-within") && node.remove(), 9000);
}

/* Live events: the server speaks, the page refreshes the parts that care. */
const waiting = new Map();
let timer, last = 0;

function typing(element) {
  const active = document.activeElement;
  return element.contains(active) && active.matches("input, textarea, select");
}

function alike(one, other) {
  return one.textContent === other.textContent && one.getAttribute("href") === other.getAttribute("href")
    && one.getAttribute("aria-label") === other.getAttribute("aria-label") && one.value === other.value;
}

/* The door has closed: what it showed leaves the screen, what is being typed stays. */
function leave(url, ids) {
  const typed = "form[method=post] :is(textarea, input:not([type=hidden], [type=radio], [type=checkbox]))";
  if (!all(typed).some((field) => field.value)) return location.replace(url);
  for (const old of [...ids].map(byId)) if (old && !old.querySelector("textarea")) old.replaceChildren();
}

async function refresh() {
  timer = undefined;
  last = performance.now();
  const batch = [...waiting];
  waiting.clear();
  for (const [url, ids] of batch) {
    try {
      const answer = await fetch(url, { headers: { "X-Carbet-Refresh": "1" }, credentials: "same-origin" });
      if (answer.status === 404 && url === location.href.split("#")[0]) { leave(url, ids); continue; }
      if (!answer.ok || answer.redirected) continue;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const id of ids) {
        const old = byId(id);
        const fresh = page.getElementById(id);
        if (!old || !fresh) continue;
        if (typing(old) || old.querySelector("dialog[open]")) {
          old.addEventListener("focusout", () => ask(old), { once: true });
          continue;
        }
        if (old.isEqualNode(fresh)) continue;
        // A list that only grows keeps its place: whoever shows it merges what came.
        if (old.hasAttribute("data-merge")) { send("merge", { fresh }); continue; }
        const focused = old.contains(document.activeElement) && document.activeElement;
        old.replaceWith(fresh);
        fresh.classList.add("arrived");
        window.htmx?.process(fresh);
        // Whoever was about to press Enter still is.
        if (focused) (byId(focused.id) || all(focused.localName, fresh).find((other) => alike(other, focused)))?.focus({ preventScroll: true });
      }
    } catch { /* the cut connection is already said */ }
  }
  send("refreshed");
}

function ask(element) {
  const url = new URL(element.dataset.liveUrl || location.href, location.href);
  url.hash = "";
  const ids = waiting.get(url.href) || new Set();
  waiting.set(url.href, ids.add(element.id));
  // At once after a calm second, together while they come in numbers.
  timer ??= setTimeout(refresh, performance.now() - last < 1000 ? 250 : 10);
}

function receive(event) {
  let detail;
  try { detail = JSON.parse(event.data); } catch { return; }
  if (!detail?.kind) return;
  send(detail.kind, detail);
  if (detail.toast) toast(detail.toast, detail.tone);
  for (const element of all("[data-live-refresh]")) {
    const { liveRefresh, liveSubject } = element.dataset;
    // Another circle may open more or less of a record: all that its page shows is asked again.
    const opens = detail.kind === "circle" && element.closest(".patient");
    if (!opens && !liveRefresh.split(" ").includes(detail.kind)) continue;
    if (liveSubject && detail.subject && liveSubject !== String(detail.subject)) continue;
    if (element.hasAttribute("hx-get")) window.htmx?.trigger(element, `carbet:${detail.kind}`, detail);
    else if (element.id) ask(element);
  }
}

function listen(url) {
  let source, lost, missed = false, wait = 2000;
  const state = byId("live-state");
  const open = () => {
    source = new EventSource(url, { withCredentials: true });
    source.onmessage = receive;
    source.onopen = () => {
      clearTimeout(lost);
      lost = undefined;
      wait = 2000;
      if (state) state.hidden = true;
      // What happened while the line was cut is caught up by asking again.
      if (missed) all("[data-live-refresh][id]:not([hx-get])").forEach(ask);
      missed = false;
    };
    source.onerror = () => {
      missed = true;
      lost ??= setTimeout(() => { if (state) state.hidden = false; }, 5000);
      if (source.readyState === EventSource.CLOSED) {
        setTimeout(open, wait);
        wait = Math.min(wait * 2, 60000);
      }
    };
  };
  open();
  addEventListener("pagehide", () => source.close());
  addEventListener("pageshow", (event) => event.persisted && open());
}

/* Clicks. */
on("click", async (event) => {
  for (const menu of all("details[data-menu][open]")) if (!menu.contains(event.target)) menu.open = false;
  const opener = closest(event, "[data-opens]");
  if (opener) {
    const dialog = byId(opener.dataset.opens);
    if (dialog?.showModal) { event.preventDefault(); dialog.showModal(); }
  }
  if (closest(event, "[data-closes]")) closest(event, "dialog")?.close();
  if (event.target instanceof HTMLDialogElement) event.target.close();
  closest(event, "[data-dismiss]") && closest(event, ".toast, .callout")?.remove();
  if (closest(event, "[data-print]")) print();
  const copy = closest(event, "[data-copy]");
  if (copy) {
    try { await navigator.clipboard.writeText(copy.dataset.copy); toast("Copié.", "success"); } catch { toast("La copie n’a pas été possible.", "warning"); }
  }
  const theme = closest(event, "[data-theme-choice]");
  if (theme) {
    const choice = theme.dataset.themeChoice;
    document.cookie = `theme=${choice}; path=/; max-age=${choice ? 31536000 : 0}; samesite=lax`;
    choice ? root.setAttribute("data-theme", choice) : root.removeAttribute("data-theme");
    showTheme();
  }
});

function showTheme() {
  const current = root.dataset.theme || "";
  all("[data-theme-choice]").forEach((button) => button.setAttribute("aria-pressed", button.dataset.themeChoice === current));
}

/* Keys: « / » goes to the search, Escape closes menus, arrows walk results. */
on("keydown", (event) => {
  const field = closest(event, "input, textarea, select, [contenteditable]");
  if (event.key === "/" && !field && !event.ctrlKey && !event.metaKey) {
    const search = document.querySelector("[data-shortcut='/']");
    if (search) { event.preventDefault(); search.focus(); }
  }
  if (event.key === "Escape") {
    for (const menu of all("details[data-menu][open]")) { menu.open = false; menu.querySelector("summary").focus(); }
  }
  const box = closest(event, "[data-combobox]");
  if (box && field) {
    const input = box.querySelector("[type=search]");
    const choices = all("[type=radio]", box);
    if (field === input && event.key === "ArrowDown" && choices.length) {
      event.preventDefault();
      const choice = choices.find((each) => each.checked) || choices[0];
      choice.focus();
      choice.checked = true;
    } else if (field === choices[0] && event.key === "ArrowUp") {
      event.preventDefault();
      input.focus();
    } else if (field === input && event.key === "Enter") {
      event.preventDefault();
    }
  }
});

/* Forms: filters send themselves, nothing is sent twice, unsaved text is not lost in silence. */
const dirty = new Set();
on("input", (event) => { const form = closest(event, "form[data-guard]"); if (form) dirty.add(form); });
on("change", (event) => {
  const form = closest(event, "form[data-autosubmit]");
  if (form && !event.target.matches("[type=search], [type=text]")) form.requestSubmit();
});
on("submit", (event) => {
  const form = event.target;
  dirty.delete(form);
  // Texts kept on this device go with whoever signs out.
  if (form.hasAttribute("data-signs-out")) {
    new BroadcastChannel("carbet").postMessage("signed-out");
    indexedDB.deleteDatabase("carbet-drafts");
  }
  if (event.defaultPrevented || form.method !== "post") return;
  if (form.dataset.sent) { event.preventDefault(); return; }
  form.dataset.sent = "1";
  event.submitter?.setAttribute("aria-busy", "true");
  setTimeout(() => release(form), 8000);
});
function release(form) {
  delete form.dataset.sent;
  all("[aria-busy]", form).forEach((button) => button.removeAttribute("aria-busy"));
}
addEventListener("pageshow", () => all("form[data-sent]").forEach(release));
addEventListener("beforeunload", (event) => {
  for (const form of dirty) if (form.isConnected) return event.preventDefault();
});

/* Files dropped on a field. */
for (const type of ["dragover", "dragleave", "drop"]) {
  on(type, (event) => {
    const box = closest(event, "[data-drop]");
    if (!box) return;
    event.preventDefault();
    box.classList.toggle("drop-over", type === "dragover");
    if (type === "drop") {
      const input = box.querySelector("input[type=file]");
      const taken = new DataTransfer();
      for (const file of [...event.dataTransfer.files].slice(0, input.multiple ? undefined : 1)) taken.items.add(file);
      if (!taken.files.length) return;
      input.files = taken.files;
      input.dispatchEvent(new Event("change", { bubbles: true }));
    }
  });
}

// A refusal (422) is already said on the form that comes back.
on("htmx:response:error", ({ detail }) => detail.ctx.response.status === 422 || toast("Le serveur n’a pas pu répondre. Rien n’a été perdu ; réessayez.", "danger"));
on("htmx:error", () => toast("Pas de réponse du serveur. Vérifiez la connexion, puis réessayez.", "danger"));
on("allauth.error", (event) => {
  event.preventDefault();
  toast("La clé d’accès n’a pas pu être utilisée. Réessayez, ou connectez-vous autrement.", "warning");
});

showTheme();
for (const tab of all(".tabs [aria-current]")) tab.parentElement.scrollLeft = tab.offsetLeft - tab.parentElement.offsetLeft - 24;
document.querySelector("[data-focus]")?.focus();
if (document.body.dataset.live && "EventSource" in window) listen(document.body.dataset.live);

/* What stays on screen is marked as seen. */
setInterval(() => {
  const form = document.querySelector("form[data-mark]");
  if (!form || document.hidden) return;
  form.removeAttribute("data-mark");
  fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)), redirect: "manual" }).then((answer) => answer.type === "opaqueredirect" && form.remove(), () => {});
}, 4000);

/* What the server would refuse for its weight is refused before it leaves. */
on("change", ({ target }) => {
  const most = target.dataset?.largest;
  if (!most) return;
  const heavy = [...target.files].filter((file) => !("shrink" in target.dataset && file.type === "image/jpeg"));
  const mega = (size) => `${Math.round(size / 1048576)} Mo`;
  const big = heavy.find((file) => file.size > most);
  const sum = heavy.reduce((total, file) => total + file.size, 0);
  const text = big ? `« ${big.name} » pèse ${mega(big.size)} : ${mega(most)} au plus.` : sum > 2 * most ? `Ces fichiers pèsent ensemble ${mega(sum)} : ${mega(2 * most)} au plus à la fois.` : "";
  if (text) target.value = "";
  let place = target.form?.querySelector("[data-errors]") ?? target.parentElement.querySelector("[data-heavy]");
  if (!place) {
    place = document.createElement("div");
    place.dataset.heavy = "";
    target.after(place);
  }
  const said = document.createElement("div");
  said.className = "error";
  said.role = "alert";
  said.textContent = text;
  place.replaceChildren(...(text ? [said] : []));
});

/* Photos leave smaller; the server draws them again whatever comes. */
on("change", async ({ target }) => {
  if (!("shrink" in target.dataset)) return;
  const kept = new DataTransfer();
  for (const file of target.files) {
    let out = file;
    // A drawing may be transparent: photos only.
    if (file.type === "image/jpeg") try {
      const image = await createImageBitmap(file);
      const ratio = Math.min(1, 2000 / Math.max(image.width, image.height));
      const canvas = new OffscreenCanvas(image.width * ratio, image.height * ratio);
      canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
      const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.85 });
      if (blob.size < file.size) out = new File([blob], file.name, { type: blob.type });
    } catch { /* no photo: it goes as it is */ }
    kept.items.add(out);
  }
  if (kept.files.length === target.files.length) target.files = kept.files;
});
