"""What the report says of each chart to those who do not see it, and the words around the comparison charts."""

CHARTS_EN = {
    "chart_label_survival": "Heat map of label survival by attack and carrier format; the table below holds the same "
    "numbers.",
    "chart_watermark_survival": "Heat map of watermarks by attack: bits read back, files detected, false detections; "
    "the table below holds the same numbers.",
    "chart_severity": "Error rates of {subject} against attack severity; the tables below hold the same numbers.",
    "chart_edited_by_area": "How often {subject} flags AI-edited files against their edited area, beside fully AI "
    "and human files; the tables below hold the same numbers.",
    "chart_policy": "Shares of AI and of human files that a platform would show as confirmed, declared, suspected or "
    "unlabelled, per attack; the table below holds the same numbers.",
    "chart_roc": "ROC curves of {subject} before and after the most damaging attacks.",
    "chart_det": "DET curves of {subject}, misses against false positives on normal-deviate axes, before and after the "
    "most damaging attacks.",
    "chart_matrix": "Misses and false positives of every detector under every attack, with marks where the attack "
    "changes them; tables/detector_errors.csv and tables/attack_effects.csv hold the same numbers.",
    "chart_controls": "What attacks that use a model leave of labels and detectors, beside the same detour without the "
    "model.",
    "chart_ranks": "Detectors ranked by the area under their misses, with intervals; tables/robustness.csv holds the "
    "same numbers.",
    "chart_slope": "Misses of every detector on untouched files, over all attacks and under its worst attack; "
    "tables/robustness.csv holds the same numbers.",
    "chart_distributions": "Scores of {subject} on human and AI files, untouched and under the attacks that harm it "
    "most, with the frozen threshold.",
    "chart_quality": "Detection by {subject} against the picture quality that each attack leaves, PSNR and SSIM.",
    "chart_subgroups": "False positives of {subject} by source of the human files, with the gap between them; "
    "tables/subgroup_fpr.csv holds the same numbers.",
    "chart_calibration": "Share of AI files against the probability that {subject} gives; tables/calibration.csv holds "
    "the same numbers.",
}
