// The event stream: reconnects after any failure, and detects silence that the browser does not report.

const RETRY_MS = 2000;

/**
 * Call `onMessage` with each message of `/events` while the page is open, and `onLost` when messages stop: with "connection", or
 * with "crowded" if the server refuses further boards.
 */
export function follow(onMessage, onLost) {
  const source = new EventSource("/events");
  source.onmessage = (event) => onMessage(JSON.parse(event.data));
  source.onerror = () => {
    // The browser reconnects after a broken connection, but not after an HTTP error (502 of a proxy, 503 of the server).
    if (source.readyState !== EventSource.CLOSED) return onLost("connection");
    const answered = ({ ok }) => onLost(ok ? "crowded" : "connection");
    fetch("/api/board", { cache: "no-store" }).then(answered, () => onLost("connection"));
    setTimeout(() => follow(onMessage, onLost), RETRY_MS);
  };
}
