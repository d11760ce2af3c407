"""Comparisons that several tests make."""

import numpy as np
import skimp

from tests import oracle


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    """Equal in type, shape and every bit: signs of zeros and NaNs count."""
    return (
        a.dtype == b.dtype and a.shape == b.shape and bool((oracle.bits(a) == oracle.bits(b)).all())
    )


def sent_as_predicted(codec: str, report: skimp.Report) -> bool:
    """To the byte; of codecs whose payloads vary in size, at most."""
    if not oracle.codec(codec).fixed_size:
        return report.bytes_sent <= report.predicted_bytes
    return report.bytes_sent == report.predicted_bytes


def square(x: np.ndarray) -> float:
    """‖x‖², in float64."""
    wide = np.asarray(x, np.float64)
    return float(wide @ wide)
