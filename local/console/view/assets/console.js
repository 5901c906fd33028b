// Shows updates of the server in place: an element with the attribute data-live has the URL of a stream of server-sent
// events, each of which is the new content of the element. Without this script, pages are as they were when they were
// loaded, and everything else works.
"use strict";

(() => {
  const status = document.getElementById("live");
  const spoken = document.getElementById("spoken");
  const say = (text, mood) => {
    status.textContent = text;
    status.className = "live " + mood;
    status.hidden = text === "";
  };

  // replace puts new content into an element, and keeps what the reader has opened, chosen or is at.
  const replace = (element, html) => {
    const focused = element.contains(document.activeElement) ? document.activeElement.id : "";
    const opened = new Set([...element.querySelectorAll("details[open][id]")].map((d) => d.id));
    const chosen = new Set([...element.querySelectorAll("input:checked[id]")].map((i) => i.id));
    const places = [...element.querySelectorAll("[data-scroll][id]")];
    const at = new Map(places.map((e) => [e.id, [e.scrollLeft, e.scrollTop]]));
    const parsed = new DOMParser().parseFromString(html, "text/html");
    element.replaceChildren(...parsed.body.childNodes);
    for (const d of element.querySelectorAll("details[id]")) {
      d.open = d.open || opened.has(d.id);
    }
    for (const i of element.querySelectorAll("input[id]")) {
      i.checked = i.checked || chosen.has(i.id);
    }
    for (const e of element.querySelectorAll("[data-scroll][id]")) {
      e.scrollTo(...(at.get(e.id) ?? [0, 0]));
    }
    if (focused !== "") {
      document.getElementById(focused)?.focus({ preventScroll: true });
    }
    // What a screen reader reads out is what the new content calls its summary, if that has changed.
    const summary = element.querySelector("[data-summary]")?.textContent.trim() ?? "";
    if (summary !== "" && spoken.textContent !== summary) {
      spoken.textContent = summary;
    }
  };

  // Something that is larger than its place begins with that part of it which data-scroll selects.
  for (const element of document.querySelectorAll(".graph-pane[data-scroll]")) {
    const chosen = element.querySelector(element.dataset.scroll)?.getBoundingClientRect();
    if (chosen !== undefined) {
      const place = element.getBoundingClientRect();
      element.scrollBy(
        chosen.left + chosen.width / 2 - place.left - place.width / 2,
        chosen.top + chosen.height / 2 - place.top - place.height / 2,
      );
    }
  }

  for (const element of document.querySelectorAll("[data-live]")) {
    let source = null;
    const stop = () => {
      source?.close();
      source = null;
    };
    const start = () => {
      if (source !== null || document.hidden) {
        return;
      }
      source = new EventSource(element.dataset.live);
      source.onopen = () => say("Live", "good");
      source.addEventListener("update", (e) => {
        say("Live", "good");
        replace(element, e.data);
      });
      source.addEventListener("trouble", (e) => say("No update: " + e.data.slice(0, 200), "careful"));
      source.addEventListener("done", () => {
        stop();
        delete element.dataset.live;
        document.removeEventListener("visibilitychange", turn);
        say("", "");
      });
      source.onerror = () => {
        say("No connection to the console", "bad");
        if (source?.readyState === EventSource.CLOSED) {
          stop();
        }
      };
    };
    // A browser has six connections to one server: pages that nobody sees use none.
    const turn = () => (document.hidden ? stop() : start());
    document.addEventListener("visibilitychange", turn);
    addEventListener("pagehide", stop);
    addEventListener("pageshow", start);
    start();
  }

  // On narrow screens the sections are a row that is longer than the screen.
  document.querySelector("nav.side [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

  // "/" goes to the search field of a page.
  document.addEventListener("keydown", (e) => {
    const typing = e.target.closest?.("input, select, textarea");
    if (e.key === "/" && !typing && !e.ctrlKey && !e.metaKey && !e.altKey) {
      const search = document.querySelector("input[type=search]");
      if (search !== null) {
        e.preventDefault();
        search.focus();
      }
    }
  });

  // A box with data-all chooses all boxes of its form with that name.
  document.addEventListener("change", (e) => {
    const name = e.target.dataset?.all;
    if (name !== undefined) {
      for (const box of e.target.form.querySelectorAll(`input[type=checkbox][name="${name}"]`)) {
        box.checked = e.target.checked;
      }
    }
  });
})();
