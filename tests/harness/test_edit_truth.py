"""An attack that edits: its views are AI-edited ones, in the records and in every table made of them."""

from pathlib import Path

import pytest

from bench import records
from bench.analysis import tables

ATTACKS = [
    "Edit(area=0.05)",
    "Edit(area=0.3)",
    "Edit(area=0.3, method='telea')",
    "Patch(area=0.3)",
    "Chain(attacks=(Edit(area=0.1), Jpeg(quality=75)))",
]


@pytest.fixture(scope="module")
def run(tools, tmp_path_factory) -> Path:
    """Twelve photographs, AI pictures and edits of each kind, edited by every attack."""
    folder = tmp_path_factory.mktemp("edits")
    entries = [{"truth": "human", "split": "calibration"} for _ in range(4)]
    entries += [{"truth": truth, "split": "test"} for truth in ("human", "ai", "ai_edited") for _ in range(12)]
    tools.make_dataset(folder / "set", entries)
    tools.measure(tools.plan(folder / "set", attacks=ATTACKS), folder / "run")
    return folder / "run"


def rows(run: Path, tools, attack: str):
    views = tools.records(run).views
    return views[views["attack"].eq(attack) & views["split"].eq("test")]


def test_views_are_of_the_truth_that_the_edit_makes(run: Path, tools) -> None:
    for attack, area in ((ATTACKS[0], 0.05), (ATTACKS[1], 0.3), (ATTACKS[4], 0.1)):
        made = rows(run, tools, attack)
        ok = made[made["status"].eq("ok")]
        assert len(ok) == 12 and set(ok["truth"]) == {"ai_edited"} and set(ok["bundle"]) == {"none"}
        assert ok["edited_area"].between(0.9 * area, area).all()
        refused = made[~made["status"].eq("ok")]
        assert set(refused["status"]) == {"not_applicable"} and set(refused["code"]) == {"E_TRUTH"}
        assert refused["truth"].value_counts().to_dict() == {"ai": 12, "ai_edited": 12}
    by_hand = rows(run, tools, ATTACKS[2])
    assert set(by_hand["truth"][by_hand["status"].eq("ok")]) == {"human"}
    assert by_hand["edited_area"][by_hand["status"].eq("ok")].isna().all()
    patched = rows(run, tools, ATTACKS[3])
    ok = patched[patched["status"].eq("ok")]
    assert set(ok["truth"]) == {"ai_edited"} and set(ok["bundle"]) == {"metadata"}
    assert ok["edited_area"].between(0.7, 0.74).all()


def test_tables_count_and_bin_them(run: Path) -> None:
    made = tables.make(records.load(run))
    errors = made["detector_errors"].query("source == '*' and threshold_kind == 'default'").set_index("attack")
    assert errors.loc[ATTACKS[1], ["n_human", "n_ai", "n_edited"]].tolist() == [0, 0, 12]
    assert errors.loc[ATTACKS[2], ["n_human", "n_ai", "n_edited"]].tolist() == [12, 0, 0]
    assert errors.loc[ATTACKS[3], ["n_human", "n_ai", "n_edited"]].tolist() == [0, 0, 12]
    bins = made["edited_by_area"].query("threshold_kind == 'default'").set_index(["attack", "area"])["n"]
    assert (bins[ATTACKS[0], "0-5"], bins[ATTACKS[1], "25-50"], bins[ATTACKS[4], "5-10"]) == (12, 12, 12)
    assert bins[ATTACKS[3], ">50"] == 12
    policy = made["policy"].query("detector == 'none'").set_index(["attack", "truth"])["n"]
    assert policy[ATTACKS[1], "ai_edited"] == 12 and (ATTACKS[1], "human") not in policy.index
    survival = made["label_survival"].query("mime == '*'").set_index(["attack", "label"])
    assert survival.loc[(ATTACKS[1], "iptc"), "not_applicable"] == 24  # nothing to say of labels there
    assert survival.loc[(ATTACKS[3], "iptc"), "absent"] == 12  # no metadata are left in a patched picture
    false = made["label_false_positives"]
    assert ATTACKS[1] not in set(false["attack"]) and ATTACKS[2] in set(false["attack"])
