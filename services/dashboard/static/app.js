// What HTML and htmx cannot do alone: keys, the row one stands on, live state, the lock, the theme.
(() => {
  "use strict";
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const isTyping = (at) => at.closest("input:not([type=checkbox]):not([type=range]), textarea, select, [contenteditable]");
  const keysAreOn = () => localStorage.getItem("keys") !== "off";

  // --- theme ---
  const turnTheme = () => {
    const dark = getComputedStyle(document.documentElement).colorScheme === "dark";
    const theme = dark ? "light" : "dark";
    document.documentElement.dataset.theme = theme;
    document.cookie = `theme=${theme};path=/;max-age=31536000;SameSite=Strict`;
  };

  // --- the row one stands on ---
  const rows = () => $$("[data-row]").filter((row) => row.offsetParent !== null);
  // A row that was drawn anew lost its mark; the focus, which the browser gave back to it, says the same.
  const here = () => $("[data-row].here") || document.activeElement?.closest("[data-row]");
  const stand = (row) => {
    here()?.classList.remove("here");
    row.classList.add("here");
    row.scrollIntoView({ block: "nearest" });
    const link = $("a", row);
    if (link) link.focus({ preventScroll: true });
  };
  const step = (by) => {
    const all = rows();
    if (!all.length) return;
    const at = all.indexOf(here());
    stand(all[Math.min(Math.max(at + by, 0), all.length - 1)]);
    if (!$("#peek").hidden && by) peek(here());
  };
  const peek = (row) => {
    if (!row?.dataset.peek) { if (row) open(row); return; }
    htmx.ajax("GET", row.dataset.peek, { target: "#peek", swap: "innerHTML" });
  };
  const open = (row) => { const link = row && $("a", row); if (link) location.assign(link.href); };
  const closePeek = () => {
    $("#peek").hidden = true;
    $("#peek").replaceChildren();
    $(".shell").classList.remove("with-peek");
  };

  // --- selection ---
  const picked = () => $$("[data-row] input[name=pick]:checked");
  const showPicked = () => {
    $$("[data-row]").forEach((row) => row.classList.toggle("picked", !!$("input[name=pick]:checked", row)));
    const bar = $(".bulk");
    if (!bar) return;
    bar.hidden = picked().length === 0;
    $(".bulk .n").textContent = picked().length;
    $(".bulk [name=ids]").value = picked().map((box) => box.value).join(",");
  };
  let last = null; // the row that was selected last: where a range begins
  const pick = (row) => {
    const box = row && $("input[name=pick]", row);
    if (box) { box.checked = !box.checked; last = row; showPicked(); }
  };
  const pickRange = (row) => {
    const all = rows(), ends = [all.indexOf(last), all.indexOf(row)].sort((a, b) => a - b);
    if (ends[0] < 0) { pick(row); return; }
    all.slice(ends[0], ends[1] + 1).forEach((each) => { const box = $("input[name=pick]", each); if (box) box.checked = true; });
    last = row;
    showPicked();
  };

  // --- saved views of this browser: an address and a name, and addresses hold no personal data ---
  const viewsKey = () => `views:${location.pathname}`;
  const savedViews = () => JSON.parse(localStorage.getItem(viewsKey()) || "[]");
  const drawViews = () => {
    const list = $("[data-views]");
    if (!list) return;
    $$("li.own", list).forEach((item) => item.remove());
    for (const view of savedViews()) {
      const item = document.createElement("li");
      item.className = "own";
      const link = document.createElement("a");
      link.href = view.address;
      link.textContent = view.name;
      if (location.pathname + location.search === view.address) link.setAttribute("aria-current", "true");
      item.append(link);
      list.insertBefore(item, $("[data-do=save-view]", list)?.parentElement || null);
    }
  };
  const saveView = () => {
    const form = $("#view-name");
    if (!form) return;
    form.hidden = !form.hidden;
    if (!form.hidden) $("input", form).focus();
  };
  document.addEventListener("submit", (event) => {
    if (event.target.id !== "view-name") return;
    event.preventDefault();
    const name = $("input", event.target).value.trim();
    if (name) {
      const others = savedViews().filter((view) => view.name !== name);
      localStorage.setItem(viewsKey(), JSON.stringify([...others, { name, address: location.pathname + location.search }]));
    }
    event.target.hidden = true;
    drawViews();
  });

  // --- the live stream: opened while the page is seen, resumed by the browser from its last id ---
  let source = null;
  let seen = ""; // the last message: a stream that was closed while the page was hidden goes on behind it
  const state = $("#live");
  const tell = (kind, text) => {
    if (!state) return;
    state.className = `state ${kind}`;
    $(".words", state).textContent = text;
  };
  const listen = () => {
    const wanted = document.body.dataset.live?.trim();
    if (!wanted || source || document.hidden) return;
    const address = new URL(wanted, location.href);
    if (seen) address.searchParams.set("after", seen);
    source = new EventSource(address);
    source.addEventListener("pulse", (event) => {
      seen = event.lastEventId;
      const told = JSON.parse(event.data);
      tell(told.behind ? "stale" : "live", told.behind ? `${told.behind} events behind · ${told.head}` : `live · event ${told.head}`);
    });
    source.addEventListener("moved", (event) => {
      seen = event.lastEventId;
      const pill = $("#news");
      if (pill) pill.hidden = false;
      htmx.trigger(document.body, "moved");
    });
    source.addEventListener("rows", (event) => {
      seen = event.lastEventId;
      const list = $("#tail");
      if (!list || list.dataset.paused) return;
      list.insertAdjacentHTML("afterbegin", event.data);
      $$("tr", list).slice(200).forEach((row) => row.remove());
    });
    source.addEventListener("over", () => { hush(); tell("down", "not live: log in again"); });
    source.onerror = () => tell("down", "not live: connecting again");
  };
  const hush = () => { source?.close(); source = null; };
  document.addEventListener("visibilitychange", () => (document.hidden ? hush() : listen()));
  window.addEventListener("pagehide", hush);

  // --- the lock ---
  const lock = () => { const dialog = $("#lock"); if (dialog && !dialog.open) { hush(); dialog.showModal(); } };
  document.body.addEventListener("locked", lock);
  document.body.addEventListener("unlocked", () => { $("#lock form").reset(); $("#lock").close(); listen(); });
  $("#lock")?.addEventListener("cancel", (event) => event.preventDefault());

  // --- somebody else was faster: what was typed stays, and a person decides ---
  let conflict = null; // the form that was refused, and the version that is there now
  document.body.addEventListener("conflict", (event) => {
    conflict = { form: event.target.closest("form"), version: event.detail.version };
    $("#conflict").showModal();
  });
  const sendAgain = () => {
    $("#conflict").close();
    $("[name=version]", conflict.form).value = conflict.version;
    conflict.form.requestSubmit();
  };
  const typed = (root) => $$("form[hx-post]", root).flatMap((form) =>
    $$("input:not([type=hidden]), select, textarea", form).map((field) => [form.getAttribute("hx-post"), field.name, field.value]));
  const putBack = (kept, root) => {
    for (const [post, name, value] of kept) {
      const field = $(`form[hx-post="${post}"] [name="${name}"]`, root);
      if (field) field.value = value;
    }
  };
  const lookAgain = async () => {
    $("#conflict").close();
    if (!conflict.form.closest("#peek")) {
      sessionStorage.setItem("kept", JSON.stringify(typed($("main"))));
      location.reload();
      return;
    }
    const kept = typed($("#peek"));
    const path = conflict.form.getAttribute("hx-post").replace(/^(\/[a-z]+\/[^/]+)\/.*$/, "$1/peek");
    await htmx.ajax("GET", path, { target: "#peek", swap: "innerHTML" });
    putBack(kept, $("#peek"));
  };
  putBack(JSON.parse(sessionStorage.getItem("kept") || "[]"), document);
  sessionStorage.removeItem("kept");

  // --- what buttons do ---
  const deeds = {
    theme: turnTheme,
    peek: (at) => peek(at.closest("[data-row]")),
    close: closePeek,
    dismiss: (at) => at.closest(".banner, #messages > section").remove(),
    lock: () => { fetch("/lock", { method: "POST", headers: { "X-CSRF-Token": JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRF-Token"], "HX-Request": "true" } }).then(lock); },
    keys: () => {},
    news: () => location.reload(),
    "save-view": saveView,
    "send-again": sendAgain,
    "look-again": lookAgain,
    pause: (at) => {
      const list = $("#tail");
      if (list.dataset.paused) delete list.dataset.paused; else list.dataset.paused = "yes";
      at.textContent = list.dataset.paused ? "Go on" : "Pause";
    },
    step: (at) => slide(Number(at.dataset.by)),
    unpick: () => { picked().forEach((box) => { box.checked = false; }); showPicked(); },
  };
  document.addEventListener("click", (event) => {
    const at = event.target.closest("[data-do]");
    if (at && at.type !== "checkbox" && deeds[at.dataset.do]) { deeds[at.dataset.do](at); return; }
    $$("details.user[open], details.menu[open]").forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; });
    const row = event.target.closest("[data-row]");
    if (row && !event.target.closest("a, button, input, label")) { stand(row); if (row.dataset.peek) peek(row); }
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-do=keys]")) localStorage.setItem("keys", event.target.checked ? "on" : "off");
    if (event.target.matches("input[name=pick]")) showPicked();
    if (event.target.matches("[data-pick-all]")) { $$("[data-row] input[name=pick]").forEach((box) => { box.checked = event.target.checked; }); showPicked(); }
  });

  // --- the slider of a timeline: what has not happened yet is grey ---
  const slide = (by) => {
    const range = $("#as-of");
    if (!range) return;
    range.value = Number(range.value) + by;
    range.dispatchEvent(new Event("input", { bubbles: true }));
  };
  document.addEventListener("input", (event) => {
    if (event.target.id !== "as-of") return;
    const at = Number(event.target.value);
    $$(".timeline li").forEach((item) => {
      item.classList.toggle("future", Number(item.dataset.at) > at);
      item.classList.toggle("now", Number(item.dataset.at) === at);
    });
  });

  // --- htmx ---
  document.body.addEventListener("htmx:afterSwap", (event) => {
    if (event.target.id === "peek" && event.target.innerHTML.trim()) {
      event.target.hidden = false;
      $(".shell").classList.add("with-peek");
    }
    // The key undoes what was done last, whether it is told in the panel or over the list.
    const undo = $("[data-key=u]", event.target);
    if (undo) $$("[data-key=u]").forEach((older) => { if (older !== undo) delete older.dataset.key; });
    if (event.target.id === "list") { const news = $("#news"); if (news) news.hidden = true; }
    drawViews();
    showPicked();
  });
  document.body.addEventListener("toast", (event) => {
    const line = document.createElement("div");
    line.textContent = event.detail.value;
    $("#toast").append(line);
    setTimeout(() => line.remove(), 10000);
  });
  document.body.addEventListener("htmx:sendError", () => {
    $("#messages").innerHTML = '<div class="banner bad"><strong>Nothing answers.</strong> What you see stays; try again in a moment. <button type="button" class="link" data-do="dismiss">Close</button></div>';
  });

  // --- what a key stands for on this page: a field to write in, or a button to press ---
  const use = (at) => (at.matches("input, select, textarea") ? at.focus() : at.click());
  const isSeen = (at) => at.getClientRects().length > 0;
  const keyed = (key) => [here(), $("#peek"), $("main")].flatMap((part) => (part ? $$(`[data-key="${CSS.escape(key)}"]`, part) : [])).find(isSeen);

  // --- the palette: every page, view and deed by its name, and a search for all else ---
  const palette = $("#palette");
  let choices = [];
  const named = (at) => at.getAttribute("aria-label")
    || [...(at.closest("label") || at).childNodes].filter((node) => node.nodeType === Node.TEXT_NODE).map((node) => node.data).join(" ").trim();
  const everything = () => [
    ...$$(".side .group a").map((link) => ({ name: link.textContent, kind: "page", go: () => location.assign(link.href) })),
    ...$$("main [data-views] a").map((link) => ({ name: named(link), kind: "view", go: () => location.assign(link.href) })),
    ...$$("#peek [data-key], main [data-key]").filter(isSeen).map((at) => ({ name: named(at), kind: "here", go: () => use(at) })),
    { name: "Light or dark", kind: "setting", go: turnTheme },
    { name: "Keys", kind: "help", go: () => $("#keys").showModal() },
  ];
  const searchFor = (words) => ({ name: `Search for ${words}`, kind: "search", go: () => { $("#search").value = words; $("#search").form.requestSubmit(); } });
  const mark = (at) => {
    $$("li", palette).forEach((item, place) => item.setAttribute("aria-selected", String(place === at)));
    $("input", palette).setAttribute("aria-activedescendant", choices.length ? `choice-${at}` : "");
    $(`#choice-${at}`)?.scrollIntoView({ block: "nearest" });
  };
  const marked = () => $$("li", palette).findIndex((item) => item.getAttribute("aria-selected") === "true");
  const drawChoices = () => {
    const words = $("input", palette).value.trim();
    choices = everything().filter((each) => each.name.toLowerCase().includes(words.toLowerCase()));
    if (words) choices.push(searchFor(words));
    $("ul", palette).replaceChildren(...choices.map((each, at) => {
      const item = document.createElement("li");
      item.id = `choice-${at}`;
      item.setAttribute("role", "option");
      const kind = document.createElement("span");
      kind.className = "muted";
      kind.textContent = each.kind;
      item.append(each.name, kind);
      return item;
    }));
    mark(0);
  };
  const choose = (at) => { palette.close(); choices[at]?.go(); };
  const openPalette = () => { $("input", palette).value = ""; drawChoices(); palette.showModal(); };
  palette?.addEventListener("input", drawChoices);
  palette?.addEventListener("click", (event) => { const item = event.target.closest("li"); if (item) choose($$("li", palette).indexOf(item)); else if (event.target === palette) palette.close(); });
  palette?.addEventListener("keydown", (event) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by) { event.preventDefault(); mark((marked() + by + choices.length) % choices.length); }
    if (event.key === "Enter") { event.preventDefault(); choose(marked()); }
  });

  // --- keys ---
  let afterG = 0;
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { if (!$("dialog[open]") && !$("#peek").hidden) closePeek(); if (isTyping(event.target)) event.target.blur(); return; }
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k" && palette && !$("dialog[open]")) { event.preventDefault(); openPalette(); return; }
    if (event.ctrlKey && event.key === "Enter" && !$("dialog[open]")) { const next = $("main [data-key=next]"); if (next) { event.preventDefault(); next.click(); } return; }
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || $("dialog[open]")) return;
    if (!keysAreOn() && event.key !== "Enter") return;
    if (Date.now() - afterG < 1500) {
      const link = $(`[data-go="${CSS.escape(event.key)}"]`);
      afterG = 0;
      if (link) { location.assign(link.href); return; }
    }
    const deed = {
      "/": () => $("#search").focus(),
      "?": () => $("#keys").showModal(),
      g: () => { afterG = Date.now(); },
      j: () => step(1),
      k: () => step(-1),
      x: () => pick(here()),
      X: () => pickRange(here()),
      o: () => open(here()),
      t: turnTheme,
      "[": () => slide(-1),
      "]": () => slide(1),
      a: () => { const bar = $(".bulk"); (bar && !bar.hidden ? $("[data-key=a]", bar) : $("#peek [data-key=a]") || $("[data-key=a]", here() || document.body))?.click(); },
    }[event.key];
    if (deed) { event.preventDefault(); deed(); return; }
    const there = event.key.length === 1 && keyed(event.key);
    if (there) { event.preventDefault(); use(there); return; }
    if (event.key === "Enter" && here() && (event.target === document.body || here().contains(event.target)) && !event.target.closest("button, input")) {
      event.preventDefault();
      peek(here());
    }
  });

  const box = $("[data-do=keys]");
  if (box) box.checked = keysAreOn();
  drawViews();
  listen();
})();
