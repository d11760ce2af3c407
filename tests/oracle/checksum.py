"""The order-free checksum of payloads, headers and plan texts."""

import numpy as np

MASK = (1 << 64) - 1


def checksum(data: bytes) -> int:
    padded = data + bytes(-len(data) % 8)
    words = np.frombuffer(padded, "<u4").astype(np.uint64)
    index = np.arange(1, len(words) + 1, dtype=np.uint64)
    keyed = (words + index * np.uint64(0x9E3779B1)) & np.uint64(0xFFFFFFFF)
    total = int(np.sum(keyed[0::2] * keyed[1::2], dtype=np.uint64))  # modulo 2⁶⁴
    return mix(total, len(data))


def mix(total: int, length: int) -> int:
    x = total ^ (length * 0x9E3779B97F4A7C15 & MASK)
    x = (x ^ x >> 33) * 0xFF51AFD7ED558CCD & MASK
    x = (x ^ x >> 33) * 0xC4CEB9FE1A85EC53 & MASK
    return x ^ x >> 33
