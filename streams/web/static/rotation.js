// Rotation of the pages of the wall. Users pause it, or turn pages, by key or click.

export class Rotation {
  constructor(seconds, onTurn) {
    this.seconds = seconds;
    this.onTurn = onTurn;
    this.pages = []; // keys of the pages, in order
    this.index = 0;
    this.elapsed = 0; // seconds that the current page has been shown
    this.isPaused = false;
  }

  get key() {
    return this.pages[this.index];
  }

  /** Set the current list of pages; the page shown stays, or the next one takes its place. */
  take(keys) {
    const next = keys.includes(this.key) ? keys.indexOf(this.key) : Math.min(this.index, Math.max(0, keys.length - 1));
    const isOther = keys[next] !== this.key;
    this.pages = keys;
    this.index = next;
    if (isOther) this.elapsed = 0;
  }

  /** Add elapsed time; pages do not turn while paused or held (`isHeld`), as by an open panel. */
  pass(seconds, isHeld) {
    if (this.isPaused || isHeld || this.pages.length < 2) return;
    this.elapsed += seconds;
    if (this.elapsed >= this.seconds) this.turn(1);
  }

  turn(by) {
    if (!this.pages.length) return;
    this.index = (this.index + by + this.pages.length) % this.pages.length;
    this.elapsed = 0;
    this.onTurn();
  }

  /** Return the elapsed share of the time of this page, from 0 to 1. */
  get part() {
    return this.pages.length < 2 ? 0 : Math.min(1, this.elapsed / this.seconds);
  }
}
