"""Provider profiles: the labels that a typical file of a provider holds, written the way it writes them.

Named ``<provider>-like``: the producer, the signature and the certificate in them are our own, so no file made here can
pass for one of theirs. Who was seen to write what:

* ``doubao-like``, ``jimeng-like``: two files of these services, 2026; the packets are equal byte for byte (a test).
* ``kling-like``, ``runway-like``, ``meta-like``, ``xai-like``: descriptions of files of 2026 in
  github.com/wiltodelta/remove-ai-watermarks (``data/fixtures/README.md``, ``docs/supported-signals.md``).
* ``openai-like``: reports of pictures saved from ChatGPT, whose own manifest only opens and converts what the manifest
  of its ingredient says was generated.
* ``google-photos-like``: Google's announcement of 2024-10-24 and files of 2025 as described in public scripts: IPTC's
  composite source type and the credit line "Edited with Google AI".
* ``a1111-like``, ``comfyui-like``: what these programs write, seen in the test files of
  github.com/enslo/sd-metadata and in pictures saved by ComfyUI.
"""

from __future__ import annotations

from bench.labels.base import Label
from bench.labels.c2pa import C2PA
from bench.labels.exif import ExifSignature
from bench.labels.gb45438 import GB45438
from bench.labels.iptc import IPTC
from bench.labels.parameters import Parameters

#: Name of the bundle -> its labels; each is written where the file's format has a place for it.
PROFILES: dict[str, tuple[Label, ...]] = {
    "doubao-like": (GB45438(profile="doubao"),),
    "jimeng-like": (GB45438(profile="jimeng"),),
    "kling-like": (GB45438(position="png-text"),),
    "openai-like": (C2PA(style="ingredient"),),
    "runway-like": (C2PA(style="active"),),
    "meta-like": (IPTC(profile="meta"),),
    "google-photos-like": (IPTC(profile="google-photos"),),
    "xai-like": (ExifSignature(),),
    "a1111-like": (Parameters(), Parameters(position="exif")),
    "comfyui-like": (Parameters(style="comfyui"), Parameters(style="comfyui", position="exif")),
}
