"""How fast, how soon, how steadily: what is measured, and how, is in README.md."""
