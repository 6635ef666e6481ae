// Show what the kernel draws, and tell it what was pressed. Everything that comes from the engine
// was escaped where it was drawn.

const SEEN_EVERY = 10;

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

const keyOf = (node) =>
  node.dataset?.key ?? node.querySelector?.(":scope > [data-key]")?.dataset.key;

// Pair nodes with names that tell them apart: one thing may have several places, such as a volume
// that a container mounts twice. What has no key has no name.
function named(nodes) {
  const times = new Map();
  return [...nodes].map((node) => {
    const key = keyOf(node);
    if (!key) return [node, ""];
    times.set(key, (times.get(key) ?? 0) + 1);
    return [node, `${times.get(key)} ${key}`];
  });
}

// Make `old` like `fresh`, keeping what is in both: so the focus and a scrolled place stay.
function renew(old, fresh) {
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  const wanted = named(fresh.childNodes);
  const before = named(old.childNodes);
  const kept = new Map(before.filter(([, name]) => name).map(([child, name]) => [name, child]));
  const nameless = before.filter(([, name]) => !name).map(([child]) => child);
  const children = wanted.map(([child, name]) => {
    const same = name ? kept.get(name) : nameless.shift();
    if (!same || same.nodeName !== child.nodeName) return child;
    if (child.nodeType === Node.ELEMENT_NODE) renew(same, child);
    else if (same.nodeValue !== child.nodeValue) same.nodeValue = child.nodeValue;
    return same;
  });
  // An element that is moved loses the focus, so what is gone must not stand before it.
  const stays = new Set(children);
  for (const [child] of before) if (!stays.has(child)) child.remove();
  let place = old.firstChild;
  for (const child of children) {
    if (child === place) place = place.nextSibling;
    else old.insertBefore(child, place);
  }
}

function render({ model, el }) {
  const page = `${Date.now()}-${Math.random()}`;
  const say = (what, more = {}) => model.send({ page, what, ...more });
  const words = model.get("words");
  let paused = false;

  const pause = element("button", { class: "labkit-button", "aria-pressed": "false" }, words.pause);
  const filter = element("input", { type: "search", class: "labkit-filter" });
  const label = element("label", {}, `${words.filter} `, filter);
  const tools = element("div", { class: "labkit-tools" }, pause);
  if (model.get("lines")) tools.append(label);
  const note = element("p", { class: "labkit-note", role: "status" });
  const picture = element("div", { class: "labkit-drawing" });
  const close = element("button", { class: "labkit-button" }, words.close);
  const gone = element("p", { class: "labkit-note", role: "status" });
  const known = element("div");
  const details = element(
    "section", { class: "labkit-details", "aria-label": words.details, tabindex: "-1" },
    close, gone, known,
  );
  details.hidden = true;
  el.classList.add("labkit-live");
  el.append(tools, note, picture, details);

  // What is open: its key, what the picture says of it, and whether the kernel has yet to answer.
  let opened = "";
  let said = "";
  let asking = false;
  const titles = () => [...picture.querySelectorAll("[data-key]")];
  const titled = (key) => titles().filter((title) => title.dataset.key === key);
  const saidOf = (key) => titled(key).map((title) => title.parentElement.innerHTML).join();
  const ask = () => {
    asking = true;
    said = saidOf(opened);
    say("open", { key: opened, again: !details.hidden });
  };
  const askAgain = () => {
    if (!opened) return;
    const now = saidOf(opened);
    gone.textContent = now ? "" : words.gone;
    if (now && now !== said && !asking) ask();
  };
  const shut = () => {
    const title = titled(opened)[0];
    opened = "";
    details.hidden = true;
    (title ?? pause).focus();
  };

  const sift = () => {
    const wanted = filter.value.toLowerCase();
    for (const line of picture.querySelectorAll("[data-line]")) {
      line.hidden = !line.textContent.toLowerCase().includes(wanted);
    }
  };
  const draw = () => {
    const fresh = element("div", { class: picture.className });
    fresh.innerHTML = model.get("picture");
    const log = picture.querySelector("[role=log]");
    const atEnd = !log || log.scrollTop + log.clientHeight >= log.scrollHeight - 4;
    const active = () => el.getRootNode().activeElement;
    const focused = picture.contains(active()) ? active() : null;
    const place = titles().indexOf(focused);
    renew(picture, fresh);
    if (focused && active() !== focused) {
      const neighbour = titles()[Math.min(place, titles().length - 1)] ?? pause;
      (focused.isConnected ? focused : neighbour).focus({ preventScroll: true });
    }
    sift();
    const now = picture.querySelector("[role=log]");
    if (now && atEnd) now.scrollTop = now.scrollHeight;
    askAgain();
  };
  const drawNote = () => {
    note.textContent = model.get("note");
    picture.classList.toggle("labkit-away", note.textContent !== "");
  };
  const changed = () => {
    if (model.get("frame") % SEEN_EVERY === 0 || model.get("stopped")) say("seen");
    drawNote();
    if (!paused) draw();
  };
  const told = (message) => {
    if (message.page !== page) return;
    asking = false;
    if (message.key !== opened) return;
    if (message.details) {
      const fresh = element("div");
      fresh.innerHTML = message.details;
      renew(known, fresh);
    }
    if (details.hidden) {
      details.hidden = false;
      details.focus();
    }
    askAgain();
  };
  const ended = () => {
    note.textContent = words.ended;
    picture.classList.add("labkit-away");
  };

  pause.onclick = () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    if (!paused) draw();
  };
  filter.oninput = sift;
  close.onclick = shut;
  picture.onclick = (event) => {
    const key = event.target.closest("[data-key]")?.dataset.key;
    if (!key) return;
    opened = key;
    details.hidden = true;
    ask();
  };
  el.onkeydown = (event) => {
    if (event.key === "Escape" && opened) shut();
    // JupyterLab takes keys without a modifier for its own: `d d` would delete the cell.
    if (!event.ctrlKey && !event.metaKey && !event.altKey) event.stopPropagation();
  };
  model.on("change:frame", changed);
  model.on("msg:custom", told);
  model.on("comm_live_update", ended);
  draw();
  drawNote();
  say("shown");
  return () => {
    say("gone");
    model.off("change:frame", changed);
    model.off("msg:custom", told);
    model.off("comm_live_update", ended);
  };
}

export default { render };
