"""Neural models as data: pinned weights, run by onnxruntime, for labels, attacks and detectors alike."""
