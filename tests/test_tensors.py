"""Named arrays in a file, against the format's own library, and whatever damaged files may hold."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bench.tensors import DTYPES, decoded, encoded, save

ARRAYS = {
    "weights": np.arange(6, dtype=np.float32).reshape(2, 3),
    "empty": np.zeros((0, 4), np.int64),
    "scalar": np.array(2.5),
    "mask": np.array([True, False]),
    "turned": np.arange(12, dtype=np.int32).reshape(3, 4).T,
}
FACTS = {"detector": "Spectrum(copies=3)", "name": "Ünïcode 水"}


def test_round_trip_keeps_arrays_and_texts() -> None:
    arrays, facts = decoded(encoded(ARRAYS, FACTS))
    assert facts == FACTS
    assert set(arrays) == set(ARRAYS)
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype and np.array_equal(arrays[name], array)


@settings(max_examples=40, deadline=None)
@given(
    hnp.arrays(
        st.sampled_from([np.dtype(code) for code in DTYPES.values()]),
        hnp.array_shapes(min_dims=0, max_side=4, min_side=0),
    )
)
def test_every_type_and_shape_comes_back(array: np.ndarray) -> None:
    back = decoded(encoded({"x": array}, {}))[0]["x"]
    assert back.dtype == array.dtype and back.shape == array.shape and back.tobytes() == array.tobytes()


def test_same_content_same_bytes() -> None:
    assert encoded(ARRAYS, FACTS) == encoded(dict(reversed(ARRAYS.items())), dict(reversed(FACTS.items())))


def test_the_format_s_own_library_reads_it_and_is_read(tmp_path: Path) -> None:
    library = pytest.importorskip("safetensors.numpy", reason="safetensors is not installed")
    arrays = {name: np.ascontiguousarray(array) for name, array in ARRAYS.items()}
    save(tmp_path / "ours.safetensors", arrays, FACTS)
    theirs = library.load_file(tmp_path / "ours.safetensors")
    assert all(np.array_equal(theirs[name], array) for name, array in arrays.items())
    back, facts = decoded(library.save(arrays, FACTS))
    assert facts == FACTS
    assert all(np.array_equal(back[name], array) and back[name].dtype == array.dtype for name, array in arrays.items())


def test_arrays_of_objects_are_refused() -> None:
    with pytest.raises(ValueError, match="array x is of dtype object"):
        encoded({"x": np.array([object()])}, {})


def broken(**entry: object) -> bytes:
    header = {"x": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]} | entry}
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + b"abcd"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no safetensors file"),
        (b"\x80\x04\x95" + bytes(30), "no safetensors file"),
        ((1 << 62).to_bytes(8, "little") + b"{}", "no safetensors file"),
        ((2).to_bytes(8, "little") + b"[]", "no JSON object"),
        ((2).to_bytes(8, "little") + b"{x", "no JSON"),
        (broken(dtype="O"), "unknown dtype O"),
        (broken(shape=[5]), "does not lie where its shape says"),
        (broken(shape=[-4]), "has no shape"),
        (broken(shape=[1 << 60, 0]), "has no shape"),
        (broken(shape="4"), "has no shape"),
        (broken(data_offsets=[0, 1 << 40]), "does not lie where"),
        (broken(data_offsets=[2, 6]), "does not lie where"),
        (broken(data_offsets=None), "no data_offsets"),
        (broken() + b"more", "bytes and should have"),
        (broken()[:-1], "does not lie where"),
    ],
)
def test_damaged_file_is_refused_in_one_line(data: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        decoded(data)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_damage_gets_anything_but_a_value_error(data: st.DataObject) -> None:
    whole = bytearray(encoded(ARRAYS, FACTS))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(whole)))
    try:
        decoded(bytes(whole[:cut]))
    except ValueError:
        return
