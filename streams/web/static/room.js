// How many items fit a view of the wall. Style sheets define the heights of parts in rem, unless the page scrolls.

import { $ } from "./page.js";

const SCROLLED = 8; // items on a page that scrolls
const FEWEST = 3;
const style = getComputedStyle(document.documentElement);
const height = (part) => Number(style.getPropertyValue(`--${part}-height`));

/** Return the height in rem below the title of a view and the parts named in `others`. */
export function roomBeside(...others) {
  const all = $("views").clientHeight / parseFloat(style.fontSize);
  return ["title", ...others].reduce((left, part) => left - height(part), all);
}

/** Return how many items of a part fit. */
export const countIn = (room, part) => (height(part) ? Math.max(FEWEST, Math.floor(room / height(part))) : SCROLLED);
