"""Runs the bench's command as its user does, with fewer and smaller arrays."""

import json
from typing import Any, NamedTuple

from skimp.bench import main

QUICK = ("-n", "2", "-w", "0", "-b", "4K", "-e", "4K")


class Result(NamedTuple):
    status: int
    document: dict[str, Any]


def bench(tmp_path, *arguments: str) -> Result:
    file = tmp_path / "bench.json"
    name, *options = arguments
    status = main([name, *QUICK, *options, "--json", str(file)])
    return Result(status, json.loads(file.read_text()) if file.exists() else {})
