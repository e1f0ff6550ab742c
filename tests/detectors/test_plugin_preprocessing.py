"""What goes into a network of a card and comes out of it, against torchvision, Pillow and scipy."""

import math
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bench.detectors.plugins.network import Answer
from bench.errors import CodedError
from bench.neural.preprocessing import Preprocessing, centre

SIZES = [(48, 64), (64, 48), (33, 97), (50, 50), (7, 200), (224, 225), (1, 1)]


def torchvision() -> Any:
    try:
        from torchvision.transforms import functional
    except (ImportError, RuntimeError) as error:  # RuntimeError: built for another torch
        pytest.skip(f"torchvision cannot be used: {error}")
    return functional


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("size", [(32, 32), (47, 20), (224, 224), (1, 1)])
def test_centre_is_torchvisions_center_crop(height: int, width: int, size: tuple[int, int], tools) -> None:
    pixels = tools.texture(height * width, height, width)
    theirs = torchvision().center_crop(Image.fromarray(pixels), list(size))
    assert np.array_equal(centre(pixels, size), np.asarray(theirs))


@pytest.mark.parametrize(("height", "width"), SIZES[:-1])
def test_resize_crop_is_torchvisions(height: int, width: int, tools) -> None:
    functional = torchvision()
    pixels = tools.texture(height, height, width)
    resized = functional.resize(Image.fromarray(pixels), 40, functional.InterpolationMode.BICUBIC)
    theirs = np.asarray(functional.center_crop(resized, [32, 32]), np.float32) / 255
    theirs = (theirs - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    ours = Preprocessing(
        "resize_crop", size=32, short_side=40, interpolation="bicubic",
        mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225),
    )(pixels)  # fmt: skip
    assert ours.dtype == np.float32 and ours.shape == (3, 32, 32)
    assert np.abs(ours - theirs.transpose(2, 0, 1)).max() < 1e-5


@pytest.mark.parametrize("name", ["bilinear", "bicubic"])
def test_resize_is_within_a_level_of_torchs(name: str, tools) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    pixels = tools.texture(3, 97, 61)
    planes = torch.from_numpy(pixels.transpose(2, 0, 1)[None].copy())
    theirs = torch.nn.functional.interpolate(planes, (32, 40), mode=name, antialias=True)[0].numpy()
    ours = Preprocessing("resize", size=(32, 40), interpolation=name, value_range=(0, 255))(pixels)
    assert np.abs(ours - theirs).max() <= 1


def test_order_range_and_layout(tools) -> None:
    pixels = tools.texture(1, 10, 12)
    same = Preprocessing("crop", size=(10, 12), value_range=(0, 255))(pixels)
    assert np.array_equal(same, pixels.transpose(2, 0, 1))
    turned = Preprocessing("crop", size=(10, 12), value_range=(0, 255), channels="bgr", layout="nhwc")(pixels)
    assert np.array_equal(turned, pixels[..., ::-1])
    signed = Preprocessing("crop", size=(10, 12), value_range=(-1, 1))(pixels)
    assert np.allclose(signed, pixels.transpose(2, 0, 1) / 127.5 - 1, atol=1e-6)
    scaled = Preprocessing("crop", size=(10, 12), channels="bgr", mean=(1, 0, 0), std=(1, 1, 2))(pixels)
    assert np.allclose(scaled[0], pixels[..., 2] / 255 - 1, atol=1e-6)  # in the order in which they are fed
    assert np.allclose(scaled[2], pixels[..., 0] / 510, atol=1e-6)


@pytest.mark.parametrize(
    ("height", "width", "shape"),
    [(100, 70, (96, 64)), (64, 64, (64, 64)), (5, 70, (32, 64)), (500, 40, (128, 32)), (1, 1, (32, 32))],
)
def test_native_is_a_multiple_and_bounded(height: int, width: int, shape: tuple[int, int], tools) -> None:
    ready = Preprocessing("native", multiple=32, longest=150)(tools.texture(1, height, width))
    assert ready.shape == (3, *shape)


def test_padding_has_its_value() -> None:
    ready = Preprocessing("crop", size=5, pad=255)(np.zeros((2, 2, 3), np.uint8))
    assert ready.sum() == 3 * (25 - 4)
    assert ready[0, 1:3, 1:3].sum() == 0  # torchvision puts the larger part after the picture


def test_picture_too_thin_to_be_resized_is_coded() -> None:
    with pytest.raises(CodedError, match="E_SHAPE: 60000x1 pixels cannot be resized"):
        Preprocessing("resize_crop", size=224)(np.zeros((1, 60000, 3), np.uint8))


def test_answer_is_scipys() -> None:
    from scipy.special import expit, log_softmax, softmax

    raw = np.random.default_rng(0).normal(0, 30, (40, 3)).astype(np.float32)
    exact = raw.astype(np.float64)
    assert np.array_equal(Answer(index=2)(raw, 40), exact[:, 2])
    assert np.allclose(Answer(index=1, activation="sigmoid")(raw, 40), expit(exact[:, 1]), rtol=1e-12)
    assert np.allclose(Answer(index=1, activation="softmax")(raw, 40), softmax(exact, axis=1)[:, 1], rtol=1e-9)
    log = log_softmax(exact, axis=1)
    odds = log[:, 0] - np.logaddexp(log[:, 1], log[:, 2])
    assert np.allclose(Answer(index=0, activation="log_odds")(raw, 40), odds, rtol=1e-9, atol=1e-9)


def test_confident_logits_stay_apart() -> None:
    raw = np.array([[30.0, 0.0], [31.0, 0.0]], np.float32)
    assert (1 / (1 + np.exp(-raw[:, 0])) == 1).all()  # what float32 makes of them
    for activation in ("sigmoid", "softmax", "log_odds"):
        low, high = Answer(index=0, activation=activation)(raw, 2)
        assert low < high


@pytest.mark.parametrize("activation", ["none", "sigmoid", "softmax", "log_odds"])
def test_inverted_answer_is_the_other_class(activation: str) -> None:
    raw = np.array([[2.0, -1.0], [0.5, 0.25]])
    ai = Answer(index=0, activation=activation, higher="ai")(raw, 2)
    human = Answer(index=0, activation=activation, higher="human")(raw, 2)
    assert np.allclose(human, (1 - ai) if activation in ("sigmoid", "softmax") else -ai)


@pytest.mark.parametrize(
    ("answer", "raw", "said"),
    [
        (Answer(), np.zeros((2, 2)), "gives 2 values for a picture; name one with index"),
        (Answer(index=2), np.zeros((2, 2)), "index is 2, the network gives 2"),
        (Answer(activation="softmax"), np.zeros((2, 1)), "softmax needs several values"),
        (Answer(), np.zeros(()), "answered with shape () for 2 pictures"),
        (Answer(), np.zeros((1, 1)), "answered with shape (1, 1) for 2 pictures"),
    ],
)
def test_answer_of_another_form_is_coded(answer: Answer, raw: np.ndarray, said: str) -> None:
    with pytest.raises(CodedError) as raised:
        answer(raw, 2)
    assert raised.value.code == "E_OUTPUT" and said in raised.value.detail


def test_sigmoid_has_no_overflow() -> None:
    raw = np.array([[-1000.0], [0.0], [1000.0]])
    assert Answer(activation="sigmoid")(raw, 3).tolist() == [0.0, 0.5, 1.0]
    assert math.isnan(Answer(activation="sigmoid")(np.array([[np.nan]]), 1)[0])
