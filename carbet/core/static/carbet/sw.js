// The service worker of the whole site. It shows notices that the house pushes (no name, no health
// content) and opens the page that they lead to. What works offline is added beside, not instead.
self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("push", (event) => {
  let said = {};
  try { said = event.data.json(); } catch { /* a push without words still tells */ }
  event.waitUntil(self.registration.showNotification(said.title || "Carbet", {
    body: said.body || "Une alerte vous attend.",
    tag: said.tag || "alertes",
    renotify: true,
    data: { url: said.url || "/alertes/" },
  }));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const url = new URL(event.notification.data?.url || "/alertes/", self.location.origin);
  if (url.origin !== self.location.origin) return;
  event.waitUntil((async () => {
    const open = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
    const known = open.find((client) => client.url === url.href) || open.find((client) => new URL(client.url).origin === url.origin);
    if (known) {
      await known.focus();
      return known.navigate ? known.navigate(url.href) : undefined;
    }
    return self.clients.openWindow(url.href);
  })());
});
