"""The summary's sentences: what is worth one, with its n and its interval."""

from __future__ import annotations

import pytest
from made_up_runs import Sample, Spec, chance, detector, people

from bench.analysis import tables
from bench.analysis.findings import findings
from bench.analysis.text import speaker
from bench.analysis.text.wording import whole


def said(run) -> list[str]:
    return [finding.text.replace("\u00a0", " ") for finding in findings(run, tables.make(run), speaker())]


def test_a_detector_that_the_header_baseline_matches_is_under_suspicion(make_run):
    def score(name, sample, attack, regime):
        gap = 3 if name == "header" or regime == "native" else 0
        return chance(name, sample.id, regime).normal(gap * (sample.truth == "ai"))

    entries = [detector("d"), detector("header", reads="file")]
    run = make_run(
        Spec(people(40, 40, calibration=20), detectors=entries, score=score, regimes=("native", "canonical"))
    )
    found = said(run)
    assert found[0].startswith("d may be reading file formats, not pictures (native)")
    assert found[1].startswith("d may be reading file formats, not pictures (canonical)")
    assert not any("header may be" in text for text in found)


def test_a_detector_that_beats_the_baseline_is_not(make_run):
    entries = [detector("d"), detector("header", reads="file")]
    run = make_run(
        Spec(people(40, 40, calibration=20), detectors=entries,
             score=lambda n, s, a, r: s.truth == "ai" if n == "d" else chance(s.id).random())
    )  # fmt: skip
    assert not any("pixels" in text for text in said(run))


def test_a_run_without_the_baseline_says_so(make_run):
    without = said(make_run(Spec(people(12, 12, calibration=20), detectors=[detector("d")])))
    assert any("no header baseline" in text for text in without)
    label = said(make_run(Spec(people(12, 12), detectors=[detector("declared", reads="file")])))
    assert not any("no header baseline" in text for text in label)


def test_best_and_worst_label_are_named_with_n_and_interval(make_run):
    def read(label, sample, attack):
        return "intact" if label == "iptc" or attack == "Identity()" else "absent"

    found = said(make_run(Spec(people(0, 20), labels=[("gb45438", "xmp"), ("iptc", "xmp")], read=read)))
    assert "iptc (xmp) survives best: intact in 100 % of files, averaged over 3 attacks; after Jpeg(quality=90), " \
        "its best, 100 % [83, 100] of 20." in found  # fmt: skip
    assert "gb45438 (xmp) is intact after none of the 3 attacks: 0 of 20 files each, at most 17 %." in found


def test_labels_that_fare_alike_are_not_ranked(make_run):
    def read(label, sample, attack):
        return "intact" if "90" in attack or attack == "Identity()" else "absent"

    found = said(make_run(Spec(people(0, 20), labels=[("gb45438", "xmp"), ("iptc", "xmp")], read=read)))
    assert "2 of 3 attacks leave no label intact in any file." in found
    assert any(text.startswith("The 2 labels survive equally: intact in 33 % of files") for text in found)
    assert not any("survives" in text for text in found)


def test_a_label_whose_fate_hangs_on_the_carrier_is_told(make_run):
    samples = [Sample(f"a{i}", "ai", mime=f"image/{'png' if i < 8 else 'jpeg'}") for i in range(20)]

    def read(label, sample, attack):
        return "intact" if attack == "Identity()" or ("90" in attack and sample.mime == "image/jpeg") else "absent"

    found = said(make_run(Spec(samples, labels=[("iptc", "xmp")], read=read)))
    assert (
        "After Jpeg(quality=90), iptc (xmp) depends on the carrier: intact in 100 % [74, 100] of 12 JPEG files, "
        "in 0 % [0, 37] of 8 PNG files."
    ) in found


def test_a_threshold_that_does_not_hold_on_clean_files_is_a_caution(make_run):
    def score(name, sample, attack, regime):
        return float(sample.split == "test" and int(sample.id[1:]) % 2)

    found = said(make_run(Spec(people(40, 40, calibration=20), detectors=[detector("d")], score=score)))
    assert (
        "The threshold of d does not hold on untouched test files (native): set for at most 5 % false positives on "
        "20 calibration files, it flags 50 % [35, 65] of 40."
    ) in found


def test_a_label_lost_from_untouched_files_comes_first(make_run):
    run = make_run(
        Spec(people(0, 20), labels=[("iptc", "xmp")], read=lambda n, s, a: "absent" if s.id < "a0002" else "intact")
    )
    assert said(run)[0].startswith("iptc (xmp) does not read back from every untouched file: 18 of 20 intact")


def test_a_label_that_is_altered_but_declares_is_told(make_run):
    run = make_run(Spec(people(0, 20), labels=[("iptc", "xmp")], read=lambda n, s, a: "altered"))
    assert any("is intact in 0 % [0, 17] but still declares AI in 100 % [83, 100] of 20" in text for text in said(run))


def test_false_declarations_are_a_caution(make_run):
    run = make_run(
        Spec(
            people(20, 20),
            labels=[("iptc", "xmp")],
            read=lambda n, s, a: "present" if s.id == "h0000" else "absent",
        )
    )
    found = said(run)
    assert "iptc (xmp) is found on human files that were given none: 1 of 20 after Identity(), 5 % [0.1, 25]." in found


def test_clean_and_worst_errors_are_told_per_regime(make_run):
    def score(name, sample, attack, regime):
        return float(sample.truth == "ai" and "50" not in attack)

    found = said(make_run(Spec(people(20, 20, calibration=20), detectors=[detector("d")], score=score)))
    assert (
        "d (native, threshold frozen at 5 % FPR): on untouched files it misses 0 % [0, 17] of 20 AI files and "
        "flags 0 % [0, 17] of 20 human ones. At worst it misses 100 % [83, 100] of 20, after Jpeg(quality=50)."
    ) in found


def test_watermarks_are_told_with_what_brings_them_to_chance(make_run):
    def bits(label, sample, attack):
        if sample.truth == "human":
            return 16
        return {"Identity()": 32, "Jpeg(quality=90)": 24}.get(attack, 15 + 2 * (int(sample.id[1:]) % 2))

    run = make_run(Spec(people(20, 20), bundles={"m": [("m", "x")]}, kinds={"m": "watermark"}, bits=bits))
    assert (
        "m: 100 % [100, 100] of the bits read back from untouched marked files, 100 % [83, 100] of 20 are "
        "detected. 2 of 3 attacks bring the bits to chance, 50 %, or below: Jpeg(quality=50), Screenshot(). Of the "
        "others Jpeg(quality=90) costs most: 75 % [75, 75] of the bits, 100 % [83, 100] of 20 detected."
    ) in said(run)
    assert (
        "No watermark is detected in unmarked human files more often than the 1 % promised, beyond chance; the "
        "data allow most for m after Identity(), 0 % [0, 17] of 20."
    ) in said(run)


def test_false_detections_above_the_promised_rate_are_a_caution(make_run):
    def bits(label, sample, attack):
        return 30 if sample.truth != "human" or (sample.id < "h0008" and attack == "Screenshot()") else 16

    both = {"m": [("m", "x")], "profile": [("m", "x")]}
    found = said(make_run(Spec(people(20, 20), bundles=both, kinds={"m": "watermark"}, bits=bits)))
    assert found[0] == (
        "m is detected in human files that carry no mark more often than the 1 % that its p-value promises, after "
        "1 of 4 attacks; most often after Screenshot(), in 40 % [22, 61] of 20."
    )
    assert not any("No watermark is detected" in text for text in found)
    assert [sum(text.startswith(start) for text in found) for start in ("m is", "m: ", "m · profile: ")] == [
        1,
        1,
        1,
    ]
    assert any("None of the 3 attacks brings the bits to chance" in text for text in found)


def test_a_watermark_that_does_not_read_back_untouched_is_a_caution(make_run):
    run = make_run(Spec(people(0, 20), bundles={"m": [("m", "x")]}, kinds={"m": "watermark"}, bits=lambda *_: 16))
    assert said(run)[0].startswith("m does not read back from untouched marked files: 50 % [50, 50]")
    few = make_run(Spec(people(0, 5), bundles={"m": [("m", "x")]}, kinds={"m": "watermark"}), "few")
    assert "m: too few marked test files for a rate (5)." in said(few)


def test_of_many_labels_only_the_largest_gaps_are_told(make_run):
    labels = [(f"l{i}", "x") for i in range(7)]
    run = make_run(Spec(people(0, 20), labels=labels, read=lambda *_: "altered"))
    assert sum("but still declares" in text for text in said(run)) == 4


def test_a_label_in_two_bundles_is_told_with_its_bundle(make_run):
    bundles = {"like": [("iptc", "xmp")]}
    found = said(make_run(Spec(people(0, 20), labels=[("iptc", "xmp")], bundles=bundles, read=lambda *_: "absent")))
    assert [text.split(" does not")[0] for text in found[:2]] == ["iptc (xmp)", "iptc (xmp) · like"]


def test_gaps_are_told(make_run):
    def score(name, sample, attack, regime):
        return "unavailable" if name == "gone" else float(sample.truth == "ai")

    more = {"planned": [{"kind": "detector", "subject": "gone", "attack": "Identity()", "regime": "native", "n": 50}]}
    run = make_run(
        Spec(people(12, 12, calibration=30), detectors=[detector("d"), detector("gone")], score=score, header=more)
    )
    found = said(run)
    assert "No threshold at 1 % FPR for any detector: it takes 100 human calibration scores, there are 0-30." in found
    assert "26 of 50 planned views, readings and scores are not in the records." in found
    assert any(text.startswith("gone could not run on this machine in 96 of 50") for text in found)


def test_an_empty_run_has_nothing_to_say(make_run):
    assert said(make_run(Spec([]))) == []


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0"), (1, "1"), (0.004, "0.4"), (0.0001, "<0.1"), (0.996, "99.6"), (0.99999, ">99.9"), (0.5, "50")],
)
def test_percentages_never_round_to_none_or_all(share, text):
    assert whole(share) == ("100" if share == 1 else text)


def test_the_detector_that_holds_out_best_is_named_where_the_data_can_tell(make_run):
    def score(name, sample, attack, regime):
        return float(sample.truth == "ai" and (name == "good" or "Jpeg" not in attack))

    run = make_run(Spec(people(30, 30, calibration=20), detectors=[detector("bad"), detector("good")], score=score))
    (text,) = [text for text in said(run) if "misses fewest" in text]
    rows = tables.make(run, ["robustness"])["robustness"].query("attack_family == '*'").set_index("detector")
    assert text.startswith("Of 2 detectors, good 0 % [0, ")
    assert f"next is bad {whole(rows.loc['bad', 'area'])} %" in text and "30 families of AI files." in text
    assert text.endswith("Human files flagged under the same attacks: good 0 % [0, 12].")


def test_detectors_that_cannot_be_told_apart_are_named_together(make_run):
    run = make_run(Spec(people(30, 30, calibration=20), detectors=[detector("a"), detector("b")],
                        score=lambda n, s, a, r: float(s.truth == "ai" and "Jpeg" not in a)))  # fmt: skip
    (text,) = [text for text in said(run) if "misses fewest" in text]
    assert text.startswith(
        "Which of 2 detectors misses fewest AI files the data cannot tell (native). Any of these may: a "
    )


@pytest.mark.parametrize("flagged", [0.0, 1.0])
def test_sources_that_are_wrongly_flagged_more_often_are_a_caution(make_run, flagged):
    samples = [*people(0, 12, calibration=40)]
    samples += [Sample(f"{name}{i}", "human", name) for name in ("phone", "museum") for i in range(40)]

    def score(name, sample, attack, regime):
        return flagged * (sample.source == "museum" and sample.split == "test")

    found = [
        text for text in said(make_run(Spec(samples, detectors=[detector("d")], score=score))) if "wrongly" in text
    ]
    assert len(found) == bool(flagged)
    if found:
        assert found[0].startswith("d wrongly flags human files of one source more often than of another (native)")
        assert "museum - phone, of 80 human files" in found[0]
