// Levels of figures. Each level has a word and a symbol, never a colour alone.

import { share } from "./format.js";

export const NORMAL = 0;
export const ATTENTION = 1;
export const ACTION = 2;
export const NAMES = ["normal", "attention", "action"];
export const SYMBOLS = ["●", "▲", "■"];

// Minimum number of contacts for marking a share.
export const SMALLEST_SAMPLE = 10;

/** Return the level of `value`, normal for null; if `action` is below `attention`, low values are bad. */
export function levelOf(value, { attention, action }) {
  if (value === null) return NORMAL;
  const reached = action < attention ? (limit) => value < limit : (limit) => value >= limit;
  return reached(action) ? ACTION : reached(attention) ? ATTENTION : NORMAL;
}

export function mark(element, level) {
  const name = NAMES[level];
  if (element.dataset.level !== name) element.dataset.level = name;
}

export const isSmall = (ratio) => ratio.denominator < SMALLEST_SAMPLE;

export function levelOfShare(ratio, thresholds) {
  return isSmall(ratio) ? NORMAL : levelOf(share(ratio), thresholds);
}
