"""What is known of published detectors: weights, licence, preprocessing, and what their authors and others measured.

Facts only; ``bench.detectors.published`` runs them. Digests that the authors did not publish are those that several
independent projects state for the same file; ``digest`` says so.
"""

from __future__ import annotations

from dataclasses import dataclass

from bench.neural.preprocessing import Preprocessing

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True)
class Card:
    """One published detector.

    Attributes:
        name: as in tables.
        paper: citation and address.
        source: repository and commit of the code that was followed.
        licence: of the weights; what the repository says, and "none stated" where it says nothing.
        weights: name in ``bench.weights``; "" where no file of weights can be pinned.
        file: that holds the detector's own weights, of those.
        digest: where the SHA-256 comes from.
        architecture: of the network.
        preprocessing: as published; ``notes`` says where the publication leaves it open.
        figures: published results, to set our own beside.
        notes: what a reader of our figures must know.
        golden: the logit for ``golden_picture()``, or None: unknown, since the weights were not at hand.
    """

    name: str
    paper: str
    source: str
    licence: str
    weights: str
    file: str
    digest: str
    architecture: str
    preprocessing: Preprocessing
    figures: str
    notes: str
    golden: float | None = None


CARDS: tuple[Card, ...] = (
    Card(
        name="cnndetection",
        paper="Wang et al., CNN-Generated Images Are Surprisingly Easy to Spot... for Now, CVPR 2020, "
        "https://arxiv.org/abs/1912.11035",
        source="github PeterWang512/CNNDetection@0d78cc1",
        licence="CC-BY-NC-SA-4.0",
        weights="cnndetection",
        file="blur_jpg_prob0.5.pth",
        digest="not by the authors; two independent copies of the file agree",
        architecture="ResNet-50, one logit; trained on ProGAN with blur and JPEG augmentation (probability 0.5)",
        preprocessing=Preprocessing("crop", size=224, mean=IMAGENET_MEAN, std=IMAGENET_STD),
        figures="AP at a 224-pixel crop: ProGAN 100.0, StyleGAN 98.5, StyleGAN2 98.0, BigGAN 88.2, CycleGAN 96.8, "
        "GauGAN 98.1, Deepfake 66.3; AIGIBench accuracy on real / fake: 98.2 / 11.6",
        notes="The paper's crop of 224 pixels; its authors found uncropped pictures a little better since.",
    ),
    Card(
        name="npr",
        paper="Tan et al., Rethinking the Up-Sampling Operations in CNN-based Generative Network for Generalizable "
        "Deepfake Detection, CVPR 2024, https://arxiv.org/abs/2312.10461",
        source="github chuangchuangtan/NPR-DeepfakeDetection@68338a0",
        licence="none stated",
        weights="npr",
        file="model_epoch_last_3090.pth",
        digest="not by the authors; of the file at that commit, as an independent audit states it",
        architecture="the difference to each 2 x 2 cell's first pixel, then two stages of ResNet-50, one logit; "
        "trained on four classes of ProGAN",
        preprocessing=Preprocessing("native", multiple=2, longest=1024, mean=IMAGENET_MEAN, std=IMAGENET_STD),
        figures="mean accuracy over 16 generators of AIGCDetectBenchmark 91.7, mean AP over 8 GANs 96.1; AIGIBench "
        "accuracy on real / fake: 93.8 / 41.9",
        notes="At native resolution, as for AIGCDetectBenchmark, where odd sizes lose a row or column; the code for "
        "other sets resizes to 256 pixels, which destroys what is looked for. Only the centre 1024 pixels are taken.",
    ),
    Card(
        name="universalfakedetect",
        paper="Ojha, Li and Lee, Towards Universal Fake Image Detectors that Generalize Across Generative Models, "
        "CVPR 2023, https://arxiv.org/abs/2302.10174",
        source="github WisconsinAIVision/UniversalFakeDetect@76a0e3e",
        licence="MIT (code; of the weights nothing is said apart); CLIP: MIT",
        weights="universalfakedetect",
        file="fc_weights.pth",
        digest="not by the authors; head: an independent audit; CLIP: several independent projects",
        architecture="CLIP ViT-L/14, frozen, and one linear layer on its image features; trained on ProGAN",
        preprocessing=Preprocessing("crop", size=224, mean=CLIP_MEAN, std=CLIP_STD),
        figures="AIGIBench accuracy on real / fake: 73.3 / 71.5; mean accuracy on AIGCDetectBenchmark 78.4",
        notes="A crop without resize, as the code has it now; when the weights were published it resized to 256 first. "
        "CLIP's 1.7 GB are read at the start and take about 4 GB of memory in each worker.",
    ),
    Card(
        name="community-forensics",
        paper="Park and Owens, Community Forensics: Using Thousands of Generators to Train Fake Image Detectors, "
        "CVPR 2025, https://arxiv.org/abs/2411.04125",
        source="huggingface OwensLab/commfor-model-384@6076002; github JeongsooP/Community-Forensics@5e52ed6",
        licence="MIT",
        weights="community-forensics",
        file="commfor-model-384.safetensors",
        digest="of the file's entry in its repository; several independent projects pin it",
        architecture="ViT-S/16 for 384 pixels (timm's augreg, though the paper says CLIP), one logit; trained on 4,782 "
        "generators",
        preprocessing=Preprocessing("resize_crop", size=384, short_side=440, mean=IMAGENET_MEAN, std=IMAGENET_STD),
        figures="at a fixed threshold of 0.65: clean 75.8, web copy (768 pixels, JPEG 60) 65.9, hard copy (512 pixels, "
        "JPEG 40) 56.5 % accuracy (an independent audit)",
        notes="Of the two published sizes the larger, which the paper calls its best.",
    ),
    Card(
        name="drct",
        paper="Chen et al., DRCT: Diffusion Reconstruction Contrastive Training towards Universal Detection of "
        "Diffusion Generated Images, ICML 2024, https://proceedings.mlr.press/v235/chen24ay.html",
        source="github beibuwandeluori/DRCT@01aa7d0",
        licence="none stated",
        weights="",
        file="14_acc0.9996.pth",
        digest="sha256 unknown: the weights are part of pretrained.zip of the ModelScope data set BokingChen/DRCT-2M",
        architecture="ConvNeXt-B (timm's convnext_base_in22k), 1024 features, two logits of which the second is AI; "
        "trained on Stable Diffusion 1.4 and its reconstructions",
        preprocessing=Preprocessing("crop", size=224, mean=IMAGENET_MEAN, std=IMAGENET_STD),
        figures="the tables of the README are pictures; BigGAN, corrected by the authors: 59.81 % accuracy",
        notes="Runs through a card of your own (key build) in an environment with torch and timm, with the digest that "
        "you state.",
    ),
)


def card(name: str) -> Card:
    """The card of this name.

    Raises:
        ValueError: there is none; says which there are.
    """
    found = next((one for one in CARDS if one.name == name), None)
    if found is None:
        raise ValueError(f"name must be one of {', '.join(one.name for one in CARDS)}, got {name!r}")
    return found
