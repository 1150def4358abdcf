// The live stream: reconnects whatever happens, and notices silence that the browser does not report.

const RETRY_MS = 2000;

/** Call `onMessage` with each message of `/events`, for as long as the page is open. */
export function follow(onMessage, onLost) {
  const source = new EventSource("/events");
  source.onmessage = (event) => onMessage(JSON.parse(event.data));
  source.onerror = () => {
    onLost();
    // The browser tries again by itself after a broken connection, but gives up after an HTTP error (a proxy's 502).
    if (source.readyState === EventSource.CLOSED) setTimeout(() => follow(onMessage, onLost), RETRY_MS);
  };
}
