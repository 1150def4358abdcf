"""The timeline's read model: entries and links in SQL, written once, looked up by citizen."""
