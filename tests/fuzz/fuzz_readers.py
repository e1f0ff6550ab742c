"""A coverage-guided fuzzer for every container reader and metadata label; a developer's tool, outside the test run.

    pip install atheris          # Linux, Python 3.11 to 3.13
    python tests/fuzz/fuzz_readers.py --seconds 600
    python tests/fuzz/fuzz_readers.py --flips       # every bit of a labelled file once, and every length of it
    python tests/fuzz/fuzz_readers.py --replay FILE # what one input does; with --minimise also its smallest form

Findings land in ``WORK/findings``, one file each beside a line in ``findings.tsv``; the corpus stays in ``WORK/corpus``
and the next run goes on from there. What is mended becomes a test in ``tests/labels/test_mutated_files.py``.
"""

import argparse
import contextlib
import csv
import hashlib
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
SPECIMENS = ROOT.parent / "shared" / "specimens" / "files"
PACKAGES = ("bench.containers", "bench.labels")
#: Longest input. Real specimens are taken where they are at most half as long, so that most runs stay short.
MOST_BYTES = 32_000
_EXAMPLES = 3  # of one kind of finding that are kept


class Notes:
    """What was found, written down as it happens, since the process may die of the next input."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seen: Counter[tuple[str, str]] = Counter()
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, data: bytes, findings: list) -> None:
        for finding in findings:
            self.seen[finding.kind, finding.where] += 1
            if self.seen[finding.kind, finding.where] > _EXAMPLES:
                continue
            name = hashlib.sha256(data).hexdigest()[:12]
            (self.folder / name).write_bytes(data)
            row = (name, str(len(data)), *(" ".join(part.split())[:200] for part in finding))
            with (self.folder / "findings.tsv").open("a", encoding="utf-8", newline="") as file:
                csv.writer(file, delimiter="\t", lineterminator="\n").writerow(row)
            print("\t".join(row), flush=True)


def fuzz(work: Path, seconds: int, seed: int) -> None:
    """One process of libFuzzer; it ends with the time, or dies of a crash that Python cannot catch."""
    import atheris

    with atheris.instrument_imports(include=list(PACKAGES)):
        from tests.fuzz import mutate, oracle, seeds

        starts = [media.data for media in seeds.everything().values()] + specimens()
    corpus = work / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for data in starts:
        (corpus / hashlib.sha256(data).hexdigest()[:20]).write_bytes(data)
    notes = Notes(work / "findings")

    def one(data: bytes) -> None:
        notes.add(data, oracle.examine(data))

    def change(data: bytes, longest: int, number: int) -> bytes:
        rng = random.Random(number)
        if rng.random() < 0.25:
            return atheris.Mutate(data, longest)
        new = mutate.mutated(data, rng, rng.choice(starts))
        return new if len(new) <= longest else atheris.Mutate(data, longest)

    options = {
        "max_total_time": seconds, "max_len": MOST_BYTES, "timeout": 20, "rss_limit_mb": 3000, "seed": seed,
        "print_final_stats": 1, "reload": 0, "verbosity": 1,
    }  # fmt: skip
    flags = [f"-{name}={value}" for name, value in options.items()]
    atheris.Setup([sys.argv[0], *flags, f"-artifact_prefix={work}/crash-", str(corpus)], one, custom_mutator=change)
    atheris.Fuzz()


def specimens() -> list[bytes]:
    """Real files that are short enough, where this machine has them; they are never copied into the repository."""
    files = sorted(path for path in SPECIMENS.rglob("*") if path.is_file()) if SPECIMENS.is_dir() else []
    return [path.read_bytes() for path in files if path.stat().st_size <= MOST_BYTES // 2]


def repeat(work: Path, seconds: int) -> None:
    """Fuzzing processes one after another until the time is over: a crash ends one of them and not the run."""
    end = time.monotonic() + seconds
    while (left := int(end - time.monotonic())) > 0:
        seed = random.SystemRandom().randrange(1, 1 << 31)
        command = [sys.executable, __file__, "--work", str(work), "--one-process", str(seed), "--seconds", str(left)]
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True, errors="replace", check=False)
        with (work / "libfuzzer.log").open("a", encoding="utf-8") as log:
            log.write(done.stderr)
        stats = [line for line in done.stderr.splitlines() if line.startswith("stat::") or " DONE " in line]
        print(f"exit status {done.returncode}", *stats, sep="\n", flush=True)


def flips(work: Path, stride: int) -> None:
    """Labelled files with one bit wrong, or cut: a label that was read there may be damaged and never absent."""
    from bench.labels import METADATA
    from bench.media import Media
    from tests.fuzz import oracle, seeds

    notes = Notes(work / "findings")
    count = 0
    for name, media in {**seeds.labelled(), **seeds.elsewhere()}.items():
        labels = [label for label in METADATA if label.read(media).state == "present"]
        damaged = [media.data[:size] for size in range(0, len(media.data), stride)]
        for bit in range(0, 8 * len(media.data), stride):
            data = bytearray(media.data)
            data[bit >> 3] ^= 1 << (bit & 7)
            damaged.append(bytes(data))
        for data in damaged:
            count += 1
            for label in labels:
                reading = label.read(Media(data, media.mime))
                found = oracle.judged(label, Media(data, media.mime), reading)
                if reading.state == "absent":
                    found.append(oracle.Finding(f"vanished {name}", label.name, "one flipped bit, or cut off"))
                notes.add(data, found)
    print(count, "files read;", len(notes.seen), "kinds of findings", dict(notes.seen))


def minimised(data: bytes) -> bytes:
    """The shortest form found by leaving stretches out that still gives one of the same findings."""
    from tests.fuzz import oracle

    wanted = {(f.kind, f.where) for f in oracle.examine(data)}
    size = len(data) // 2
    while size and wanted:
        at = 0
        while at < len(data):
            shorter = data[:at] + data[at + size :]
            if wanted & {(f.kind, f.where) for f in oracle.examine(shorter)}:
                data = shorter
            else:
                at += size
        size //= 2
    return data


def replay(path: Path, minimise: bool) -> None:
    """Findings of one file, or of a folder of them with the lines of the readers that they reach."""
    from tests.fuzz import coverage, oracle

    if path.is_dir():
        files = [file for file in sorted(path.iterdir()) if file.suffix != ".tsv"]
        with coverage.lines(PACKAGES) as reached:
            found = [finding for file in files for finding in oracle.examine(file.read_bytes())]
        print(coverage.table(reached, PACKAGES))
    else:
        found = oracle.examine(path.read_bytes())
    print(*(f"{f.kind}\t{f.where}\t{f.detail}" for f in sorted(set(found))), f"{len(found)} findings", sep="\n")
    if minimise and path.is_file():
        smaller = path.with_name(path.name + ".min")
        smaller.write_bytes(minimised(path.read_bytes()))
        print(smaller, smaller.stat().st_size, "bytes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "washtest-fuzz")
    parser.add_argument("--flips", action="store_true")
    parser.add_argument("--stride", type=int, default=1, help="take every n-th bit and length")
    parser.add_argument("--replay", type=Path)
    parser.add_argument("--minimise", action="store_true")
    parser.add_argument("--one-process", type=int, metavar="SEED", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    if options.replay:
        replay(options.replay, options.minimise)
    elif options.flips:
        flips(options.work, options.stride)
    elif options.one_process is not None:
        fuzz(options.work, options.seconds, options.one_process)
    else:
        with contextlib.suppress(KeyboardInterrupt):
            repeat(options.work, options.seconds)


if __name__ == "__main__":
    main()
