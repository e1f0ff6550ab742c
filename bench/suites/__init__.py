"""The suites that come with the package, as TOML files: what to attack with, read with and score with."""
