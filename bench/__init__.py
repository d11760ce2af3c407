"""Benchmarks of Skimp's collectives and codecs, and the demo.

``python -m skimp bench`` measures (command.py), ``python -m skimp.bench.training`` trains a small
network with compressed gradients, and ``python -m skimp.bench.demo`` shows both. README.md derives
what they print.
"""

from skimp.bench.command import main

__all__ = ["main"]
