// Requests that have no response yet. The browser stores them, so that neither a reload nor a lost connection loses them. Each is sent
// with its own id until the server responds, so that it is performed once.

const RETRY_MS = 2000;
const TIMEOUT_MS = 5000;
const AGAIN = [408, 429];

export class Outbox {
  /** `settled(request, answer)` is called once per request of this page: `answer` has the `ticket`, or the reason in `refused`. */
  constructor(page, settled) {
    this.prefix = `accueil.desk.${page}.`;
    this.settled = settled;
    this.memory = new Map(); // for browsers without local storage
    this.sending = false;
    setInterval(() => this.send(), RETRY_MS);
    this.send();
  }

  get size() {
    return this.waiting().length;
  }

  /** Queue a request, and return its id. */
  put(request) {
    const queued = { ...request, id: makeId(), pressed_at: Date.now() };
    try {
      localStorage.setItem(this.prefix + queued.id, JSON.stringify(queued));
    } catch {
      this.memory.set(queued.id, queued);
    }
    this.send();
    return queued.id;
  }

  /** Return the queued requests in order. */
  waiting() {
    const stored = [];
    try {
      for (const key of Object.keys(localStorage)) {
        if (key.startsWith(this.prefix)) stored.push(JSON.parse(localStorage.getItem(key)));
      }
    } catch {
      // no local storage, or not a request of this page
    }
    return [...stored.filter(Boolean), ...this.memory.values()].sort((a, b) => a.pressed_at - b.pressed_at);
  }

  async send() {
    if (this.sending) return;
    this.sending = true;
    try {
      for (let first = this.waiting()[0]; first; first = this.waiting()[0]) {
        const answer = await post(first);
        if (answer === null) break;
        this.remove(first.id);
        this.settled(first, answer);
      }
    } finally {
      this.sending = false;
    }
  }

  remove(id) {
    this.memory.delete(id);
    try {
      localStorage.removeItem(this.prefix + id);
    } catch {
      // it was not stored there
    }
  }
}

/** Return the response to a request; null if it must be sent again. */
async function post({ pressed_at: pressedAt, ...request }) {
  const body = JSON.stringify({ ...request, waited_ms: Math.max(0, Date.now() - pressedAt) });
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const response = await fetch("/api/actions", { method: "POST", headers: { "content-type": "application/json" }, body, signal });
    if (response.status >= 500 || AGAIN.includes(response.status)) return null;
    return await response.json();
  } catch {
    return null;
  }
}

/** Return the state of the waiting room; null if the server does not respond. */
export async function ask() {
  try {
    const response = await fetch("/api/state", { signal: AbortSignal.timeout(TIMEOUT_MS) });
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
}

/** Return a random UUID: `crypto.randomUUID` is missing on pages without TLS. */
function makeId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
