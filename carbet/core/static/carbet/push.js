// « Notifier cet appareil »: ask the browser, subscribe with its push service, tell the house.
const button = document.getElementById("push");
const state = document.getElementById("push-state");
const say = (text) => { state.textContent = text; };
const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const written = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const name = () => [["Edg", "Edge"], ["Firefox", "Firefox"], ["Chrome", "Chrome"], ["Safari", "Safari"]].find(([mark]) => navigator.userAgent.includes(mark))?.[1] || "Navigateur";

if (!("serviceWorker" in navigator && "PushManager" in window)) {
  button.hidden = true;
  say("Ce navigateur ne reçoit pas de notifications. Sur iPhone, installez d’abord Carbet sur l’écran d’accueil.");
}
button.addEventListener("click", async () => {
  button.setAttribute("aria-busy", "true");
  try {
    if (await Notification.requestPermission() !== "granted") return say("Le navigateur refuse les notifications de ce site : autorisez-les dans ses réglages.");
    await navigator.serviceWorker.register("/sw.js");
    const worker = await navigator.serviceWorker.ready;
    const subscription = await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytes(button.dataset.pushKey) });
    const body = new URLSearchParams({
      endpoint: subscription.endpoint,
      p256dh: written(subscription.getKey("p256dh")),
      auth: written(subscription.getKey("auth")),
      label: `${name()}, ${navigator.userAgentData?.platform || navigator.platform || "appareil"}`.slice(0, 80),
    });
    const headers = JSON.parse(document.body.getAttribute("hx-headers:inherited") || "{}");
    const answer = await fetch(button.dataset.pushUrl, { method: "POST", body, headers });
    say((await answer.json()).message);
    if (answer.ok) setTimeout(() => location.reload(), 1200);
  } catch {
    say("Ce navigateur n’a pas pu s’abonner. Vérifiez la connexion, puis réessayez.");
  } finally {
    button.removeAttribute("aria-busy");
  }
});
