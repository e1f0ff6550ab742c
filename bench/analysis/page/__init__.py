"""The report as one HTML page: its tables, charts and script."""
