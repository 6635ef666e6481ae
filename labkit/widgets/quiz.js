// Ask a question, and tell the kernel what was predicted. The answer was escaped where it was drawn.

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function render({ model, el }) {
  const words = model.get("words");
  const group = `quiz-${Date.now()}-${Math.random()}`;
  const asked = element("fieldset", { class: "labkit-quiz" });
  asked.append(element("legend", {}, model.get("text")));
  for (const option of model.get("options")) {
    const choice = element("input", { type: "radio", name: group, value: option });
    asked.append(element("label", {}, choice, ` ${option}`));
  }
  const written = element("input", { type: "text", "aria-label": words.prediction });
  written.placeholder = words.prediction;
  if (!model.get("options").length) asked.append(written);
  const ask = element("button", { class: "labkit-button" }, words.ask);
  const found = element("div", { class: "labkit-found jp-RenderedHTMLCommon", role: "status" });
  el.classList.add("labkit-live");
  el.append(asked, element("div", { class: "labkit-tools" }, ask), found);

  const predicted = () => asked.querySelector("input:checked")?.value ?? written.value;
  let waiting = false;
  const answered = () => {
    waiting = false;
    found.innerHTML = model.get("found");
  };
  const ended = () => {
    if (waiting) found.textContent = words.ended;
  };

  // Not disabled meanwhile: that would take the focus from people who use the keyboard.
  ask.onclick = () => {
    if (waiting) return;
    waiting = true;
    found.textContent = words.waiting;
    model.send({ predicted: predicted() });
  };
  el.onkeydown = (event) => {
    if (event.key === "Enter" && event.target === written) ask.click();
    // JupyterLab takes keys without a modifier for its own: an arrow would leave the cell.
    if (!event.ctrlKey && !event.metaKey && !event.altKey) event.stopPropagation();
  };
  model.on("change:answers", answered);
  model.on("comm_live_update", ended);
  answered();
  return () => {
    model.off("change:answers", answered);
    model.off("comm_live_update", ended);
  };
}

export default { render };
