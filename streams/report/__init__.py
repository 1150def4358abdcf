"""Activity reports of a day, week, month or year as HTML, XLSX or CSV, and the queue forecast. May import `streams.web`."""
