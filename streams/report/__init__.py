"""Reports of a day, a week, a month or a year, for the people who write about them: HTML for paper, XLSX and CSV for tables."""
