"""A run's copy behind the S3 API: moto's server is another's work, asked over HTTP as AWS or MinIO would be."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("s3fs", reason="s3fs is not installed")
pytest.importorskip("moto.server", reason="moto[server] is not installed")

import fsspec
from moto.server import ThreadedMotoServer

from bench import records
from bench.analysis.pipeline import render_tables
from bench.errors import UserError
from bench.harness import mirror_claim
from bench.harness import store as store_module
from bench.harness.engines.local import LocalEngine
from bench.harness.mirror import Mirror
from bench.harness.plan import make_plan
from bench.harness.run import Progress, run_plan
from bench.harness.shards import Shard


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An empty object store, as the environment of docs/clusters.md names it, that holds a bucket."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in (("ENDPOINT_URL", f"http://{host}:{port}"), ("ACCESS_KEY_ID", "key"),
                        ("SECRET_ACCESS_KEY", "secret"), ("DEFAULT_REGION", "us-east-1")):  # fmt: skip
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setattr(mirror_claim, "SETTLE", 0)
    monkeypatch.setattr(store_module, "SHARD_VIEWS", 5)
    files = fsspec.filesystem("s3")
    files.mkdir("bucket")
    yield files
    monkeypatch.undo()
    files.rm("bucket", recursive=True)  # of this process, not of this server
    files.clear_instance_cache()
    server.stop()


def run(plan: Any, out: Path, url: str, stop_after: int = 10**6) -> Any:
    steps = iter(range(1, 10**6))

    def step(views: int, errors: int) -> None:
        if next(steps) == stop_after:
            raise KeyboardInterrupt

    progress = Progress(lambda text: None, lambda total, done: None, step, lambda: None)
    return run_plan(plan, out, LocalEngine(0), progress, "washtest run made-up", mirror=Mirror(url))


def test_interrupted_resumed_and_merged_from_an_object_store(
    tiny: Path, s3: Any, tools, washtest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = tools.plan(tiny, detectors=["declared", "header"])
    tools.measure(plan, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(plan, tmp_path / "first", "s3://bucket/run", stop_after=4)
    assert len(Mirror("s3://bucket/run").shards()) > 0
    assert run(plan, tmp_path / "second", "s3://bucket/run").skipped == 4
    assert not s3.exists("bucket/run/writer.json")

    for i in (1, 2):
        run(make_plan(plan.suite, plan.dataset, None, Shard(i, 2)), tmp_path / f"{i}", f"s3://bucket/part-{i}")
    monkeypatch.setattr("bench.cli.merging.judged", lambda folder, say: 0)  # drawing takes seconds
    answer = washtest("merge", "s3://bucket/part-*", "--out", tmp_path / "merged", "-q")
    assert (answer.code, answer.err) == (0, "")
    for name in ("second", "merged"):
        tools.assert_same_records(tmp_path / name, tmp_path / "whole")
        assert render_tables(tmp_path / name) == render_tables(tmp_path / "whole")
    assert records.read_header(tmp_path / "second") == Mirror("s3://bucket/run").header()


def test_what_another_machine_wrote_is_seen_at_once(tiny: Path, s3: Any, tools, tmp_path: Path) -> None:
    """Although s3fs keeps listings, and looks in them for files that came later."""
    import boto3

    assert s3.ls("bucket") == []
    mirror = Mirror("s3://bucket/run")
    assert mirror.header() is None and mirror.shards() == set()
    header = {"schema_version": records.SCHEMA_VERSION}
    boto3.client("s3").put_object(Bucket="bucket", Key="run/notes", Body=b"")
    assert s3.ls("bucket/run") == ["bucket/run/notes"]
    boto3.client("s3").put_object(Bucket="bucket", Key="run/run.json", Body=json.dumps(header).encode())
    assert mirror.header() == header


def test_missing_keys_are_one_line(s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    s3.clear_instance_cache()
    with pytest.raises(UserError, match=r"^s3://bucket/run cannot be reached \(NoCredentialsError: Unable to locate"):
        store_module.Store(tmp_path / "run", Mirror("s3://bucket/run")).__enter__()
