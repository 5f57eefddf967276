"""The command into Parquet, beside other engines."""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from machine import ROOT
from runs import WORK, Body, Comparison, Run, curl, license_stream, measured

OUT = WORK / "out"
ONE_CORE = ("taskset", "-c", "0")


def ours(body: Body, http: bool = False, prefix: tuple[str, ...] = ()) -> Run:
    run = license_stream("parquet", body, http, "--out", str(OUT), prefix=prefix)
    run.written = sum(file.stat().st_size for file in OUT.glob("*.parquet"))
    shutil.rmtree(OUT)
    return run


def engine_command(name: str, source: str, out: Path, threads: str, columns: str) -> list[str]:
    return [sys.executable, str(ROOT / "benches/to_parquet.py"), name, source, str(out), threads, columns]


def engine(name: str, body: Body, columns: str, *, http: bool = False, prefix: tuple[str, ...] = ()) -> Run:
    OUT.mkdir(exist_ok=True)
    out = OUT / "licenses.parquet"
    source = "/dev/stdin" if http else str(body.file)
    command = [*prefix, *engine_command(name, source, out, "1" if prefix else "all", columns)]
    run, printed = measured(curl(body), command) if http else measured(command)
    result = json.loads(printed)
    assert result["rows"] == body.records, result
    run.seconds, run.written = result["seconds"], out.stat().st_size
    shutil.rmtree(OUT)
    return run


def into_parquet(*, whole: Body, lean: Body) -> Iterator[Comparison]:
    for columns, corpus, name in [("typed", lean, "no `remote_data`"), ("json", whole, "`remote_data` as JSON")]:
        for prefix, where, goal in [(ONE_CORE, "one core", "1.5×"), ((), "all cores", "2×")]:
            yield Comparison(
                f"file → Parquet, {name}, {where}",
                "DuckDB",
                "2×" if columns == "json" else goal,
                corpus.bytes,
                lambda corpus=corpus, prefix=prefix: ours(corpus, prefix=prefix),
                lambda corpus=corpus, columns=columns, prefix=prefix: engine("duckdb", corpus, columns, prefix=prefix),
            )
    for name, peer in [("polars", "Polars"), ("pyarrow", "pyarrow")]:
        yield Comparison(
            "file → Parquet, no `remote_data`, all cores",
            peer,
            "",
            lean.bytes,
            lambda: ours(lean),
            lambda name=name: engine(name, lean, "typed"),
        )
    yield Comparison(
        "HTTP → Parquet, `remote_data` as JSON",
        "`curl \\| duckdb`",
        "2.5×",
        whole.bytes,
        lambda: ours(whole, http=True),
        lambda: engine("duckdb", whole, "json", http=True),
    )
    yield Comparison(
        "HTTP → Parquet, `remote_data` as JSON",
        "the same from a file",
        "0.9×",
        whole.bytes,
        lambda: ours(whole, http=True),
        lambda: ours(whole),
    )
