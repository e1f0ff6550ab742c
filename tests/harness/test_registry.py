"""From text to attacks, labels and detectors: read, never evaluated; unknown names answered with what is near."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attacks.chain import Chain
from attacks.recompress import Jpeg
from attacks.screenshot import Screenshot
from attacks.tone import Blur
from bench.detectors.base import DetectorInfo, Score
from bench.detectors.declared import Declared
from bench.detectors.plugins.function import CallableDetector
from bench.errors import UserError
from bench.harness import registry
from bench.labels.gb45438 import GB45438
from bench.labels.iptc import IPTC


@pytest.mark.parametrize(
    ("text", "attack"),
    [
        ("Jpeg", Jpeg()),
        ("jpeg", Jpeg()),
        (" JPEG( 50 ) ", Jpeg(quality=50)),
        ("Jpeg(quality=50, progressive=True)", Jpeg(quality=50, progressive=True)),
        ("Blur(sigma=2)", Blur(sigma=2.0)),
        ("Chain((Screenshot(), Jpeg(75)))", Chain(attacks=(Screenshot(), Jpeg(quality=75)))),
        ("chain(attacks=[screenshot, jpeg(75)])", Chain(attacks=(Screenshot(), Jpeg(quality=75)))),
    ],
)
def test_attack_is_built_from_its_text(text: str, attack: object) -> None:
    assert registry.attack(text) == attack


@pytest.mark.parametrize(
    ("find", "text", "said"),
    [
        (registry.attack, "Jpge(quality=50)", "unknown attack 'Jpge'. Did you mean Jpeg"),
        (
            registry.attack,
            "Jpeg(qualty=50)",
            "unknown parameter of Jpeg 'qualty'. Did you mean quality? Available: quality",
        ),
        (registry.attack, "Jpeg(quality=0)", "'Jpeg(quality=0)': quality must be in 1..100, got 0"),
        (registry.attack, "Jpeg(quality=50.5)", "quality must be a whole number, got 50.5"),
        (registry.attack, "Jpeg(1, '4:4:4', True, 9)", "Jpeg takes 3 parameters (quality, subsampling, progressive)"),
        (registry.attack, "Jpeg(50, quality=60)", "quality is given twice"),
        (registry.attack, "Chain()", "missing 1 required"),
        (registry.attack, "Chain((Jpeg(), 5))", "attacks must be a tuple of one or more attacks"),
        (registry.attack, "Chain((Jpeg(), Blurr()))", "unknown attack 'Blurr'. Did you mean Blur or "),
        (registry.attack, "Jpeg(", "cannot be read; write a name or Name(parameter=value)"),
        (registry.attack, "", "cannot be read"),
        (registry.attack, "Jpeg(quality={[]: 1})", "cannot be read"),
        (registry.attack, "Jpeg(quality=" + "-" * 30_000 + "1)", "cannot be read"),
        (registry.attack, "(" * 3000 + ")" * 3000, "cannot be read"),
        (
            registry.label,
            "gb4538",
            "unknown label 'gb4538'. Did you mean gb45438? Available: gb45438, iptc, c2pa,",
        ),
        (registry.label, "GB45438(position='iptc')", "position must be one of xmp, exif, png-text, got 'iptc'"),
        (
            registry.detector,
            "spectrm",
            "unknown detector 'spectrm'. Did you mean spectrum? Available: declared, header",
        ),
        (registry.detector, "Spectrum(copies=-1)", "copies must be in 0..20, got -1"),
        (registry.detector, "Spectrum(model=1)", "unknown parameter of Spectrum 'model'"),
    ],
)
def test_wrong_text_is_answered_in_one_line(find, text: str, said: str) -> None:
    with pytest.raises(UserError) as raised:
        find(text)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "payload",
    [
        "__import__('pathlib').Path('{0}').touch()",
        "Jpeg(quality=__import__('pathlib').Path('{0}').touch())",
        "Jpeg(quality=(lambda: open('{0}', 'w'))())",
        "Jpeg(quality=[open('{0}', 'w') for _ in (1,)])",
        "Chain((exec(\"open('{0}', 'w')\"),))",
        "Jpeg.__init__.__globals__['open']('{0}', 'w')",
        'Jpeg(quality=f\'{{open("{0}", "w")}}\')',
        "Jpeg(**open('{0}', 'w'))",
    ],
)
def test_text_is_never_evaluated(payload: str, tmp_path: Path) -> None:
    target = tmp_path / "owned"
    for find in (registry.attack, registry.detector, registry.label):
        with pytest.raises(UserError):
            find(payload.format(target))
    assert not target.exists()


@given(
    st.text(alphabet="Jpegquality=()[]{}',.0123456789-+*:_ \n\\\"", max_size=60).filter(lambda text: ":" not in text)
)
def test_any_text_is_read_or_refused(text: str) -> None:
    for find in (registry.attack, registry.detector, registry.label):
        try:
            find(text)
        except UserError as error:
            assert "\n" not in str(error)


def test_labels_and_detectors_go_by_their_short_names() -> None:
    assert registry.label("gb45438") == registry.label("GB45438()") == GB45438()
    assert registry.label("IPTC") == IPTC()
    assert registry.detector("declared") == registry.detector("Declared()") == Declared()


PLUGIN = '''
from __future__ import annotations

from dataclasses import dataclass

from bench.detectors.base import DetectorInfo, Score
from bench.media import Media


@dataclass(frozen=True)
class Darken:
    """A third party's attack."""

    by: int = 10
    family = "darken"
    axis = "grey levels"
    channel = "simulated:dark mode"

    @property
    def severity(self) -> float:
        return float(self.by)

    def __call__(self, media, rng):
        return Media.from_pixels(media.pixels() // 2)


class Needs:
    def __init__(self, weights):
        self.weights = weights


class Whole:
    info = DetectorInfo("whole", "1", "both")

    def score(self, batch):
        return [Score(0.5)] * len(batch)


def number(paths):
    return [float(len(path)) for path in paths]


class Numbered(Whole):
    info = 3


class Failing(Whole):
    @property
    def info(self):
        return 1 / 0


NOT_CALLABLE = 3
'''


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    path = tmp_path / "my_plugin.py"
    path.write_text(PLUGIN)
    return path


def test_file_gives_attacks_and_detectors(plugin: Path) -> None:
    attack = registry.attack(f"{plugin}:Darken")
    assert (repr(attack), attack.severity) == ("Darken(by=10)", 10)
    whole = registry.detector(f"{plugin}:Whole")
    assert (whole.info, whole.score([])) == (DetectorInfo("whole", "1", "both"), [])
    function = registry.detector(f"{plugin}:number")
    assert isinstance(function, CallableDetector)
    assert function.info.name == f"{plugin}:number"


def test_module_gives_a_detector(plugin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(plugin.parent)
    assert registry.detector("my_plugin:Whole").info.name == "whole"


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("my_plugin.py:missing", "has no 'missing'"),
        ("nowhere.py:score", "no such file"),
        ("no_such_module:score", "cannot be imported: ModuleNotFoundError"),
        ("my_plugin.py:NOT_CALLABLE", "is neither a detector (score, info) nor callable"),
        ("my_plugin.py:Needs", "cannot be made without parameters: TypeError"),
        ("my_plugin.py:Numbered", "info must be a bench.detectors.base.DetectorInfo, got int"),
        ("my_plugin.py:Failing", "its info fails: ZeroDivisionError"),
        ("batchless.py:Lazy", "cannot be imported: ValueError: batch must be a whole number of 1 or more, got 0"),
        ("my_plugin.py", "name the detector in it: my_plugin.py:NAME"),
        ("spectrum@my.pth", "a model file that washtest train made ends in .safetensors"),
        ("Spectrum(copies=1)@my", "a model file that washtest train made ends in .safetensors"),
        ("broken.py:score", "cannot be imported: ZeroDivisionError"),
        ("leaves.py:score", "cannot be imported: SystemExit"),
        ("attribute.py:score", "cannot be imported: AttributeError: module 'math' has no attribute 'no_such'"),
    ],
)
def test_plugin_that_cannot_be_used_is_one_line(
    plugin: Path, monkeypatch: pytest.MonkeyPatch, what: str, said: str
) -> None:
    monkeypatch.chdir(plugin.parent)
    Path("broken.py").write_text("1 / 0\n")
    Path("batchless.py").write_text(
        "from bench.detectors.base import DetectorInfo\n"
        "class Lazy:\n    info = DetectorInfo('x', '1', 'both', batch=0)\n"
    )
    Path("leaves.py").write_text("raise SystemExit(0)\n")
    Path("attribute.py").write_text("import math\nmath.no_such\n")
    with pytest.raises(UserError) as raised:
        registry.detector(what)
    assert said in str(raised.value)


def test_what_is_no_attack_is_refused(plugin: Path) -> None:
    for target in (f"{plugin}:number", f"{plugin}:Whole", "os:getcwd"):
        with pytest.raises(UserError, match="is no attack: it needs family, severity, axis, channel"):
            registry.attack(target)


@pytest.fixture
def installed(tmp_path: Path, plugin: Path, monkeypatch: pytest.MonkeyPatch):
    """The plug-in as a distribution with entry points, on the path."""
    from bench import tools

    folder = tmp_path / "my_plugin-1.0.dist-info"
    folder.mkdir()
    (folder / "entry_points.txt").write_text(
        "[console_scripts]\nx = y:z\n\n[washtest.attacks]\nDarken = my_plugin:Darken\n\n"
        "[washtest.detectors]\nlength = my_plugin:number\nWhole = my_plugin:Whole\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    caches = (tools._installed, registry.attack_classes, registry.detector_classes, registry.label_classes)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


def test_installed_plugins_have_names(installed: None, tools) -> None:
    assert repr(registry.attack("Darken(by=3)")) == "Darken(by=3)"
    assert registry.attack("darken").family == "darken"
    assert registry.detector("Whole").score([None]) == [Score(0.5)]  # type: ignore[list-item]
    length = registry.detector("length")
    assert isinstance(length, CallableDetector)
    assert length.info.name == "length"
    with pytest.raises(UserError, match="takes 0 parameters"):
        registry.detector("length(3)")
    with pytest.raises(UserError, match="Did you mean Darken"):
        registry.attack("Darkn")


def test_plugins_stand_in_the_lists(installed: None, washtest) -> None:
    assert "Darken" in [row["name"] for row in washtest("list", "attacks", "--json").json]
    assert {"length", "Whole"} <= {row["name"] for row in washtest("list", "detectors", "--json").json}


LABEL = """
from bench.labels.base import Reading
from bench.settings import settings


@settings
class Nothing:
    name, position = "nothing", "xmp"

    def applies(self, mime):
        return True

    def expected(self, claim):
        return {}

    def write(self, media, claim):
        return media

    def read(self, media):
        return Reading("nothing", "xmp", "absent")
"""


def test_file_gives_labels(tmp_path: Path, washtest) -> None:
    path = tmp_path / "my_label.py"
    path.write_text(LABEL)
    assert registry.label(f"{path}:Nothing").name == "nothing"
    with pytest.raises(UserError, match="is no label"):
        registry.label(f"{path}:settings")


@pytest.mark.parametrize("kind", ["attack", "bundle"])
def test_run_with_an_edited_plugin_is_another_run(
    kind: str, plugin: Path, tiny: Path, tmp_path: Path, washtest
) -> None:
    (tmp_path / "my_label.py").write_text(LABEL)
    file, name = (plugin, "Darken") if kind == "attack" else (tmp_path / "my_label.py", "Nothing")
    command = ["run", "quick", "--dataset", tiny, "--out", tmp_path / "run", "--detector", "header", "--jobs", 0]
    command += ["--limit", 6, "--attack", "Identity()", "--quiet", f"--{kind}", f"{file}:{name}"]
    assert washtest(*command).code in (0, 1)
    assert washtest(*command).code in (0, 1)
    file.write_text(file.read_text() + "\n# edited\n")
    answer = washtest(*command)
    assert (answer.code, "holds a run with other settings (versions" in answer.err) == (2, True)
