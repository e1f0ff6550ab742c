"""The measuring half: takes samples through labels, attacks, readers and detectors, and writes records."""
