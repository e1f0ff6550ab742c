"""The judging half: pure functions of the records, from tables to charts to the report."""
