// The colours that the person chose: "", "light" or "dark", on the root element. A script of its own, before anything
// is drawn, so that nobody sees a flash of the other colours. The choice is all that the page ever stores.
(() => {
  let theme = "";
  try { theme = localStorage.getItem("theme") ?? ""; } catch { /* storage is switched off: as the system */ }
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
})();
