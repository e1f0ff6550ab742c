"""Cards: every key is checked, in one line that says what to change."""

import hashlib
from pathlib import Path

import pytest

from bench.errors import UserError
from bench.harness import registry

ABOUT = 'name = "mine"\nversion = "1"\nlicence = "MIT"\n'
PROGRAM = ABOUT + 'command = ["true"]\n'
SERVICE = ABOUT + 'url = "http://127.0.0.1:9/x"\nscore = "ai"\n'
MODEL = b"no model, but a file with a digest"
NETWORK = ABOUT + f'model = "net.onnx"\nsha256 = "{hashlib.sha256(MODEL).hexdigest()}"\npolicy = "crop"\nsize = 8\n'
TORCH = NETWORK.replace("net.onnx", "net.pth") + 'build = "net.py:build"\n'


@pytest.fixture
def card(tmp_path: Path):
    (tmp_path / "net.onnx").write_bytes(MODEL)
    (tmp_path / "net.pth").write_bytes(MODEL)
    (tmp_path / "net.py").write_text("def build():\n    raise AssertionError('not while the card is read')\n")

    def write(text: str) -> str:
        path = tmp_path / "mine.toml"
        path.write_text(text, "utf-8")
        return str(path)

    return write


@pytest.mark.parametrize("text", [PROGRAM, SERVICE, NETWORK, TORCH], ids=["program", "service", "onnx", "torch"])
def test_card_is_a_detector_whose_repr_names_it(card, text: str) -> None:
    path = card(text + 'reads = "file"\ndefault_threshold = 0.5\nprobability = true\nbatch = 7\n')
    detector = registry.detector(path)
    info = detector.info
    assert repr(detector) == path
    assert registry.detector(repr(detector)) == detector and hash(registry.detector(path)) == hash(detector)
    assert (info.name, info.licence, info.reads, info.batch) == ("mine", "MIT", "file", 7)
    assert (info.default_threshold, info.probability) == (0.5, True)
    assert info.version.startswith("1+") and len(info.version) == 2 + 12
    assert info.weights_sha256 == (hashlib.sha256(MODEL).hexdigest() if "model" in text else "")
    changed = registry.detector(card(text + "batch = 8\n"))
    assert changed.info.version != info.version


def test_code_that_builds_a_module_is_part_of_its_version(card, tmp_path: Path) -> None:
    first = registry.detector(card(TORCH)).info.version
    (tmp_path / "net.py").write_text("def build():\n    raise AssertionError\n# changed\n")
    assert registry.detector(card(TORCH)).info.version != first


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name = ", "is no TOML"),
        ("a = [" * 5000, "is no TOML"),
        (ABOUT, "exactly one of model (a network), command (a program) and url (an HTTP endpoint); this one has none"),
        (PROGRAM + 'url = "http://x"\n', "this one has command and url"),
        (PROGRAM.replace('name = "mine"\n', ""), "name is missing"),
        (PROGRAM.replace("mine", "my detector"), "name must be 1..64 letters, digits or . _ + -, got 'my detector'"),
        (PROGRAM.replace("mine", "../mine"), "name must be"),
        (PROGRAM.replace('"1"', "1"), "version must be a text, got 1"),
        (PROGRAM.replace("MIT", ""), "version and licence must be texts of one line, not empty"),
        (PROGRAM + 'reads = "all"', "reads must be pixels, file or both, got 'all'"),
        (PROGRAM + "batch = 0", "batch must be in 1..1024, got 0"),
        (PROGRAM + "batch = 2.5", "batch must be a whole number, got 2.5"),
        (PROGRAM + 'probability = "yes"', "probability must be True or False, got 'yes'"),
        (PROGRAM + 'default_threshold = "0.5"', "default_threshold must be a finite number, got '0.5'"),
        (PROGRAM + "default_threshold = nan", "default_threshold must be a finite number, got nan"),
        (PROGRAM + "tiemout = 5", "unknown key in {path} 'tiemout'. Did you mean timeout? Available: model, command"),
        (PROGRAM + "timeout = 0", "timeout must be above 0 and at most 86400 seconds, got 0"),
        (PROGRAM + "timeout = nan", "timeout must be above 0 and at most 86400 seconds, got nan"),
        (PROGRAM.replace('["true"]', '"true"'), """command must be a list of texts such as ["python3", "score.py"]"""),
        (PROGRAM.replace('["true"]', "[]"), "command must be a list of texts"),
        (PROGRAM + 'env = {A = 1}', "env must be a table of texts, got {{'A': 1}}"),
        (SERVICE.replace("http://127.0.0.1:9/x", "ftp://x"), "url must start with http:// or https:// and name a host"),
        (SERVICE.replace("127.0.0.1:9", "me:secret@host"), "url must not hold a user or password; put the key into an"),
        (SERVICE.replace("127.0.0.1:9", "127.0.0.1:port"), "url cannot be read"),
        (SERVICE.replace('"ai"', '"a..b"'), "score must be a path such as result.ai or images.*.ai, got 'a..b'"),
        (SERVICE.replace('score = "ai"', ""), "score is missing"),
        (SERVICE + 'encoding = "xml"', "encoding must be one of json, multipart, got 'xml'"),
        (SERVICE + 'method = "GET"', "method must be one of POST, PUT, got 'GET'"),
        (SERVICE + "retries = -1", "retries must be in 0..10, got -1"),
        (SERVICE + "rate = -2.0", "rate must be 0 (no limit) or requests per second, got -2"),
        (SERVICE + 'header = "X Key"', "header must be a name of letters, digits and -, got 'X Key'"),
        (SERVICE + 'body = {n = 1}', "body must be a table of texts"),
        (NETWORK.replace("net.onnx", "net.h5"), "model must be an .onnx, .safetensors, .pth, .pt or .bin file, got"),
        (NETWORK.replace("net.onnx", "none.onnx"), "none.onnx cannot be read: No such file or directory"),
        (NETWORK.replace('sha256 = "', 'sha256 = "0'), "net.onnx has SHA-256 {digest}, not the '0"),
        (NETWORK.replace("sha256", "digest"), 'if net.onnx is the right file, add: sha256 = "{digest}"'),
        (NETWORK.replace("crop", "zoom"), "policy must be one of resize_crop, resize, crop, native, got 'zoom'"),
        (NETWORK.replace('policy = "crop"\n', ""), "policy is missing"),
        (NETWORK.replace("size = 8", ""), "size must be 1..8192 or two of these (height, width), got 0"),
        (NETWORK.replace("size = 8", "size = [8, 8, 8]"), "size must be 1..8192 or two of these"),
        (NETWORK.replace("crop", "resize_crop") + "short_side = 7", "short_side must be at least the size 8"),
        (NETWORK + 'interpolation = "area"', "interpolation must be one of nearest, box, bilinear, hamming,"),
        (NETWORK + 'channels = "grb"', "channels must be one of rgb, bgr, got 'grb'"),
        (NETWORK + 'layout = "chw"', "layout must be one of nchw, nhwc, got 'chw'"),
        (NETWORK + "mean = 0.5", "mean must be 3 numbers, got 0.5"),
        (NETWORK + "mean = [nan, 0, 0]", "mean must be 3 numbers"),
        (NETWORK + "std = [1, 0, 1]", "std must not be 0"),
        (NETWORK + "value_range = [0]", "value_range must be 2 numbers, got [0]"),
        (NETWORK + "pad = 256", "pad must be in 0..255, got 256"),
        (NETWORK + 'activation = "tanh"', "activation must be one of none, sigmoid, softmax, log_odds, got 'tanh'"),
        (NETWORK + "index = -1", "index must be a whole number of 0 or more, got -1"),
        (NETWORK + "output = true", "output must be a name or a number, got True"),
        (NETWORK + 'higher = "real"', "higher must be ai or human, got 'real'"),
        (NETWORK + 'build = "net.py:build"', "unknown key in {path} 'build'"),
        (TORCH.replace("net.py:build", "net.py"), "build must be file.py:attr or module:attr, got 'net.py'"),
        (TORCH.replace("net.py:build", "no.py:build"), "build no.py:build cannot be read: No such file or directory"),
        (TORCH + 'device = "tpu"', "device must be cpu or cuda, got 'tpu'"),
    ],
)  # fmt: skip
def test_card_that_cannot_be_used_is_one_line(card, text: str, said: str) -> None:
    path = card(text)
    with pytest.raises(UserError) as raised:
        registry.detector(path)
    message = str(raised.value)
    assert said.format(path=path, digest=hashlib.sha256(MODEL).hexdigest()) in message
    assert message.startswith(path) or f"in {path}" in message
    assert "\n" not in message


def test_missing_card_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.toml: no such file"):
        registry.detector(str(tmp_path / "none.toml"))
    with pytest.raises(UserError, match="cannot be read: Is a directory"):
        (tmp_path / "folder.toml").mkdir()
        registry.detector(str(tmp_path / "folder.toml"))
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match="is no TOML"):
        registry.detector(str(tmp_path / "bytes.toml"))


def test_card_stands_in_suites_and_on_the_command_line(card, tmp_path: Path, tools, washtest, monkeypatch) -> None:
    from bench.harness.plan import load_suite

    path = card(PROGRAM)
    (tmp_path / "suite.toml").write_text(f'attacks = ["Jpeg"]\ndetectors = ["declared", "{path}"]\n')
    assert [d.info.name for d in load_suite(str(tmp_path / "suite.toml")).detectors] == ["declared", "mine"]
    picture = tmp_path / "a.jpg"
    picture.write_bytes(tools.encode(tools.texture(1)))
    answer = washtest("detect", path, picture, "--json")  # "true" says nothing
    assert answer.code == 1 and answer.json[0]["status"] == "error" and "E_OUTPUT" in answer.json[0]["detail"]
    monkeypatch.chdir(tmp_path)
    assert washtest("detect", "mine.toml", "a.jpg").code == 1
    assert washtest("detect", "nine.toml", "a.jpg").code == 2
