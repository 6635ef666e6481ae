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

// Make `old` like `fresh`, keeping what is in both: so the focus and a scrolled place stay.
function renew(old, fresh) {
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  const wanted = new Set([...fresh.children].map(keyOf));
  const kept = new Map();
  for (const child of [...old.children]) {
    const key = keyOf(child);
    // An element that is moved loses the focus, so what is gone must not stand before it.
    if (key && !wanted.has(key)) child.remove();
    else if (key) kept.set(key, child);
  }
  let place = old.firstChild;
  for (const child of [...fresh.childNodes]) {
    const key = keyOf(child);
    const same = key ? kept.get(key) : place;
    if (!same || same.nodeName !== child.nodeName || keyOf(same) !== key) {
      old.insertBefore(child, place);
      continue;
    }
    if (same === place) place = place.nextSibling;
    else old.insertBefore(same, place);
    if (child.nodeType === Node.ELEMENT_NODE) renew(same, child);
    else if (same.nodeValue !== child.nodeValue) same.nodeValue = child.nodeValue;
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
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
  const details = element("section", { class: "labkit-details", "aria-live": "polite", tabindex: "-1" });
  el.classList.add("labkit-live");
  el.append(tools, note, picture, details);

  const sift = () => {
    const wanted = filter.value.toLowerCase();
    for (const line of picture.querySelectorAll("[data-line]")) {
      line.hidden = !line.textContent.toLowerCase().includes(wanted);
    }
  };
  const draw = () => {
    const fresh = element("div", { class: "labkit-drawing" });
    fresh.innerHTML = model.get("picture");
    const log = picture.querySelector("[role=log]");
    const atEnd = !log || log.scrollTop + log.clientHeight >= log.scrollHeight - 4;
    renew(picture, fresh);
    sift();
    const now = picture.querySelector("[role=log]");
    if (now && atEnd) now.scrollTop = now.scrollHeight;
  };
  const drawNote = () => {
    note.textContent = model.get("note");
    picture.classList.toggle("labkit-away", note.textContent !== "");
  };
  const changed = () => {
    if (model.get("frame") % SEEN_EVERY === 0) say("seen");
    drawNote();
    if (!paused) draw();
  };
  const open = (message) => {
    if (message.page !== page) return;
    details.innerHTML = message.details;
    const close = element("button", { class: "labkit-button" }, words.close);
    close.onclick = () => {
      details.replaceChildren();
      picture.querySelector(`[data-key="${CSS.escape(details.dataset.of ?? "")}"]`)?.focus();
    };
    details.prepend(close);
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
  picture.onclick = (event) => {
    const key = event.target.closest("[data-key]")?.dataset.key;
    if (!key) return;
    details.dataset.of = key;
    say("open", { key });
  };
  model.on("change:frame", changed);
  model.on("msg:custom", open);
  model.on("comm_live_update", ended);
  draw();
  drawNote();
  say("shown");
  return () => {
    say("gone");
    model.off("change:frame", changed);
    model.off("msg:custom", open);
    model.off("comm_live_update", ended);
  };
}

export default { render };
