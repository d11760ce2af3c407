"""Frames in the repository mean for ever what they meant when they were written."""

import numpy as np
import pytest
import skimp

from tests import oracle
from tests.comparing import same_bits
from tests.golden.generate import (
    FOLDER,
    GOOD,
    NO_ENCODER,
    corrupt_frames,
    decoded,
    good_frame,
    readme,
    values,
)


def stems(folder: str) -> list[str]:
    return sorted(path.stem for path in (FOLDER / folder).glob("*.bin"))


@pytest.mark.parametrize("name", stems("good"))
def test_good(name):
    codec, dtype, count = GOOD[name]
    frame = (FOLDER / "good" / f"{name}.bin").read_bytes()
    expected = np.fromfile(FOLDER / "good" / f"{name}.decoded", oracle.dtype(dtype))
    assert len(expected) == count
    assert same_bits(skimp.decode(frame), expected)
    if name not in NO_ENCODER:
        assert bytes(skimp.codec(codec).encode(values(name))) == frame


@pytest.mark.parametrize("name", stems("corrupt"))
def test_corrupt(name):
    frame = (FOLDER / "corrupt" / f"{name}.bin").read_bytes()
    with pytest.raises(skimp.CorruptPayload) as caught:
        skimp.decode(frame)
    print(caught.value)  # shown by pytest -rP: each should say what is wrong


def test_files_are_those_of_the_oracle():
    for name in GOOD:
        assert (FOLDER / "good" / f"{name}.bin").read_bytes() == good_frame(name)
        assert (FOLDER / "good" / f"{name}.decoded").read_bytes() == decoded(name)
    for name, damage in corrupt_frames().items():
        assert (FOLDER / "corrupt" / f"{name}.bin").read_bytes() == damage.frame
    assert stems("good") == sorted(GOOD) and stems("corrupt") == sorted(corrupt_frames())
    assert (FOLDER / "README.md").read_text() == readme()
