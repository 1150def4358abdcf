// What is asked of the API, with the token that is kept in this tab alone.

const TOKEN = "accueil.token";
const TOUCHED = "accueil.touched_at";
const LANGUAGE = document.documentElement.lang;
const KIND = /^urn:accueil:problem:/;

/** What went wrong: `kind` is the last part of RFC 9457's type, or `network`. */
export class Trouble extends Error {
  constructor(kind, { title = "", detail = "", seconds = 0, fields = [] } = {}) {
    super(kind);
    Object.assign(this, { kind, title, detail, seconds, fields });
  }
}

/** An answer that came after the session in which it was asked for. */
export class Late extends Error {}

let session = new AbortController();

export const hasToken = () => sessionStorage.getItem(TOKEN) !== null;
export function keepToken(token) {
  sessionStorage.setItem(TOKEN, token);
  sessionStorage.setItem(TOUCHED, Date.now());
}

/** Forget the token, what was remembered in this tab, and whatever is still being asked. */
export function forget() {
  session.abort();
  session = new AbortController();
  sessionStorage.clear();
}

/** Return the answer. Raises `Trouble`, or `Late` if nobody waits for it any more. */
export const ask = (path, body) => fetchAs(path, body, (response) => response.json());

/** Return the file that is the answer, and its name. Raises the same. */
export const askFile = (path, body) => fetchAs(path, body, async (response) => {
  const found = /filename="([^"]+)"/.exec(response.headers.get("content-disposition") ?? ""); // a proxy may drop it
  return { name: found?.[1] ?? "export", file: await response.blob() };
});

async function fetchAs(path, body, read) {
  const { signal } = session;
  const headers = { authorization: `Bearer ${sessionStorage.getItem(TOKEN)}`, "accept-language": LANGUAGE };
  const request = { headers, signal, cache: "no-store", credentials: "omit", redirect: "error" };
  if (body) Object.assign(request, { method: "POST", body: JSON.stringify(body) });
  if (body) headers["content-type"] = "application/json";
  try {
    const response = await fetch(path, request);
    const answer = await (response.ok ? read(response) : response.json());
    if (signal.aborted) throw new Late();
    if (response.ok) return answer;
    throw new Trouble(answer.type.replace(KIND, ""), {
      title: answer.title,
      detail: answer.detail,
      seconds: Number(response.headers.get("retry-after") ?? 0),
      fields: (answer.errors ?? []).map(({ field }) => field),
    });
  } catch (error) {
    if (signal.aborted) throw new Late();
    throw error instanceof Trouble ? error : new Trouble("network");
  }
}

/** Call `end` once nobody has touched the page for `seconds`; also if the tab slept meanwhile, or was opened again. */
export function watch(seconds, end) {
  let isTouched = false;
  const touch = () => {
    isTouched = true;
  };
  const look = () => {
    if (!hasToken()) return;
    const isIdle = Date.now() - Number(sessionStorage.getItem(TOUCHED) ?? 0) >= 1000 * seconds;
    if (isIdle && !isTouched) end();
    else if (isTouched) sessionStorage.setItem(TOUCHED, Date.now());
    isTouched = false;
  };
  look();
  for (const kind of ["pointerdown", "pointermove", "keydown", "wheel"]) addEventListener(kind, touch, { passive: true });
  document.addEventListener("visibilitychange", look);
  setInterval(look, 1000);
}
