"""Networks by card: ONNX and torch against their own answers."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from bench.checks import checks_for
from bench.detectors.base import ask
from bench.harness import registry
from bench.media import Media

# A network of two classes: the mean of each channel, times a matrix. --------------------------------------------------

MATRIX = np.array([[1.0, -2.0], [0.5, 0.0], [-1.0, 3.0]], np.float32)
KEYS = 'name = "tiny"\nversion = "1"\nlicence = "MIT"\nbatch = 4\npolicy = "native"\nmultiple = 1\nindex = 1\n'


def expected(media: Media) -> float:
    return float((media.pixels().mean(axis=(0, 1)) / 255) @ MATRIX[:, 1])


@pytest.fixture(scope="module")
def files(tools) -> list[Media]:
    shapes = [(48, 64), (33, 40), (48, 64), (20, 20)]
    return [Media.from_bytes(tools.encode(tools.texture(n, *shape))) for n, shape in enumerate(shapes)]


def pinned(path: Path) -> str:
    return f'model = "{path.name}"\nsha256 = "{hashlib.sha256(path.read_bytes()).hexdigest()}"\n'


def onnx_file(path: Path, batch: int | str = "n", kind: int = 1) -> Path:
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    from onnx import TensorProto, helper, numpy_helper

    nodes = [
        helper.make_node("Cast", ["x"], ["f"], to=TensorProto.FLOAT),
        helper.make_node("GlobalAveragePool", ["f"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("MatMul", ["flat", "matrix"], ["logits"]),
        helper.make_node("Neg", ["logits"], ["minus"]),
    ]
    graph = helper.make_graph(
        nodes, "tiny",
        [helper.make_tensor_value_info("x", kind, [batch, 3, "h", "w"])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, 2]) for name in ("logits", "minus")],
        [numpy_helper.from_array(MATRIX, "matrix")],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    onnx.save(model, path)
    return path


@pytest.fixture
def card(tmp_path: Path):
    def write(text: str):
        (tmp_path / "tiny.toml").write_text(text)
        return registry.detector(str(tmp_path / "tiny.toml"))

    return write


@pytest.mark.parametrize("batch", ["n", 1], ids=["free batch", "batch of one"])
def test_onnx_file_scores(card, tmp_path: Path, files: list[Media], batch: int | str) -> None:
    pins = pinned(onnx_file(tmp_path / "tiny.onnx", batch))
    detector = card(KEYS + pins)
    scores = detector.score(files)
    assert [s.value for s in scores] == pytest.approx([expected(f) for f in files], abs=1e-5)
    assert [s.value for f in files for s in detector.score([f])] == pytest.approx([s.value for s in scores], abs=1e-6)
    for output in ('"minus"', "1"):
        turned = card(KEYS + pins + f"output = {output}\n").score(files)
        assert [s.value for s in turned] == pytest.approx([-expected(f) for f in files], abs=1e-5)
    # The same verdicts through the words of a vendor whose classes stand the other way round.
    turned = card(KEYS.replace("index = 1", "index = 1\noutput = 1\nhigher = 'human'") + pins).score(files)
    assert [s.value for s in turned] == pytest.approx([expected(f) for f in files], abs=1e-5)


def test_onnx_card_keeps_the_contract(card, tmp_path: Path) -> None:
    for check in checks_for(card(KEYS + pinned(onnx_file(tmp_path / "tiny.onnx", 1)))):
        check()


def test_onnx_input_of_another_type_is_cast(card, tmp_path: Path, files: list[Media]) -> None:
    for kind in (2, 10, 11):  # uint8, float16, double
        pins = pinned(onnx_file(tmp_path / f"tiny{kind}.onnx", kind=kind))
        scores = card(KEYS + pins + "value_range = [0, 255]\n").score(files[:1])
        assert scores[0].value == pytest.approx(255 * expected(files[0]), abs=0.5)


@pytest.mark.parametrize(
    ("more", "batch", "code", "said"),
    [
        ("output = 2\n", "n", "E_OUTPUT", "no output 2; the model has logits, minus"),
        ('output = "scores"\n', "n", "E_OUTPUT", "no output 'scores'; the model has logits, minus"),
        ("", 3, "E_MODEL", "takes 3 pictures at once; export it with a free batch"),
        ('layout = "nhwc"\n', "n", "E_INVALIDARGUMENT", "Got invalid dimensions"),
    ],
)
def test_onnx_file_that_does_not_fit_its_card_is_coded(
    card, tmp_path: Path, files: list[Media], more: str, batch: int | str, code: str, said: str
) -> None:
    (score,) = ask(card(KEYS + more + pinned(onnx_file(tmp_path / "tiny.onnx", batch))), files[:1])
    assert (score.status, score.code) == ("error", code)
    assert said in score.detail


def test_file_that_is_no_onnx_is_coded_and_opened_once(
    card, tmp_path: Path, files: list[Media], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    (tmp_path / "no.onnx").write_bytes(b"no model")
    detector = card(KEYS + pinned(tmp_path / "no.onnx"))
    assert {s.status for s in ask(detector, files)} == {"error"}
    monkeypatch.setattr("bench.detectors.plugins.network.verified", lambda *args: 1 / 0)
    assert {s.code for s in ask(detector, files)} == {"E_INVALIDPROTOBUF"}


def test_weights_beside_the_model_are_not_taken_unchecked(
    card, tmp_path: Path, files: list[Media], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = onnx_file(tmp_path / "outside.onnx")
    import onnx

    onnx.save(onnx.load(path), path, save_as_external_data=True, location="outside.data", size_threshold=0)
    assert (tmp_path / "outside.data").exists()
    monkeypatch.chdir(tmp_path)  # where onnxruntime looks for them
    (score,) = ask(card(KEYS + pinned(path)), files[:1])
    assert (score.status, score.code) == ("error", "E_FAIL")
    assert "external data" in score.detail.lower()


def test_model_that_was_changed_after_the_card_was_read_is_refused(card, tmp_path: Path, files: list[Media]) -> None:
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    (tmp_path / "later.onnx").write_bytes(b"first")
    detector = card(KEYS + pinned(tmp_path / "later.onnx"))
    (tmp_path / "later.onnx").write_bytes(b"second")
    (score,) = ask(detector, files[:1])
    assert (score.status, score.code) == ("error", "E_WEIGHTS_DIGEST")


def test_picture_that_cannot_be_decoded_costs_no_other_its_verdict(card, tmp_path: Path, files: list[Media]) -> None:
    detector = card(KEYS + pinned(onnx_file(tmp_path / "tiny.onnx")))
    half = Media(files[0].data[: len(files[0].data) // 2], "image/jpeg")
    scores = ask(detector, [files[0], half, files[1]])
    assert [s.code for s in scores] == ["", "E_TRUNCATED", ""]


def test_onnx_without_its_package_is_unavailable(card, tmp_path: Path, files: list[Media], monkeypatch) -> None:
    import sys

    (tmp_path / "absent.onnx").write_bytes(b"any")
    detector = card(KEYS + pinned(tmp_path / "absent.onnx"))
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    (score,) = ask(detector, files[:1])
    assert (score.status, score.code) == ("unavailable", "E_PACKAGE_MISSING")
    assert "pip install onnxruntime" in score.detail


BUILD = """
import torch


class Tiny(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.head = torch.nn.Linear(3, 2, bias=False)

    def forward(self, x):
        assert not self.training
        return {form}


def build():
    return Tiny()
"""
LOGITS = "self.head(x.mean((2, 3)))"


def torch_file(folder: Path, name: str, form: str = LOGITS) -> Path:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    weights = {"module.head.weight": torch.from_numpy(MATRIX.T.copy())}
    if name.endswith(".safetensors"):
        pytest.importorskip("safetensors", reason="safetensors is not installed")
        from safetensors.torch import save_file

        save_file(weights, folder / name)
    else:
        torch.save({"epoch": 3, "state": {"model": weights}}, folder / name)
    (folder / "tiny.py").write_text(BUILD.replace("{form}", form))
    return folder / name


TORCH = KEYS + 'build = "tiny.py:build"\nstrip_prefix = "module."\n'


@pytest.mark.parametrize(
    ("name", "form", "more"),
    [
        ("tiny.safetensors", LOGITS, ""),
        ("tiny.pth", LOGITS, 'checkpoint_key = "state.model"\n'),
        ("tiny.safetensors", f"(None, {LOGITS})", "output = 1\n"),
        ("tiny.safetensors", f"{{'a': 0, 'ai': {LOGITS}}}", 'output = "ai"\n'),
    ],
)
def test_torch_module_scores(card, tmp_path: Path, files: list[Media], name: str, form: str, more: str) -> None:
    detector = card(TORCH + more + pinned(torch_file(tmp_path, name, form)))
    scores = detector.score(files)
    assert [s.value for s in scores] == pytest.approx([expected(f) for f in files], abs=1e-5), scores
    assert not detector.missing()


@pytest.mark.parametrize(
    ("change", "form", "code", "said"),
    [
        (("strip_prefix", "#"), LOGITS, "E_WEIGHTS", 'Missing key(s) in state_dict: "head.weight"'),
        (("strip_prefix", 'checkpoint_key = "state"\nstrip_prefix'), LOGITS, "E_WEIGHTS", "holds no such weights"),
        (("tiny.py:build", "tiny.py:made"), LOGITS, "E_BUILD", "tiny.py has no 'made'"),
        (("tiny.py:build", "tiny.py:torch.zeros"), LOGITS, "E_BUILD", "tiny.py:torch.zeros failed: TypeError"),
        (("tiny.py:build", "tiny.py:dict"), LOGITS, "E_BUILD", "has no 'dict'"),
        (("", ""), "1 / 0", "E_ZERODIVISIONERROR", "division by zero"),
        (("", ""), "3", "E_OUTPUT", "the module gave a int, which is no tensor"),
        (("", ""), "[x]", "E_OUTPUT", "index is 1"),
        (("", ""), "torch.empty(1 << 50)", "E_MEMORY", ""),
        (("", ""), f"{LOGITS} * float('nan')", "E_NOT_FINITE", ""),
    ],
)
def test_torch_module_that_fails_is_coded(
    card, tmp_path: Path, files: list[Media], change: tuple[str, str], form: str, code: str, said: str
) -> None:
    text = TORCH.replace(*change) if change[0] else TORCH
    if form == "[x]":
        text = text.replace("index = 1", "index = 100000")
        said = "index is 100000"
    (score,) = ask(card(text + pinned(torch_file(tmp_path, "tiny.safetensors", form))), files[:1])
    assert (score.value, score.status, score.code) == (None, "error", code), score
    assert said in score.detail


def test_checkpoint_that_holds_code_is_refused_and_not_run(card, tmp_path: Path, files: list[Media]) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    touched = tmp_path / "touched"

    class Evil:
        def __reduce__(self):
            return os.system, (f"touch {touched}",)

    torch_file(tmp_path, "tiny.pth")
    torch.save({"head.weight": Evil()}, tmp_path / "tiny.pth")
    (score,) = ask(card(TORCH + pinned(tmp_path / "tiny.pth")), files[:1])
    assert (score.status, score.code) == ("error", "E_WEIGHTS")
    assert not touched.exists()


def test_torch_on_a_card_that_is_not_there_is_unavailable(card, tmp_path: Path, files: list[Media]) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    detector = card(TORCH + 'device = "cuda"\n' + pinned(torch_file(tmp_path, "tiny.safetensors")))
    (score,) = ask(detector, files[:1])
    assert (score.status, score.code) == ("unavailable", "E_DEVICE")


def test_nothing_heavy_is_imported_to_read_a_card(tmp_path: Path) -> None:
    import subprocess
    import sys

    (tmp_path / "a.safetensors").write_bytes(b"x")
    (tmp_path / "a.py").write_text("import torch\n")
    text = TORCH.replace("tiny.py", "a.py") + pinned(tmp_path / "a.safetensors")
    (tmp_path / "a.toml").write_text(text)
    code = (
        f"import sys; from bench.harness import registry; registry.detector({str(tmp_path / 'a.toml')!r});"
        "print([m for m in ('torch', 'onnxruntime', 'numpy', 'cv2', 'PIL') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
