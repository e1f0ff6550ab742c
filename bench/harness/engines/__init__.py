"""Engines: how the tasks of a plan are spread over processors. Each takes a function and tasks, and yields results."""
