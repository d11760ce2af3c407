"""The command `python -m skimp bench`: options in, a table or JSON out, and the exit status."""

from __future__ import annotations

import datetime
import json
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import skimp
from skimp import _objects
from skimp.bench import codecs, columns, device, measure
from skimp.bench.launch import OK, WRONG, launch
from skimp.bench.options import Options, parse
from skimp.bench.ranks import Ranks, machine
from skimp.bench.table import Table, in_units


def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns its exit status."""
    command = shlex.join(["python", "-m", "skimp", "bench", *arguments])
    return launch(lambda: parse(arguments), lambda ranks, options: _bench(ranks, options, command))


def _bench(ranks: Ranks, options: Options, command: str) -> int:
    is_shown = ranks.is_first and options.json != "-"
    ranks.comm.set_pipeline(options.segment, options.window)
    if options.threads is not None:
        ranks.comm.set_threads(options.threads)
    table = Table(columns.of(options), sys.stdout if is_shown else None)
    about = _about(ranks, options)
    table.comment(_first_line(about))
    table.comment(_second_line(options))
    table.comment()
    table.head()
    measured: Iterator[Sequence[Any]]
    measured = (codecs if options.benchmark == "codec" else measure).measure(ranks, options)
    rows: list[Any] = []
    for block in measured:
        table.comment(_title(block[0]))
        for row in block:
            table.row(row)
        table.space()
        rows += block
    wrong = sum(row.wrong or 0 for row in rows)
    table.comment(f"wrong elements: {wrong}")
    if options.json is not None and ranks.is_first:
        document = {
            "command": command,
            **about,
            "rows": [asdict(row) for row in rows],
            "wrong": wrong,
        }
        _write_json(options.json, document)
    return WRONG if wrong else OK


def _about(ranks: Ranks, options: Options) -> dict[str, Any]:
    return {
        "skimp": skimp.__version__,
        "benchmark": options.benchmark,
        "ranks": ranks.size,
        "transport": ranks.transport,
        **machine(ranks),
        "isa": _objects.isa(),
        "device": None if options.device is None else device.opened(options.device).name,
        "options": asdict(options),
    }


def _first_line(about: dict[str, Any]) -> str:
    """What ran where."""
    ranks = "1 rank" if about["ranks"] == 1 else f"{about['ranks']} ranks"
    as_what = "as threads" if about["transport"] == "threads" else f"over {about['transport']}"
    where = "shared memory" if about["hosts"] == 1 else f"{about['hosts']} hosts"
    return (
        f"skimp {about['skimp']}, {about['benchmark']}: {ranks} {as_what}, {about['cores']} cores "
        f"({about['isa']}), {about['device'] or where}"
    )


def _second_line(options: Options) -> str:
    """What was done with what."""
    op = f"{options.op}, " if options.benchmark in ("allreduce", "reduce_scatter") else ""
    feedback = "off" if not options.feedback else "in place" if options.in_place else "on"
    return (
        f"{op}data {options.data}, error feedback {feedback}; bench/README.md derives the columns"
    )


def _title(row: Any) -> str:
    return f"{in_units(row.size)}: {row.count} {row.type}"


def _write_json(file: str, document: dict[str, Any]) -> None:
    text = json.dumps(document, indent=1)
    if file == "-":
        print(text)
        return
    path = Path(file)
    if path.is_dir():
        where = "-".join((document["device"] or "cpu").split())
        path /= f"{datetime.date.today()}-{where}-{document['benchmark']}.json".lower()
    path.write_text(text + "\n", encoding="utf-8")
