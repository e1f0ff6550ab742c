"""Generation parameters: the text or graph that Stable Diffusion programs leave in their pictures.

No standard; the programs' own formats. A1111 (AUTOMATIC1111's web UI, its forks, Civitai): a text in the PNG keyword
``parameters``, in other formats in EXIF UserComment, as the project's wiki describes under "PNG Info". ComfyUI: two
JSON graphs in the PNG keywords ``prompt`` and ``workflow``; in WebP behind these words and a colon in the EXIF fields
Model and Make, as its ``nodes_images.py`` writes them. Reading also knows what other programs do with them.
"""

from __future__ import annotations

import json
import re
from typing import Any

from bench import containers
from bench.containers import png, tiff, tiff_edit
from bench.errors import CodedError
from bench.labels import annex_e, exif_text, xmp
from bench.labels.base import Claim, Reading, nothing_read, read_file
from bench.media import Media
from bench.settings import settings

STYLES = ("a1111", "comfyui")
#: Where it is written, and into which formats: what the programs themselves do.
POSITIONS: dict[str, tuple[str, ...]] = {
    "png-text": ("image/png",),
    "exif": ("image/jpeg", "image/webp"),
}
_MODEL = 0x0110
_KEYWORDS = ("parameters", "prompt", "workflow")
_STEPS = re.compile(r"(?:^|\n)Steps: *\d+,")
_NEGATIVE = "\nNegative prompt:"
_PAIR = re.compile(r'\s*([A-Za-z][\w ]{0,60}): *("(?:\\.|[^"\\])*"|[^,]*)(?:,|$)')
#: What no other text in a picture has: where it stands and nothing could be read, something is left of parameters.
_MARKERS = (b"Negative prompt:", b"CFG scale:", b'"class_type"', b"sui_image_params")
_GRAPH = re.compile(r"(?:prompt|workflow): ?(?=\{)", re.IGNORECASE)
#: A longer text than this is no generation parameters.
_MOST_CHARACTERS = 4_000_000
_UNWRITABLE = re.compile(r"\0|\n(?:Negative prompt:|Steps:)")


@settings
class Parameters:
    """What a Stable Diffusion program says of how it made the picture.

    Attributes:
        style: the program's format, ``a1111`` or ``comfyui``.
        position: ``png-text`` or ``exif`` (JPEG and WebP). Reading looks in both, whatever the style.
    """

    style: str = "a1111"
    position: str = "png-text"

    def __post_init__(self) -> None:
        if self.style not in STYLES:
            raise ValueError(f"style must be one of {', '.join(STYLES)}, got {self.style!r}")
        if self.position not in POSITIONS:
            raise ValueError(f"position must be one of {', '.join(POSITIONS)}, got {self.position!r}")

    @property
    def name(self) -> str:
        """The scheme."""
        return "parameters"

    @property
    def positions(self) -> tuple[str, ...]:
        """Where else it could be written, in order of preference."""
        return tuple(POSITIONS)

    def applies(self, mime: str) -> bool:
        """As PNG text: PNG; as EXIF: JPEG and WebP."""
        return mime in POSITIONS[self.position]

    def expected(self, claim: Claim) -> dict[str, str]:
        """What every one of these programs records."""
        return {"prompt": claim.prompt, "seed": str(claim.seed), "model": claim.system}

    def write(self, media: Media, claim: Claim) -> Media:
        """The same file with the parameters at their position; what else is there stays.

        Raises:
            CodedError: ``E_NOT_APPLICABLE`` for another format, ``E_CLAIM`` for a prompt that the format cannot hold,
                or as ``containers.set_text`` and ``containers.set_exif_fields``.
        """
        if not self.applies(media.mime):
            raise CodedError("E_NOT_APPLICABLE", f"{self.position} is not written into {media.mime}")
        if _UNWRITABLE.search("\n" + claim.prompt) or claim.prompt != claim.prompt.strip():
            raise CodedError("E_CLAIM", f"generation parameters cannot hold the prompt {claim.prompt[:60]!r}")
        if self.style == "a1111":
            width, height = media.size
            text = _a1111(claim, width, height)
            if self.position == "png-text":
                return media.spliced(containers.set_text(media.data, "parameters", text))
            values = {tiff.USER_COMMENT: exif_text.comment(text)}
            return media.spliced(containers.set_exif_fields(media.data, {}, values))
        graph, workflow = (json.dumps(part) for part in _comfyui(claim))
        if self.position == "png-text":
            data = containers.set_text(media.data, "prompt", graph)
            return media.spliced(containers.set_text(data, "workflow", workflow))
        fields = {_MODEL: tiff_edit.text(f"prompt:{graph}"), tiff.MAKE: tiff_edit.text(f"workflow:{workflow}")}
        return media.spliced(containers.set_exif_fields(media.data, fields))

    def read(self, media: Media) -> Reading:
        """The parameters in any place and format; of several, the one that says most."""
        return read_file(self, media, self._read, ("image/bmp", "image/gif"))

    def _read(self, media: Media) -> Reading:
        found, failure = _texts(media)
        parsed = [(position, fields) for position, text in found if (fields := _parsed(text)) is not None]
        if parsed:
            position, fields = max(parsed, key=lambda pair: len(pair[1]))  # the first of the fullest
            return Reading(self.name, position, "present", declares_ai=True, fields=fields)
        if any(position == "png-text" for position, _ in found):
            return nothing_read(self, "residue", CodedError("", "a PNG text with their keyword is no parameters"))
        return nothing_read(self, *xmp.nothing(media, (), _MARKERS, failure))


def _texts(media: Media) -> tuple[list[tuple[str, str]], CodedError | None]:
    """Position and text of everything that may be parameters, and what kept a place from being read."""
    found: list[tuple[str, str]] = []
    failure = None
    if media.mime == png.MIME:
        texts, failure = png.read_text(media.data, _KEYWORDS)
        found += [("png-text", text) for keyword in _KEYWORDS for name, text in texts if name == keyword]
    try:
        block = containers.exif(media.data)
        if block:
            found += [("exif", text) for text in exif_text.comments(block) if _hints(text)]
            fields = exif_text.texts(media.data, (_MODEL, tiff.MAKE, tiff.IMAGE_DESCRIPTION))
            found += [("exif", text) for text in fields.values() if _GRAPH.match(text)]
    except CodedError as error:
        failure = failure or error
    return found, failure


def _hints(text: str) -> bool:
    """Whether a comment, which may be anybody's, can be parameters at all."""
    return bool(_STEPS.search(text)) or text.lstrip().startswith("{")


def _parsed(text: str) -> dict[str, str] | None:
    """Prompt, seed and model, those that are there; None for what is no generation parameters."""
    if len(text) > _MOST_CHARACTERS:
        return None
    match = _GRAPH.match(text)
    body = text[match.end() :] if match else text.strip()
    if body.startswith("{"):
        try:
            return _parsed_json(json.loads(body, strict=False))
        except (ValueError, RecursionError):
            return None
    steps = _STEPS.search(body)
    if steps is None:
        return None
    prompt = f"\n{body[: steps.start()]}".partition(_NEGATIVE)[0].strip()
    pairs = {name.strip().lower(): value.strip() for name, value in _PAIR.findall(body[steps.start() :])}
    fields = {"prompt": prompt}
    for name in ("seed", "model"):
        if name in pairs:
            fields[name] = annex_e.speakable(_unquoted(pairs[name])[:1000])
    return fields


def _unquoted(value: str) -> str:
    if value.startswith('"'):
        try:
            return str(json.loads(value))
        except ValueError:
            return value
    return value


def _parsed_json(content: Any) -> dict[str, str] | None:
    if not isinstance(content, dict):
        return None
    swarm = content.get("sui_image_params")
    if isinstance(swarm, dict):
        return _texts_of({name: swarm.get(name) for name in ("prompt", "seed", "model")})
    graph = content.get("prompt")
    if isinstance(graph, str):
        try:
            graph = json.loads(graph)
        except (ValueError, RecursionError):
            graph = None
    for candidate in (graph, content):
        if isinstance(candidate, dict):
            nodes = [node for node in candidate.values() if isinstance(node, dict) and "class_type" in node]
            if nodes:
                return _of_graph(candidate, nodes)
    if isinstance(content.get("nodes"), list) and "links" in content:
        return {}  # ComfyUI's other graph, of boxes on its canvas: it says who made the picture, and nothing by name
    return None


def _of_graph(graph: dict[str, Any], nodes: list[dict[str, Any]]) -> dict[str, str]:
    """What the first node that has it says: a sampler's seed and prompt, a loader's model."""
    inputs = [node["inputs"] for node in nodes if isinstance(node.get("inputs"), dict)]

    def first(*names: str) -> Any:
        return next((i[n] for i in inputs for n in names if isinstance(i.get(n), (str, int))), None)

    asked = next((i["positive"] for i in inputs if isinstance(i.get("positive"), list) and i["positive"]), None)
    source = graph.get(str(asked[0])) if asked else None
    prompt = source.get("inputs", {}).get("text") if isinstance(source, dict) else None
    if not isinstance(prompt, str):
        prompt = first("text", "prompt")
    model = first("ckpt_name", "unet_name", "model_name")
    return _texts_of({"prompt": prompt, "seed": first("seed", "noise_seed"), "model": model})


def _texts_of(values: dict[str, Any]) -> dict[str, str]:
    texts = {name: str(value)[:100_000] for name, value in values.items() if isinstance(value, (str, int, float))}
    return {name: annex_e.speakable(text) for name, text in texts.items()}


def _a1111(claim: Claim, width: int, height: int) -> str:
    """The text of AUTOMATIC1111's web UI: prompt, negative prompt, one line of settings."""
    model = json.dumps(claim.system, ensure_ascii=False) if re.search(r'[,:"\n]', claim.system) else claim.system
    settings_line = f"Sampler: Euler a, CFG scale: 7, Seed: {claim.seed}, Size: {width}x{height}, Model: {model}"
    return f"{claim.prompt}{_NEGATIVE} blurry\nSteps: 20, {settings_line}"


def _comfyui(claim: Claim) -> tuple[dict[str, Any], dict[str, Any]]:
    """The default text-to-image graph, as it is executed (``prompt``) and as it is drawn (``workflow``)."""
    sampler = {
        "seed": claim.seed, "steps": 20, "cfg": 7.0, "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0,
        "model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0],
    }  # fmt: skip
    nodes: dict[str, tuple[str, dict[str, Any]]] = {
        "3": ("KSampler", sampler),
        "4": ("CheckpointLoaderSimple", {"ckpt_name": claim.system}),
        "5": ("EmptyLatentImage", {"width": 512, "height": 512, "batch_size": 1}),
        "6": ("CLIPTextEncode", {"text": claim.prompt, "clip": ["4", 1]}),
        "7": ("CLIPTextEncode", {"text": "blurry", "clip": ["4", 1]}),
        "8": ("VAEDecode", {"samples": ["3", 0], "vae": ["4", 2]}),
        "9": ("SaveImage", {"filename_prefix": "ComfyUI", "images": ["8", 0]}),
    }
    graph = {number: {"class_type": kind, "inputs": inputs} for number, (kind, inputs) in nodes.items()}
    ends = [(number, source) for number, (_, inputs) in nodes.items() for source in inputs.values()]
    links = [
        [index, int(source[0]), source[1], int(number), 0, "*"]
        for index, (number, source) in enumerate((end for end in ends if isinstance(end[1], list)), 1)
    ]
    drawn = [
        {
            "id": int(number),
            "type": kind,
            "widgets_values": [value for value in inputs.values() if not isinstance(value, list)],
        }
        for number, (kind, inputs) in nodes.items()
    ]
    return graph, {"last_node_id": 9, "last_link_id": len(links), "nodes": drawn, "links": links, "version": 0.4}
