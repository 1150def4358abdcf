// Requests to the API, with the token that is stored in this tab only.

const TOKEN = "accueil.token";
const TOUCHED = "accueil.touched_at";
const LANGUAGE = document.documentElement.lang;
const KIND = /^urn:accueil:problem:/;

/** An error answer: `kind` is the last part of RFC 9457's type, or `network`. */
export class ApiError extends Error {
  constructor(kind, { title = "", detail = "", seconds = 0, fields = [] } = {}) {
    super(kind);
    Object.assign(this, { kind, title, detail, seconds, fields });
  }
}

/** An answer that arrived after its session had ended. */
export class SessionEnded extends Error {}

let session = new AbortController();

export const hasToken = () => sessionStorage.getItem(TOKEN) !== null;
export function keepToken(token) {
  sessionStorage.setItem(TOKEN, token);
  sessionStorage.setItem(TOUCHED, Date.now());
}

/** Delete the token and all data of this tab, and abort pending requests. */
export function forget() {
  session.abort();
  session = new AbortController();
  sessionStorage.clear();
}

/** Return the answer. Raises `ApiError`, or `SessionEnded` if the session has ended. */
export const request = (path, body) => fetchAs(path, body, (response) => response.json());

/** Return the answered file and its name. Raises as `request` does. */
export const requestFile = (path, body) => fetchAs(path, body, async (response) => {
  const found = /filename="([^"]+)"/.exec(response.headers.get("content-disposition") ?? ""); // a proxy may remove the header
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
    if (signal.aborted) throw new SessionEnded();
    if (response.ok) return answer;
    throw new ApiError(answer.type.replace(KIND, ""), {
      title: answer.title,
      detail: answer.detail,
      seconds: Number(response.headers.get("retry-after") ?? 0),
      fields: (answer.errors ?? []).map(({ field }) => field),
    });
  } catch (error) {
    if (signal.aborted) throw new SessionEnded();
    throw error instanceof ApiError ? error : new ApiError("network");
  }
}

/** Call `end` after `seconds` without user input, also if the tab was suspended or reopened in between. */
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
