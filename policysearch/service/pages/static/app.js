// @ts-check
/**
 * The live part of the pages: news, buttons and forms. Without it every page is whole, as it was when it was loaded.
 *
 * News come as Server-Sent Events, whose ids are places in the job's event log: after a break of any kind the stream is
 * opened again behind the last id, so that no event is missed and none is taken twice. On news the page asks for its
 * live parts anew, at most every two seconds, and changes what has changed.
 */

const root = document.documentElement;
const base = root.dataset.base ?? "";
const KINDS = ["phase", "progress", "pull_started", "pull_ended", "retry", "warning", "verdict", "attempt", "end", "job"];
const REFRESH = 2_000; // milliseconds between two refreshes
const QUIET = 10_000; // milliseconds between two announcements to a screen reader
const PATIENCE = 3_000; // milliseconds without a connection that are not mentioned
const MOST_EVENTS = 200; // lines of the feed

const TURNING = /[\u202a-\u202e\u2066-\u2069]/g; // marks that turn the direction of the text behind them

/** @typedef {{status: number, body: any}} Answer */
/** @typedef {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} Box */

/** @param {string} id @returns {any} */
const element = (id) => document.getElementById(id);

/* ---------- requests ---------- */

/**
 * Send a request as JSON. Status 0: the server cannot be reached.
 * @param {string} method @param {string} path below the base @param {unknown} [body] @param {Record<string, string>} [headers]
 * @returns {Promise<Answer>}
 */
async function ask(method, path, body, headers = {}) {
  const content = body === undefined ? undefined : JSON.stringify(body);
  const type = { "Content-Type": "application/json", Accept: "application/json", ...headers };
  try {
    const response = await fetch(`${base}/${path}`, { method, headers: type, body: content });
    const text = await response.text();
    return { status: response.status, body: text.startsWith("{") || text.startsWith("[") ? JSON.parse(text) : {} };
  } catch {
    return { status: 0, body: { message: "The server cannot be reached. Nothing was lost: try again in a moment." } };
  }
}

/** @param {Answer} answer */
const isFine = (answer) => answer.status >= 200 && answer.status < 300;

function logIn() {
  location.assign(`${base}/login?next=${encodeURIComponent(location.pathname + location.search)}`);
}

/* ---------- what is on the page ---------- */

/**
 * Make a node like another one, keeping what the reader does: focus, ticks, what is typed, unfolded and scrolled.
 * @param {any} old @param {any} fresh
 */
function patch(old, fresh) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
    return;
  }
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name) && name !== "open") old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  let place = old.firstChild;
  for (const node of [...fresh.childNodes]) {
    const same = node.id ? [...old.children].find((child) => child.id === node.id) : null;
    if (same && same !== place) {
      old.insertBefore(same, place);
      place = same;
    }
    if (place && place.nodeName === node.nodeName && (place.id ?? "") === (node.id ?? "")) {
      const next = place.nextSibling;
      patch(place, node);
      place = next;
    } else {
      old.insertBefore(node, place);
    }
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}

/** Write times in the reader's zone. @param {ParentNode} part */
function localise(part) {
  for (const time of part.querySelectorAll("time")) {
    const then = new Date(time.dateTime);
    time.textContent = "clock" in time.dataset ? clock(then) : `${day(then)} ${clock(then).slice(0, 5)}`;
  }
}

/** @param {number} value */
const two = (value) => String(value).padStart(2, "0");
/** @param {Date} then */
const clock = (then) => `${two(then.getHours())}:${two(then.getMinutes())}:${two(then.getSeconds())}`;
/** @param {Date} then */
const day = (then) => `${then.getFullYear()}-${two(then.getMonth() + 1)}-${two(then.getDate())}`;

/** Ask for the live parts, and change what has changed. */
async function refresh() {
  if (!root.dataset.parts) return;
  let text = "";
  try {
    const response = await fetch(`${base}/${root.dataset.parts}`, { headers: { Accept: "text/html" } });
    if (response.status === 401) return logIn();
    if (response.status === 404) return location.assign(`${base}/`);
    if (!response.ok) return;
    text = await response.text();
  } catch {
    return; // the stream says that the connection is lost
  }
  const template = document.createElement("template");
  template.innerHTML = text; // escaped by the server, and the policy of the page runs no script in it
  localise(template.content);
  for (const part of template.content.querySelectorAll("[data-live]")) {
    const old = element(part.id);
    if (old) patch(old, part);
  }
}

let refreshedAt = 0;
let refreshing = 0;
/** Refresh, but not more often than every two seconds. */
function refreshSoon() {
  if (refreshing) return;
  const wait = Math.max(0, refreshedAt + REFRESH - Date.now());
  refreshing = setTimeout(async () => {
    refreshedAt = Date.now();
    await refresh();
    refreshing = 0;
  }, wait);
}

let spokenAt = 0;
let speaking = 0;
let words = "";
/** Tell a screen reader, the latest words only and not more often than every ten seconds. @param {string} text */
function announce(text) {
  words = text;
  speaking ||= setTimeout(() => {
    element("announcement").textContent = words;
    spokenAt = Date.now();
    speaking = 0;
  }, Math.max(0, spokenAt + QUIET - Date.now()));
}

/* ---------- news ---------- */

/** A stream of events that goes on behind the last one, whatever happens to the server, the network or the tab. */
class Stream {
  /** @param {string} path @param {number} after @param {(kind: string, data: any, isNew: boolean) => void} take */
  constructor(path, after, take) {
    this.path = path;
    this.last = after;
    this.take = take;
    /** @type {EventSource | null} */
    this.source = null;
    this.lostAt = 0;
    this.timer = 0;
    document.addEventListener("visibilitychange", () => (document.hidden ? this.rest() : this.wake()));
    addEventListener("pagehide", () => this.rest());
    addEventListener("pageshow", (event) => event.persisted && this.wake());
    addEventListener("online", () => this.wake());
    addEventListener("offline", () => this.source && this.lose());
    setInterval(() => this.show(), 1_000);
    if (!document.hidden) this.open();
  }

  open() {
    this.close();
    const source = new EventSource(`${base}/${this.path}?after=${this.last}`);
    this.source = source;
    source.onopen = () => {
      if (this.lostAt) refreshSoon();
      this.lostAt = 0;
      root.dataset.connected = "true";
      this.show();
    };
    source.onerror = () => this.lose();
    source.addEventListener("bye", () => this.lose());
    for (const kind of KINDS) source.addEventListener(kind, (event) => this.receive(kind, event));
  }

  /** @param {string} kind @param {MessageEvent} event */
  receive(kind, event) {
    const id = Number(event.lastEventId || 0);
    const isNew = id > this.last;
    if (isNew) this.last = id;
    this.take(kind, JSON.parse(event.data), isNew);
  }

  close() {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
    root.dataset.connected = "false";
  }

  /** The connection broke: try again soon, not all browsers at once. */
  lose() {
    const neverOpened = this.source && root.dataset.connected !== "true";
    this.close();
    this.lostAt ||= Date.now();
    if (document.hidden) return;
    if (neverOpened) refreshSoon(); // which notices an expired login
    this.timer = setTimeout(() => this.open(), 1_000 + Math.random() * 2_000);
  }

  /** A hidden tab gives its connection to others: browsers allow six for a server. */
  rest() {
    this.close();
    this.lostAt = 0;
    this.show();
  }

  wake() {
    if (this.source || document.hidden) return;
    refreshSoon();
    this.open();
  }

  /** Say that the connection is lost, never show old figures silently. */
  show() {
    const banner = element("connection");
    const lost = this.lostAt ? Date.now() - this.lostAt : 0;
    if (banner.hidden && lost >= PATIENCE) announce("Connection lost");
    banner.hidden = lost < PATIENCE;
    if (!banner.hidden) banner.textContent = `connection lost, since ${Math.round(lost / 1_000)} s`;
  }
}

/** @param {any} event */
const pull = (event) => `${event.phase === "confirm" ? "confirming pull" : "pull"} ${event.number}`;

/** An event in words, as job/record.py says it. @type {Record<string, (event: any, reward: (value: number) => string) => string>} */
const SENTENCES = {
  phase: (event) => `${event.phase}${event.note ? `: ${event.note}` : ""}`,
  pull_started: (event) => `${pull(event)} begins: ${event.name}`,
  pull_ended: (event, reward) =>
    `${pull(event)} ended: ${event.name}, ` +
    (event.pruned ? `stopped ${event.pruned}` : event.reward == null ? `failed: ${event.error}`
      : `${reward(event.reward)} in ${(event.seconds ?? 0).toFixed(1)} s`),
  retry: (event) => `${pull(event)} is tried again: ${event.error}`,
  warning: (event) => `warning: ${event.text}`,
  attempt: (event) => `attempt ${event.attempt} begins`,
  end: (event) => `${event.end}${event.sentence ? `: ${event.sentence}` : ""}`,
};

/** Put an event on top of the feed. @param {string} kind @param {any} event */
function feed(kind, event) {
  const list = element("feed");
  if (!list || !(kind in SENTENCES)) return;
  const { factor = "1", digits = "4", sign = "" } = list.dataset;
  const line = document.createElement("li");
  const time = document.createElement("time");
  const then = new Date(event.t * 1_000);
  time.dateTime = `${then.toISOString().slice(0, 19)}Z`;
  time.textContent = clock(then);
  line.className = kind;
  const reward = (/** @type {number} */ value) => (value * Number(factor)).toFixed(Number(digits)) + sign;
  line.append(time, ` ${SENTENCES[kind](event, reward).replace(TURNING, "\ufffd")}`);
  list.prepend(line);
  while (list.children.length > MOST_EVENTS) list.lastElementChild.remove();
}

let state = ""; // of the job, to be announced when it changes
/** @param {string} kind @param {any} event @param {boolean} isNew */
function onNews(kind, event, isNew) {
  if (isNew && kind !== "job") feed(kind, event);
  refreshSoon();
  if (kind === "progress" && event.total) {
    announce(`${event.done} of ${event.total} pulls${event.best_name ? `, best so far ${event.best_name}` : ""}`);
  } else if (kind === "job" && element("feed") && event.state !== state) {
    if (state) announce(`The job is ${event.state}`);
    state = event.state;
  }
}

/* ---------- forms and buttons ---------- */

/** Ask before something is ended. @param {string} question @returns {Promise<boolean>} */
function isSure(question) {
  const dialog = element("confirm");
  element("confirm-text").textContent = question;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

/** What a box holds; undefined where it is empty or at its default. @param {any} box */
function valueOf(box) {
  const kind = box.dataset.type ?? "text";
  const standard = box.dataset.default;
  if (kind === "boolean") return standard !== undefined && box.checked === (standard === "true") ? undefined : box.checked;
  const text = box.value.trim();
  if (standard !== undefined && text === standard.trim()) return undefined;
  if (kind === "list") return text.split(",").map((/** @type {string} */ part) => part.trim()).filter(Boolean);
  if (text === "" && (standard !== undefined || kind !== "text")) return undefined;
  return kind === "integer" || kind === "number" ? Number(text) : text;
}

/** Settings whose defaults follow from one another: where one is chosen, all are sent as the form shows them. */
const TOGETHER = ["space", "strategy", "trials"];

/** What a box holds, at its default or not. @param {any} box */
function shownIn(box) {
  return box.dataset.type === "integer" ? Number(box.value) : box.value.trim();
}

/** The values of a form, those with a point in their names in tables. @param {HTMLFormElement} form */
function valuesOf(form) {
  /** @type {Record<string, any>} */
  const values = {};
  for (const box of form.querySelectorAll("input[name], select[name], textarea[name]")) {
    const value = valueOf(box);
    const [first, second] = /** @type {Box} */ (box).name.split(".");
    if (value === undefined) continue;
    if (second) (values[first] ??= {})[second] = value;
    else values[first] = value;
  }
  const boxes = TOGETHER.map((name) => /** @type {any} */ (form.elements.namedItem(name)));
  const chosen = TOGETHER.some((name) => name in values) && !("task" in values); // another task has defaults of its own
  if (chosen && boxes.every((box) => box?.value)) TOGETHER.forEach((name, i) => (values[name] = shownIn(boxes[i])));
  return values;
}

/** Show sentences at their fields, and what has no field below the form. @param {HTMLFormElement} form @param {any} problem */
function showErrors(form, problem) {
  const fields = { ...(problem?.fields ?? {}) };
  /** @type {any} */
  let first = null;
  for (const place of form.querySelectorAll("[data-error]")) {
    const paragraph = /** @type {HTMLElement} */ (place);
    const name = paragraph.dataset.error ?? "";
    if (!name) continue;
    const box = form.elements.namedItem(name);
    paragraph.textContent = fields[name] ?? "";
    paragraph.hidden = !(name in fields);
    if (box instanceof HTMLElement) box.setAttribute("aria-invalid", String(name in fields));
    if (name in fields) first ??= box;
    delete fields[name];
  }
  const rest = Object.entries(fields).map(([name, sentence]) => (name ? `${name}: ${sentence}` : sentence));
  const general = /** @type {HTMLElement | null} */ (form.querySelector('[data-error=""]'));
  const text = rest.length ? rest.join("; ") : problem && !first ? (problem.message ?? "That did not work.") : "";
  if (general) {
    general.textContent = text;
    general.hidden = !text;
  }
  const fold = first?.closest("details");
  if (fold) fold.open = true;
  first?.focus();
}

/** Errors that the browser itself sees. @param {HTMLFormElement} form @returns {boolean} whether there are none */
function isValid(form) {
  const wrong = [...form.querySelectorAll("input, select, textarea")].filter((box) => !(/** @type {Box} */ (box).validity.valid));
  const fields = Object.fromEntries(wrong.map((box) => [/** @type {Box} */ (box).name, /** @type {Box} */ (box).validationMessage]));
  showErrors(form, wrong.length ? { fields } : null);
  return wrong.length === 0;
}

/** Do what an element's data-send says, such as `POST api/v1/searches/ID/stop`. @param {HTMLElement} sender @param {unknown} [body] */
async function send(sender, body) {
  const { send: request = "", confirm: question, then = "" } = sender.dataset;
  if (question && !(await isSure(question))) return;
  const [method, path] = request.split(" ");
  sender.setAttribute("aria-busy", "true");
  const answer = await ask(method, path, body);
  sender.removeAttribute("aria-busy");
  if (answer.status === 401) return logIn();
  if (sender instanceof HTMLFormElement) showErrors(sender, isFine(answer) ? null : answer.body);
  else complain(isFine(answer) ? "" : answer.body.message);
  if (!isFine(answer)) return;
  if (then === "reload") location.reload();
  else if (then.startsWith("go:")) location.assign(`${base}/${then.slice(3)}`);
  else await refresh();
}

/** @param {string} text */
function complain(text) {
  const place = element("problem");
  place.textContent = text;
  place.hidden = !text;
}

document.addEventListener("click", (event) => {
  const button = event.target instanceof Element ? event.target.closest("button[data-send]") : null;
  if (button) send(/** @type {HTMLElement} */ (button), /^(POST|PATCH)/.test(button.getAttribute("data-send") ?? "") ? {} : undefined);
});

document.addEventListener("submit", (event) => {
  const form = /** @type {HTMLFormElement} */ (event.target);
  const handle = HANDLERS[form.id] ?? (form.dataset.send ? (/** @type {HTMLFormElement} */ sender) => send(sender, valuesOf(sender)) : null);
  if (!handle) return;
  event.preventDefault();
  if (isValid(form)) handle(form);
});

/** Log in, and go where the reader was. @param {string} token */
async function openSession(token) {
  const answer = await ask("POST", "api/v1/session", { token });
  if (!isFine(answer)) return showErrors(element("login"), answer.body);
  const next = new URL(new URLSearchParams(location.search).get("next") ?? `${base}/`, location.href);
  location.replace(next.origin === location.origin ? next.href : `${base}/`);
}

let key = ""; // the same for the same request, so that a second click makes no second job

/** Check the settings, and say what they cost. @param {HTMLFormElement} form */
async function check(form) {
  const [cost, start] = [element("cost"), element("start")];
  start.disabled = true;
  cost.textContent = "The settings are being checked: some seconds.";
  element("check").disabled = true;
  const answer = await ask("POST", `api/v1/searches/check?kind=${form.dataset.kind}`, valuesOf(form));
  element("check").disabled = false;
  if (answer.status === 401) return logIn();
  showErrors(form, isFine(answer) ? null : answer.body);
  const { sentence = "The settings are fine.", warnings = [] } = answer.body;
  cost.textContent = isFine(answer) ? [sentence, ...warnings].join(" ") : "It cannot start like this.";
  start.disabled = !isFine(answer);
  key = Array.from(crypto.getRandomValues(new Uint8Array(16)), (octet) => octet.toString(16).padStart(2, "0")).join("");
  if (isFine(answer)) start.focus();
}

/** @param {HTMLFormElement} form */
async function start(form) {
  element("start").disabled = true;
  const path = `api/v1/searches?kind=${form.dataset.kind}`;
  const answer = await ask("POST", path, valuesOf(form), { "Idempotency-Key": key });
  if (isFine(answer)) return location.assign(`${base}/searches/${answer.body.id}`);
  element("start").disabled = false;
  showErrors(form, answer.body);
}

const TYPES = { zip: "application/zip", npz: "application/x-npz", parquet: "application/vnd.apache.parquet" };

/** Send a file as it is, with a bar. @param {HTMLFormElement} form */
function upload(form) {
  const file = element("upload-file").files[0];
  const bar = element("upload-progress");
  const request = new XMLHttpRequest();
  const ending = /** @type {keyof typeof TYPES} */ (file.name.split(".").pop().toLowerCase());
  request.open("POST", `${base}/api/v1/data?name=${encodeURIComponent(element("upload-name").value)}`);
  request.setRequestHeader("Content-Type", TYPES[ending] ?? "application/octet-stream");
  request.upload.onprogress = (event) => (bar.value = (100 * event.loaded) / event.total);
  request.onloadend = () => {
    bar.hidden = true;
    const text = request.responseText;
    const fallback = { message: "The upload broke off: send it again." };
    showErrors(form, request.status >= 200 && request.status < 300 ? null : text.startsWith("{") ? JSON.parse(text) : fallback);
    if (request.status >= 200 && request.status < 300) form.reset();
    refresh();
  };
  bar.hidden = false;
  request.send(file);
}

/** Make a token, and show its secret once. @param {HTMLFormElement} form */
async function makeToken(form) {
  const { name = "", run, days } = valuesOf(form);
  const answer = await ask("POST", "api/v1/tokens", { name, scopes: run ? ["read", "run"] : ["read"], days });
  showErrors(form, isFine(answer) ? null : answer.body);
  const secret = element("secret");
  secret.hidden = !isFine(answer);
  secret.textContent = isFine(answer) ? `${answer.body.token} is shown this once: copy it now.` : "";
  await refresh();
}

/** @type {Record<string, (form: HTMLFormElement) => void>} */
const HANDLERS = { login: () => openSession(element("token").value.trim()), new: check, upload, "new-token": makeToken };

/* ---------- begin ---------- */

localise(document);
root.classList.add("scripted");

if (element("login")) {
  const token = new URLSearchParams(location.hash.slice(1)).get("t");
  if (token) {
    history.replaceState(null, "", location.pathname + location.search); // before anything else can read it
    openSession(token);
  }
}
if (element("new")) {
  element("start").addEventListener("click", () => start(element("new")));
  element("new").addEventListener("input", () => (element("start").disabled = true));
}
if (root.dataset.stream) new Stream(root.dataset.stream, Number(root.dataset.after ?? 0), onNews);
else if (root.dataset.parts) setInterval(() => !document.hidden && document.querySelector("[data-busy]") && refreshSoon(), 3_000);
