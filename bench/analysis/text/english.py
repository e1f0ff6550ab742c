"""The report in English: headings, leads, and the sentences of its summary."""

from __future__ import annotations

PROSE = {
    # page
    "title": "washtest: {suite} on {dataset}",
    "tagline": "Does the label survive the wash?",
    "skip": "Skip to the summary",
    "contents": "Contents",
    "language": "Language",
    "unfinished": "This run is unfinished: {done} of {planned} planned views are measured. Numbers will change.",
    "star": "* simulated channel: see Method and evidence.",
    "nav_summary": "Summary",
    "nav_labels": "Labels",
    "nav_watermarks": "Watermarks",
    "nav_detectors": "Detectors",
    "nav_policy": "Platform",
    "nav_thresholds": "Thresholds",
    "nav_coverage": "Coverage and failures",
    "nav_method": "Method and evidence",
    "fact_samples": "test files",
    "fact_attacks": "attacks",
    "fact_labels": "labels",
    "fact_watermarks": "watermarks",
    "fact_detectors": "detectors",
    "fact_views": "views measured",
    "meta_suite": "Suite",
    "meta_dataset": "Data set",
    "meta_samples": "Samples",
    "meta_seed": "Seed",
    "meta_version": "washtest",
    "meta_commit": "Commit",
    "meta_dirty": "with uncommitted changes",
    "meta_started": "Started",
    "meta_finished": "Finished",
    "meta_command": "Command",
    "meta_versions": "Versions",
    "meta_machine": "Machine",
    "not_finished": "not finished",
    "truth_human": "human",
    "truth_ai": "AI",
    "truth_ai_edited": "AI-edited",
    # summary
    "summary": "Summary",
    "summary_lead": "In plain words, most important first. Square brackets hold 95 % intervals.",
    "charts_note": "Under each chart stands what it shows; its numbers are in the tables.",
    "summary_none": "The records hold nothing to judge yet.",
    "kind_warning": "Caution",
    "kind_label": "Label",
    "kind_watermark": "Watermark",
    "kind_detector": "Detector",
    "kind_policy": "Platform",
    "kind_gap": "Gap",
    "bias": "{detector} may be reading file formats, not pictures ({regime}): a baseline that sees no pixels reaches "
    "AUC {header}, {detector} {auc} on {n_human} human and {n_ai} AI files, unattacked.",
    "guessing": "{detector} is no better than the baseline that sees no pixels ({regime}): AUC {auc} against {header} "
    "on {n_human} human and {n_ai} AI files, unattacked.",
    "no_baseline": "The run has no header baseline, so nothing says how far file formats alone would get: add "
    "--detector header.",
    "holds_best": "Of {ranked} detectors, {best} misses fewest AI files ({regime}), on average over attack families "
    "and at frozen thresholds, and no other may rank first; next is {second}. {n} families of AI files.",
    "hold_alike": "Which of {ranked} detectors misses fewest AI files the data cannot tell ({regime}). Any of these "
    "may: {names} of AI files missed, on average over attack families and at frozen thresholds. {n} families of AI "
    "files.",
    "also_flags": "Human files flagged under the same attacks: {names}.",
    "subgroup_gap": "{detector} wrongly flags human files of one {kind} more often than of another ({regime}), "
    "untouched: {gap} points between {between}, of {n_human} human files.",
    "gap_source": "source",
    "gap_group": "subgroup",
    "drift": "The threshold of {detector} does not hold on untouched test files ({regime}): set for at most {alpha} % "
    "false positives on {n_calibration} calibration files, it flags {fpr} of {n_human}.",
    "clean_loss": "{label} does not read back from every untouched file: {k} of {n} intact, {rate}.",
    "false_declaration": "{label} is found on human files that were given none: {k} of {n} after {attack}, {rate}.",
    "no_false_declaration": "No reader found a label on human files that were given none: 0 of {n} after each attack, "
    "at most {high} %.",
    "wiped": "{k} of {total} attacks leave no label intact in any file.",
    "wiped_none": "Each of the {total} attacks leaves at least one label intact in some files.",
    "best": "{label} survives best: intact in {mean} % of files, averaged over {total} attacks; "
    "after {attack}, its best, {rate} of {n}.",
    "worst": "{label} survives worst: intact in {mean} % of files, averaged over {total} attacks; "
    "after {attack}, its worst, {rate} of {n}.",
    "only": "{label} is intact in {mean} % of files, averaged over {total} attacks: at best after {attack}, {rate} "
    "of {n}; at worst after {attack_worst}, {rate_worst} of {n_worst}.",
    "tie": "The {count} labels survive equally: intact in {mean} % of files, averaged over {total} attacks; at best "
    "after {attack}, {rate} of {n}.",
    "carrier": "After {attack}, {label} depends on the carrier: intact in {rate} of {n} {carrier} files, in "
    "{rate_worst} of {n_worst} {carrier_worst} files.",
    "gone": "{label} is intact after none of the {total} attacks: 0 of {n} files each, at most {high} %.",
    "altered": "After {attack}, {label} is intact in {survived} but still declares AI in {declares} of {n} files.",
    "marks_clean": "{watermark}: {bits} of the bits read back from untouched marked files, {detected} of {n} are "
    "detected.",
    "marks_chance": "{k} of {total} attacks bring the bits to chance, 50 %, or below: {attacks}.",
    "marks_no_chance": "None of the {total} attacks brings the bits to chance, 50 %.",
    "marks_worst": "Of the others {attack} costs most: {bits} of the bits, {detected} of {n} detected.",
    "marks_worst_of_all": "At worst, after {attack}, {bits} of the bits read back, {detected} of {n} are detected.",
    "marks_dead": "{watermark} does not read back from untouched marked files: {bits} of the bits of {n} files, where "
    "chance gives 50 %.",
    "marks_few": "{watermark}: too few marked test files for a rate ({n}).",
    "marks_false": "{watermark} is detected in human files that carry no mark more often than the {nominal} % that its "
    "p-value promises, after {k} of {total} attacks; most often after {attack}, in {rate} of {n}.",
    "marks_true": "No watermark is detected in unmarked human files more often than the {nominal} % promised, beyond "
    "chance; the data allow most for {watermark} after {attack}, {rate} of {n}.",
    "repeats": "{detector} does not repeat itself: asked twice more about the same file, it answered differently for "
    "{k} of {n} files, {told}. Its figures are of one answer to each file, and another run gives others.",
    "repeats_by": "by up to {most}",
    "repeats_none": "not always with a score",
    "and_more": "{names} and {more} more",
    "sentence_joint": " ",
    "list_joint": ", ",
    "clean_errors": "{detector} ({regime}, {threshold}): on untouched files it misses {fnr} of {n_ai} AI files and "
    "flags {fpr} of {n_human} human ones.",
    "worst_misses": "At worst it misses {rate} of {n}, after {attack}.",
    "worst_flags": "At worst it flags {rate} of {n} human files, after {attack}.",
    "policy_forged": "Forged labels pass: after {k} of {total} attacks a platform that believes labels shows human "
    "files as confirmed AI; most often after {attack}, {rate} of {n}.",
    "policy_labels": "By labels alone, a platform that follows the 2025 Labelling Measures gives no notice to "
    "{clean} of {n} untouched AI files, and at worst, after {attack}, to {worst} of {n_worst}, if {declared} % of "
    "authors declare, as assumed.",
    "policy_fallback": "With {detector} as fallback ({threshold}) it gives none to {clean} of {n} untouched AI "
    "files, and at worst, after {attack}, to {worst} of {n_worst}.",
    "policy_best": "With {detector} as fallback ({threshold}), which errs least averaged over attacks and both "
    "classes, it gives none to {clean} of {n} untouched AI files, and at worst, after {attack}, to {worst} of "
    "{n_worst}.",
    "policy_flags": "It puts a notice on {rate} of {n} human files at worst, after {attack}.",
    "at_alpha": "threshold frozen at {alpha} % FPR",
    "at_default": "the vendor's threshold",
    "refused": "No threshold at {alpha} % FPR for {detectors}: it takes {needed} human calibration scores, there are "
    "{n}.",
    "all_detectors": "any detector",
    "too_few": "{detector}: too few test files for a rate ({n_human} human, {n_ai} AI).",
    "missing_cells": "{missing} of {planned} planned views, readings and scores are not in the records.",
    "failed_cells": "{k} views, readings and scores failed; each has its code under Coverage and failures.",
    "unavailable_cells": "{subject} could not run on this machine in {k} of {n} cases, which do not count against it.",
    # labels
    "labels": "What is left of the labels",
    "labels_lead": "A label is written into every AI and AI-edited file whose format carries it, then the file is "
    "attacked and read again. A bundle is what was written into one file together. Intact: every mandatory field "
    "equals what was written. Still declares: intact, or altered in a field. Rates leave out formats that cannot carry "
    "the label and readers missing on this machine; errors count against the label. Native regime, test split.",
    "labels_none": "No label was written into any test file of this run.",
    "false_none": "No reader declared any of the human files: 0 declarations in {n} readings.",
    # watermarks
    "marks": "What is left of the watermarks",
    "marks_lead": "A watermark carries a random message, another one in every file, and is read back after the attack. "
    "Bits: the mean share of the message that reads back, with Student's t interval over files; a file without a mark "
    "gives 50 % by chance, less means that an attack inverts bits. Detected: so many bits agree that a fair coin would "
    "do it in {nominal} % of files. But decoded bits are no fair coins: many decoders give nearly the same bits for "
    "every file, and an attack may push them all one way. So false detections are measured, on human files that carry "
    "no mark, after the same attack; where they lie above {nominal} %, read the detections beside them with as much "
    "doubt. A reading that failed detects nothing. Native regime, test split.",
    # detectors
    "detectors": "How detectors err",
    "detectors_lead": "Thresholds are frozen on clean human files of the calibration split and never set again per "
    "attack. False positives are flagged human files, misses are AI files not flagged; a file without a score is not "
    "flagged. Beside each detector stands the AUC of the header baseline, which sees format, size and JPEG quality but "
    "no pixels: a detector that is no better may have learnt the same. Native: files as they came. Canonical: every "
    "file through the same decoder, size policy and encoder first.",
    "detectors_none": "No detector scored any test file of this run.",
    "reads_pixels": "reads pixels",
    "reads_file": "reads the file, not its pixels",
    "reads_both": "reads the file and its pixels",
    "version": "version {version}",
    "trained": "fitted on {n_human} human and {n_ai} AI files ({regime})",
    "unavailable_detector": "unavailable on this machine: {why}",
    "no_threshold": "No threshold: {why}.",
    "baseline_note": "Caution: a baseline that sees no pixels reaches AUC {header} on untouched files, this detector "
    "{auc}",
    # policy
    "policy": "What a platform would show",
    "policy_lead": "The 2025 Labelling Measures (article 6) have a platform look at a post in this order. Confirmed: "
    "its metadata holds a label that declares AI and is not broken. Declared: no such label, but the author declares "
    "it, as an assumed share of the authors of AI files does and no author of human ones. Suspected: neither, but "
    "the fallback detector flags it at its frozen threshold, or traces of a label are left. Everything else gets no "
    "notice: unlabelled, or unknown where evidence failed. Forged counts human files confirmed by a label that "
    "somebody put there. Native regime, test split; washtest policy turns these rates into posts a day.",
    "policy_with": "With {detector} as fallback: {threshold}",
    "policy_alone": "By labels alone",
    "verdict_confirmed": "confirmed",
    "verdict_declared": "declared",
    "verdict_suspected": "suspected",
    "verdict_silent": "no notice",
    # thresholds
    "thresholds": "Thresholds",
    "thresholds_lead": "Flagged means score > threshold. The smallest threshold is taken whose false-positive rate on "
    "the calibration files is at most the one asked for; scores that tie with it are never flagged.",
    # coverage
    "coverage": "Coverage and failures",
    "coverage_lead": "Test split. Planned minus all others is what is not in the records. A reader that is not "
    "available on this machine is no failure.",
    "failures_none": "Nothing failed.",
    # method
    "method": "Method and evidence",
    "method_intervals": "Intervals are 95 %: Clopper-Pearson where events or non-events are fewer than five, Wilson "
    "elsewhere; for AUC DeLong on the logit scale, Newcombe where its variance vanishes. Cells with fewer than {n} "
    "files show no rate.",
    "method_channels": "{real} of {total} attacks went through the tool they name, {simulated} are simulations of it.",
    "method_unmeasured": "Not measured here: the platforms' own upload paths, devices and applications other than "
    "those named above, and generators and cameras other than the data set's. A simulated channel says what its "
    "simulation does to a file, and no more.",
    "method_aligned": "A rate holds for these files. Files of one source resemble each other, so a pooled rate is as "
    "broad as its sources; the macro mean in tables/detector_errors.csv counts each source once.",
    "warnings": "Warnings of the run",
    "js_filter": "Filter rows",
    "js_shown": "{0} of {1} rows",
    "footer": "Made by washtest {version} from the records of this run. The same records give the same page.",
}
