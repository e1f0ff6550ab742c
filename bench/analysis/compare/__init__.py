"""Two runs, or the detectors of one, side by side."""
