"""Damaged frames through the transport: CorruptPayload on every rank, whatever the codec."""

import pytest
import skimp
import skimp.testing

from tests.faults.calls import values
from tests.faults.ranks import PROMPT, outcomes
from tests.tables import CODECS

COUNTS = {"one message": 600, "header and payload": 120_000}
"""Elements, so that frames of 2 ranks are short or long; a few sparse codecs stay short."""


@pytest.mark.parametrize("text", CODECS)
@pytest.mark.parametrize("fault", ["corrupt", "truncate"])
@pytest.mark.parametrize("length", COUNTS)
@pytest.mark.parametrize("sender", [0, 1])
def test_damage_is_found(text, fault, length, sender):
    codec = skimp.codec(text)

    def worker(comm):
        x = values(COUNTS[length], comm.rank)
        for _ in range(2):
            comm.allreduce(x, codec=codec)
        if comm.rank == sender:
            skimp.testing.inject_fault(comm, fault)
        comm.allreduce(x, codec=codec)
        comm.barrier()  # who sent the last frame of the call cannot know that it was damaged

    for outcome in outcomes(2, worker):
        assert outcome.kind is skimp.CorruptPayload, outcome
        assert isinstance(outcome.error, ValueError)
        assert f"from rank {sender}" in outcome.message
        assert outcome.seconds < PROMPT
