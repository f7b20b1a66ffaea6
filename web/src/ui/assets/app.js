// Comfort only: everything works without this file.
"use strict";
(() => {
  const body = document.body;

  // Buttons that copy.
  const copies = (root) => {
    if (!navigator.clipboard) return;
    for (const button of root.querySelectorAll("button[data-copy]")) button.hidden = false;
  };
  const copy = async (button) => {
    const said = button.textContent;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = body.dataset.copied;
    } catch {
      button.textContent = body.dataset.copyByHand;
    }
    setTimeout(() => { button.textContent = said; }, 1500);
  };
  copies(document);
  document.addEventListener("htmx:after:swap", () => { copies(document); });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-copy]");
    if (button) copy(button);
  });

  // Suggestions go away when one leaves them.
  const shut = () => { for (const found of document.querySelectorAll(".found")) found.replaceChildren(); };
  document.addEventListener("click", (event) => { if (!event.target.closest("form.find")) shut(); });
  document.addEventListener("focusin", (event) => { if (!event.target.closest("form.find")) shut(); });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && event.target.closest("form.find")) shut();
  });

  // A form that was changed is not left by mistake.
  for (const form of document.querySelectorAll("form[data-guard]")) {
    let changed = false;
    form.addEventListener("input", () => { changed = true; });
    form.addEventListener("submit", () => { changed = false; });
    window.addEventListener("beforeunload", (event) => { if (changed) event.preventDefault(); });
  }

  // An open page hears that something has happened. It shows it, unless somebody is at work there:
  // then it says so, and moves nothing. A pointer that was left lying is nobody.
  let pointed = -Infinity;
  document.addEventListener("pointermove", () => { pointed = performance.now(); });
  const marked = (part) => {
    const chosen = document.getSelection();
    return !chosen.isCollapsed && chosen.containsNode(part, true);
  };
  const busy = (part) => part.contains(document.activeElement) || marked(part)
    || (part.matches(":hover") && performance.now() - pointed < 5000) || window.scrollY > 100;
  for (const live of document.querySelectorAll("[data-live]")) {
    let asked = false;
    const source = new EventSource(live.dataset.live);
    source.addEventListener("news", () => {
      const part = document.getElementById("fresh");
      if (part && !busy(part)) { asked = true; htmx.trigger(part, "news"); }
      else live.querySelector("[data-offer]").hidden = false;
    });
    document.addEventListener("htmx:after:swap", () => {
      if (!asked) return;
      asked = false;
      live.querySelector("[data-offer]").hidden = true;
      const done = live.querySelector("[data-done]");
      done.hidden = false;
      setTimeout(() => { done.hidden = true; }, 5000);
    });
    source.addEventListener("over", () => { source.close(); });
    window.addEventListener("pagehide", () => { source.close(); });
  }

  // Single keys, where nobody is typing and the preference allows them.
  if (body.dataset.keys !== "on") return;
  let going = false;
  const places = { d: "d", r: "r", n: "n", t: "t", a: "a" };
  const follow = (key) => {
    const link = document.querySelector(`a[data-go="${key}"]`);
    if (link) link.click();
  };
  const move = (step) => {
    const links = [...document.querySelectorAll("[data-rows] th[scope=row] a, [data-rows] a.name")];
    if (links.length === 0) return;
    const at = links.indexOf(document.activeElement);
    const to = at < 0 ? (step > 0 ? 0 : links.length - 1) : Math.min(Math.max(at + step, 0), links.length - 1);
    links[to].focus();
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const target = event.composedPath()[0];
    if (target instanceof Element && target.closest("input, select, textarea, [contenteditable]")) return;
    if (going) {
      going = false;
      if (places[event.key]) { event.preventDefault(); follow(places[event.key]); }
      return;
    }
    switch (event.key) {
      case "/": {
        const field = document.querySelector("input[data-search]");
        if (field) { event.preventDefault(); field.focus(); field.select(); }
        break;
      }
      case "g": going = true; setTimeout(() => { going = false; }, 1500); break;
      case "j": move(1); break;
      case "k": move(-1); break;
      case "c": {
        const button = document.querySelector("[data-first-command] button[data-copy]");
        if (button) button.click();
        break;
      }
      case "?": follow("?"); break;
      default:
    }
  });
})();
