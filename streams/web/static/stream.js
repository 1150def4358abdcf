// The live stream: reconnects whatever happens, and notices silence that the browser does not report.

const RETRY_MS = 2000;

/**
 * Call `onMessage` with each message of `/events`, for as long as the page is open, and `onLost` when there is none: with
 * "connection", or "crowded" if the server is well but takes no more boards.
 */
export function follow(onMessage, onLost) {
  const source = new EventSource("/events");
  source.onmessage = (event) => onMessage(JSON.parse(event.data));
  source.onerror = () => {
    // The browser tries again by itself after a broken connection, but gives up after an HTTP error (a proxy's 502, our 503).
    if (source.readyState !== EventSource.CLOSED) return onLost("connection");
    const answered = ({ ok }) => onLost(ok ? "crowded" : "connection");
    fetch("/api/board", { cache: "no-store" }).then(answered, () => onLost("connection"));
    setTimeout(() => follow(onMessage, onLost), RETRY_MS);
  };
}
