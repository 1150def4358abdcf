// How much finds room in a view of the wall. How high its parts are, style sheets say, in rem; where the page scrolls they say nothing.

import { $ } from "./page.js";

const SCROLLED = 8; // so many stand on a page that scrolls
const FEWEST = 3;
const style = getComputedStyle(document.documentElement);
const height = (part) => Number(style.getPropertyValue(`--${part}-height`));

/** Return how many rem there are below the title of a view, and below `others`, the names of further parts. */
export function roomBeside(...others) {
  const all = $("views").clientHeight / parseFloat(style.fontSize);
  return ["title", ...others].reduce((left, part) => left - height(part), all);
}

/** Return how many of a part find room. */
export const countIn = (room, part) => (height(part) ? Math.max(FEWEST, Math.floor(room / height(part))) : SCROLLED);
