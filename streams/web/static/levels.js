// How pressing a figure is: never told by colour alone, always by a word and a symbol too.

import { share } from "./format.js";

export const NORMAL = 0;
export const ATTENTION = 1;
export const ACTION = 2;
export const NAMES = ["normal", "attention", "action"];
export const SYMBOLS = ["●", "▲", "■"];

// A share of fewer contacts than this says too little to alarm anybody.
export const SMALLEST_SAMPLE = 10;

/** Return the level of `value`; with `action` below `attention`, low values are the bad ones. */
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
