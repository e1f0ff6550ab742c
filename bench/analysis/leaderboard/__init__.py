"""Two boards over all published runs: what labels outlive, and how detectors err. Only like is set beside like."""
