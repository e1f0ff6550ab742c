"""IPTC that runs on over several segments; networks with operators that nobody here knows."""

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from bench import containers
from bench.checks import picture
from bench.containers import jpeg, photoshop
from bench.detectors.base import ask
from bench.harness import registry


def test_iptc_of_several_segments_is_one_block(tools, tmp_path: Path) -> None:
    caption = (2, 120)
    texts = [bytes([65 + i]) * 30_000 for i in range(4)]
    fields = b"".join(bytes([0x1C, *caption]) + len(text).to_bytes(2, "big") + text for text in texts)
    block = photoshop.resource(photoshop.IPTC, fields)
    parts = [block[at : at + 60_000] for at in range(0, len(block), 60_000)]
    plain = tools.encode(tools.texture(1))
    held = plain[:2] + b"".join(jpeg.segment(0xED, photoshop.SIGNATURE + part).raw for part in parts) + plain[2:]
    assert len(parts) == 3
    assert containers.iim(held, {120}) == fields
    assert containers.remove(held, ("iptc-iim",)) == plain
    if shutil.which("exiftool") is None:
        pytest.skip("no exiftool to agree with")
    (tmp_path / "a.jpg").write_bytes(held)
    said = subprocess.run(["exiftool", "-a", "-b", "-Caption-Abstract", tmp_path / "a.jpg"], capture_output=True).stdout
    assert all(text[:1000] in said for text in texts)


def test_network_with_an_unknown_operator_gives_no_verdict(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    from onnx import TensorProto, helper

    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3, "h", "w"]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Shell", ["x"], ["y"], domain="evil")], "g", values[:1], values[1:])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("evil", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    onnx.save(model, tmp_path / "evil.onnx")
    digest = hashlib.sha256((tmp_path / "evil.onnx").read_bytes()).hexdigest()
    card = (
        f'name = "evil"\nversion = "1"\nlicence = "MIT"\nmodel = "evil.onnx"\nsha256 = "{digest}"\npolicy = "native"\n'
    )
    (tmp_path / "evil.toml").write_text(card)
    (score,) = ask(registry.detector(str(tmp_path / "evil.toml")), [picture()])
    assert (score.status, score.value) == ("error", None)
    assert "evil" in score.detail
