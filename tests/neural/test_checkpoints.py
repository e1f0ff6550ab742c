"""Torch checkpoints read without torch: torch's own values, and nothing that a hostile file asks for."""

from __future__ import annotations

import io
import pickle
import random
import struct
import subprocess
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.errors import CodedError
from bench.neural import pth

FILES = {"ferretnet-s-median-3.pth": "model", "taef2_encoder.pth": "", "taef2_decoder.pth": "", "dncnn_25.pth": ""}


class Pickled:
    """Opcodes of a pickle, protocol 2, put down by hand."""

    def __init__(self, *parts: bytes) -> None:
        self.data = b"\x80\x02" + b"".join(parts) + b"."


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def number(value: int) -> bytes:
    size = (value.bit_length() + 8) // 8
    return b"\x8a" + bytes([size]) + value.to_bytes(size, "little", signed=True)


def numbers(values: tuple[int, ...]) -> bytes:
    return b"(" + b"".join(map(number, values)) + b"t"


def storage(numel: int, kind: str = "torch\nFloatStorage", key: str = "0") -> bytes:
    return b"(" + text("storage") + b"c" + kind.encode() + b"\n" + text(key) + text("cpu") + number(numel) + b"tQ"


def tensor(shape: tuple[int, ...], strides: tuple[int, ...], offset: int = 0, stored: bytes = b"") -> bytes:
    arguments = (stored or storage(6)) + number(offset) + numbers(shape) + numbers(strides)
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + arguments + b"\x89ccollections\nOrderedDict\n)RtR"


def named(*values: bytes) -> bytes:
    return b"}(" + b"".join(text(f"t{i}") + value for i, value in enumerate(values)) + b"u"


def zipped(pickled: bytes, values: bytes = bytes(24), compression: int = zipfile.ZIP_STORED, **more: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        archive.writestr("model/data.pkl", Pickled(pickled).data)
        archive.writestr("model/data/0", values)
        for name, content in more.items():
            archive.writestr(f"model/{name}", content)
    return stream.getvalue()


def legacy(*pickles: bytes, values: bytes = b"") -> bytes:
    system = b"}" + text("little_endian") + b"\x88s"
    parts = (number(pth.LEGACY_MAGIC), number(pth.LEGACY_PROTOCOL), system, *pickles)
    return b"".join(Pickled(part).data for part in parts) + values


SIX = np.arange(6, dtype="<f4").tobytes()


def test_views_of_a_storage_are_what_their_strides_say() -> None:
    file = zipped(named(tensor((2, 3), (3, 1)), tensor((3, 2), (1, 3)), tensor((2,), (2,), 1), tensor((), ())), SIX)
    found = pth.read(file)
    assert found["t0"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert found["t1"].tolist() == [[0, 3], [1, 4], [2, 5]]
    assert found["t2"].tolist() == [1, 3] and found["t3"].tolist() == 0
    assert not found["t0"].flags.writeable


@pytest.mark.parametrize("kind", pth.STORAGES)
def test_every_dtype_of_the_list_is_read(kind: str) -> None:
    values = np.arange(6) % 2
    stored = storage(6, kind.replace(" ", "\n"))
    found = pth.read(zipped(named(tensor((6,), (1,), stored=stored)), values.astype(pth.STORAGES[kind]).tobytes()))
    assert found["t0"].dtype == np.dtype(pth.STORAGES[kind]) and found["t0"].tolist() == values.tolist()


def test_files_of_before_torch_1_6_are_read() -> None:
    sixth = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text("k") + text("cpu") + number(6) + b"NtQ"
    file = legacy(named(tensor((2, 3), (3, 1), stored=sixth)), b"(" + text("k") + b"t")
    content = file + (6).to_bytes(8, "little") + SIX
    assert pth.read(content)["t0"].tolist() == [[0, 1, 2], [3, 4, 5]]
    for damaged in (file, file + (7).to_bytes(8, "little") + SIX, content[:-1]):
        with pytest.raises(CodedError, match="E_CHECKPOINT"):
            pth.read(damaged)


class Command:
    """What every article on pickle warns of."""

    def __init__(self, told: Path) -> None:
        self.told = told

    def __reduce__(self) -> tuple[Any, ...]:
        return subprocess.getoutput, (f"touch {self.told}",)


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path) -> None:
    told = tmp_path / "it ran"
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        evil = pickle.dumps({"weight": Command(told)}, protocol)
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr("model/data.pkl", evil)
        for file in (stream.getvalue(), evil):
            with pytest.raises(CodedError, match="E_CHECKPOINT"):
                pth.read(file)
    assert not told.exists()


def laughs(depth: int) -> bytes:
    """A list of two lists of two lists ...: small in the file, without end when printed, hashed or compared."""
    return b"(t" + b"".join(b"q\x00h\x00\x86" for _ in range(depth))


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (zipped(named(b"cos\nsystem\n" + text("true") + b"\x85R")), "asks for os system"),
        (zipped(named(b"cbuiltins\neval\n" + text("1") + b"\x85R")), "asks for builtins eval"),
        (zipped(b"cos\nsystem\n"), "no dict of tensors"),
        (zipped(named(b"cos\nsystem\n")), "t0 is os system, no tensor"),
        (zipped(named(tensor((7,), (1,)))), "leaves its storage"),
        (zipped(named(tensor((2,), (1,), 5))), "leaves its storage"),
        (zipped(named(tensor((2, 2), (5, 1)))), "leaves its storage"),
        (zipped(named(tensor((2,), (1,), -1))), "offset -1"),
        (zipped(named(tensor((2,), (-1,), 3))), r"strides \(-1,\)"),
        (zipped(named(tensor((-2,), (1,)))), r"shape \(-2,\)"),
        (zipped(named(tensor((2,), ()))), r"strides \(\)"),
        (zipped(named(tensor((1,) * 9, (1,) * 9))), "shape"),
        (zipped(named(tensor((1 << 40,), (0,)))), "leaves its storage"),
        (zipped(named(tensor((1 << 40, 1 << 40), (1 << 40, 1)))), "leaves its storage"),
        (zipped(named(tensor((6,), (1,))), SIX[:-1]), "damaged"),
        (zipped(named(tensor((6,), (1,))), SIX[:-4]), "has 5 values, not 6"),
        (zipped(named(tensor((1,), (1,), stored=storage(6, "torch\nQuantStorage")))), "a storage of kind"),
        (zipped(named(tensor((1,), (1,), stored=storage(6, key="../0")))), "damaged"),
        (zipped(named(tensor((1,), (1,)), tensor((1,), (1,), stored=storage(5)))), "two different storages"),
        (zipped(named(tensor((6,), (1,))), SIX, zipfile.ZIP_DEFLATED), "compressed"),
        (zipped(named(tensor((6,), (1,))), bytes(10**7), zipfile.ZIP_DEFLATED), "compressed"),
        (zipped(named(tensor((6,), (1,))), SIX, byteorder=b"big"), "little-endian"),
        (zipped(named(laughs(100))), "t0 is tuple, no tensor"),
        (zipped(named(laughs(100) + b")R")), "asks for tuple"),
        (zipped(named(laughs(100) + b"Q")), "persistent id"),
        (legacy(named(), laughs(100)), "E_CHECKPOINT"),
        (zipped(b"}" + laughs(100) + b"Ns"), "damaged"),
        (zipped(b"r\xff\xff\xff\x7f"), "damaged"),
        (zipped(b"\x96" + struct.pack("<Q", 1 << 62)), "E_CHECKPOINT"),
        (zipped(b"i__main__\nx\n"), "opcode INST"),
        (zipped(b"(" * 50), "no dict of tensors"),
        (b"", "E_CHECKPOINT"),
        (b"PK\3\4", "damaged"),
        (b"a text", "E_CHECKPOINT"),
        (b"\x80\x02}.", "no torch checkpoint"),
        (zipped(b"").replace(b"data.pkl", b"data.pkx"), "0 members"),
    ],
)
def test_hostile_or_damaged_file_is_refused_at_once(file: bytes, said: str) -> None:
    start = time.perf_counter()
    with pytest.raises(CodedError, match=said) as refused:
        pth.read(file)
    assert refused.value.code == "E_CHECKPOINT"
    assert time.perf_counter() - start < 2


def test_members_that_overlap_do_not_multiply_the_file() -> None:
    file = zipped(named(tensor((1,), (1,))), bytes(5000))
    entry = file[file.index(b"PK\1\2", file.index(b"PK\1\2") + 1) : file.index(b"PK\5\6")]
    stream = io.BytesIO(file)
    with zipfile.ZipFile(stream) as archive:
        count, start = len(archive.infolist()), archive.start_dir
    central = file[start : file.index(b"PK\5\6")] + entry * 20
    end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, count + 20, count + 20, len(central), start, 0)
    with pytest.raises(CodedError, match="larger than the file"):
        pth.read(file[:start] + central + end)


def test_random_damage_is_coded() -> None:
    good = zipped(named(tensor((2, 3), (3, 1)), tensor((2,), (2,), 1)), SIX)
    rng = random.Random(1)
    for _ in range(400):
        damaged = bytearray(good)
        for _ in range(rng.randrange(1, 6)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        try:
            found = pth.read(bytes(damaged[: rng.choice((len(damaged), rng.randrange(len(damaged))))]))
        except CodedError as error:
            assert error.code == "E_CHECKPOINT"
        else:
            assert all(isinstance(array, np.ndarray) for array in found.values())


def test_missing_entry_is_named() -> None:
    with pytest.raises(CodedError, match="no entry 'model'"):
        pth.read(zipped(named(tensor((6,), (1,)))), "model")


@pytest.mark.parametrize("name", FILES)
def test_published_checkpoints_are_read_as_torch_reads_them(name: str, shared: Path) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    path = shared / "weights" / name
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    theirs = torch.load(path, map_location="cpu", weights_only=True)
    theirs = theirs[FILES[name]] if FILES[name] else theirs
    ours = pth.read(path, FILES[name])
    assert list(ours) == list(theirs)
    for key, values in theirs.items():
        assert ours[key].dtype == values.numpy().dtype and np.array_equal(ours[key], values.numpy()), key


@pytest.mark.parametrize("new", [True, False], ids=["zip", "before 1.6"])
def test_what_torch_writes_is_read(new: bool, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    whole = torch.arange(60, dtype=torch.float64).reshape(3, 4, 5)
    state = {"a": whole, "b": whole[1:, ::2].transpose(1, 2), "c": torch.tensor(3), "d": torch.zeros(0, 2).half()}
    module = torch.nn.BatchNorm2d(3).state_dict()  # an OrderedDict with attributes
    torch.save({"x": module | state, "y": [1, 2.5, "text", None, (True, False)]}, tmp_path / "x.pth",
               _use_new_zipfile_serialization=new)  # fmt: skip
    found = pth.read(tmp_path / "x.pth", "x")
    assert list(found) == [*module, *state]
    for key, values in (module | state).items():
        assert np.array_equal(found[key], values.numpy()) and found[key].shape == tuple(values.shape)
