// Dark or light theme, from the system or the user's choice, applied before the page is drawn.

{
  const CHOICE = "theme";
  const light = matchMedia("(prefers-color-scheme: light)");
  const chosen = () => localStorage.getItem(CHOICE) ?? "system";
  const paint = (name) => {
    document.documentElement.dataset.theme = name === "system" ? (light.matches ? "light" : "dark") : name;
  };

  paint(chosen());
  light.addEventListener("change", () => paint(chosen()));
  addEventListener("beforeprint", () => paint("light"));
  addEventListener("afterprint", () => paint(chosen()));
  document.addEventListener("DOMContentLoaded", () => {
    const select = document.getElementById("theme");
    select.value = chosen();
    select.addEventListener("change", () => {
      localStorage.setItem(CHOICE, select.value);
      paint(select.value);
    });
  });
}
