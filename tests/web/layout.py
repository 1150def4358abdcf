"""Scripts that measure the layout of the board: free room, font sizes, focus, folds, tables and definitions."""

OVERFLOW = """
const page = document.documentElement;
const beyond = (box) => [box.scrollWidth - box.clientWidth, box.scrollHeight - box.clientHeight];
const boxes = [...document.querySelectorAll("main > section, .tile")].filter((box) => box.checkVisibility());
const cut = boxes.filter((box) => box.scrollHeight > box.clientHeight + 1);
const scrolls = [...document.querySelectorAll(".scroll")].filter((box) => box.checkVisibility());
return [page.scrollWidth, page.scrollHeight, ...scrolls.flatMap(beyond), cut.length];
"""
SMALLEST_FONT = """
return Math.min(...[...document.querySelectorAll("td")].map((cell) => parseFloat(getComputedStyle(cell).fontSize)));
"""
UNFOLD_ROWS = """
document.querySelectorAll('.fold[aria-expanded="false"]').forEach((button) => button.click());
"""
FOCUSED = """
const element = document.activeElement;
const name = element.getAttribute("aria-labelledby") || element.className || element.getAttribute("href");
return name || element.localName;
"""
TABLE_STRUCTURE = """
const tables = [...document.querySelectorAll("table")].filter((table) => table.checkVisibility());
return tables.map((table) => {
  const shown = (row) => [...row.children].filter((cell) => getComputedStyle(cell).display !== "none");
  const width = (row) => shown(row).reduce((sum, cell) => sum + cell.colSpan, 0);
  const widths = new Set([...table.rows].map(width));
  const roles = [...table.querySelectorAll("tr, th, td, thead, tbody")].filter((e) => !e.getAttribute("role")).length;
  const headless = [...table.querySelectorAll("tbody tr")].filter((row) => !row.querySelector("th[scope]")).length;
  return [widths.size, roles, headless];
});
"""
VISIBLE_RULES = """
return [...document.querySelectorAll(".rules p")].filter((rule) => rule.checkVisibility()).map((rule) => {
  const { top, bottom } = rule.getBoundingClientRect();
  return [rule.textContent, top, bottom];
});
"""
