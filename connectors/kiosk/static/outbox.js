// What was pressed and is not answered yet. It is kept in the browser, so that neither a reload nor a cut connection loses it, and
// is sent under its own id until it is answered, so that it is done once.

const RETRY_MS = 2000;
const TIMEOUT_MS = 5000;
const AGAIN = [408, 429];

export class Outbox {
  /** `settled(wish, answer)` is called once for each wish of this page: `answer` has the `ticket`, or why it was `refused`. */
  constructor(page, settled) {
    this.prefix = `accueil.desk.${page}.`;
    this.settled = settled;
    this.unkept = new Map(); // where the browser keeps nothing
    this.sending = false;
    setInterval(() => this.send(), RETRY_MS);
    this.send();
  }

  get size() {
    return this.waiting().length;
  }

  /** Ask for something, and return the id of the wish. */
  put(wish) {
    const asked = { ...wish, id: makeId(), pressed_at: Date.now() };
    try {
      localStorage.setItem(this.prefix + asked.id, JSON.stringify(asked));
    } catch {
      this.unkept.set(asked.id, asked);
    }
    this.send();
    return asked.id;
  }

  /** Return what waits, in the order in which it was pressed. */
  waiting() {
    const kept = [];
    try {
      for (const key of Object.keys(localStorage)) {
        if (key.startsWith(this.prefix)) kept.push(JSON.parse(localStorage.getItem(key)));
      }
    } catch {
      // a browser that keeps nothing, or what is no wish of ours
    }
    return [...kept.filter(Boolean), ...this.unkept.values()].sort((one, other) => one.pressed_at - other.pressed_at);
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
    this.unkept.delete(id);
    try {
      localStorage.removeItem(this.prefix + id);
    } catch {
      // it was not kept there
    }
  }
}

/** Return the answer to a wish; null if it is to be asked again. */
async function post({ pressed_at: pressedAt, ...wish }) {
  const body = JSON.stringify({ ...wish, waited_ms: Math.max(0, Date.now() - pressedAt) });
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const response = await fetch("/api/actions", { method: "POST", headers: { "content-type": "application/json" }, body, signal });
    if (response.status >= 500 || AGAIN.includes(response.status)) return null;
    return await response.json();
  } catch {
    return null;
  }
}

/** Return what is going on at the desk; null if it does not answer. */
export async function ask() {
  try {
    const response = await fetch("/api/state", { signal: AbortSignal.timeout(TIMEOUT_MS) });
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
}

/** Return a random UUID: `crypto.randomUUID` is not there on pages without TLS. */
function makeId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
