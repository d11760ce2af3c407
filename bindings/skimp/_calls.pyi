"""Types of the Cython module; bindings/cython has the code, skimp.h the contracts."""

from typing import Any, TypeVar

B = TypeVar("B", bound=bytes)

def run(
    collective: int,
    communicator: int,
    source: Any,
    target: Any,
    dtype: int,
    codec: int,
    broadcast_codec: int,
    residual: int,
    algorithm: bytes | None,
    op: int,
    nonfinite: int,
    root: int,
    trim: int,
    graph: int,
    step_size: float,
    device: int,
    stream: int,
) -> bool: ...
def run_plan(
    plan: int, source: Any, target: Any, residual: int, device: int, stream: int
) -> bool: ...
def send(
    communicator: int,
    source: Any,
    dtype: int,
    dest: int,
    tag: int,
    codec: int,
    residual: int,
    device: int,
    stream: int,
) -> None: ...
def recv(
    communicator: int,
    target: Any,
    dtype: int,
    source: int,
    tag: int,
    device: int,
    stream: int,
) -> None: ...
def synchronise(
    communicator: int,
    source: Any,
    target: Any,
    anchor: Any,
    velocity: Any,
    dtype: int,
    momentum: float,
    learning_rate: float,
    nesterov: bool,
    codec: int,
    residual: int,
) -> None: ...
def pruning_sparsity(sparsity: float, period: int, warm_up: int, step: int) -> float: ...
def prune(
    communicator: int,
    source: Any,
    target: Any,
    dtype: int,
    sparsity: float,
    period: int,
    warm_up: int,
    precision: int,
    mask: Any,
    steps: int,
) -> None: ...
def warm_up_density(density: float, first: float, steps: int, stages: int, step: int) -> float: ...
def run_sparse(
    collective: int,
    communicator: int,
    indices: Any,
    index_bytes: int,
    values: Any,
    dtype: int,
    count: int,
    algorithm: bytes | None,
    op: int,
) -> list[tuple[bytearray, bytearray, int]]: ...
def sparse_to_dense(
    indices: Any, index_bytes: int, values: Any, dtype: int, count: int, target: Any
) -> None: ...
def encode(kind: type[B], codec: int, source: Any, dtype: int, residual: int) -> B: ...
def encode_into(codec: int, source: Any, dtype: int, residual: int, frame: Any) -> int: ...
def frame_bytes(codec: int, count: int, dtype: int) -> int: ...
def inspect(frame: Any) -> tuple[int, int, str, bool]: ...
def decode(frame: Any, target: Any, dtype: int) -> None: ...
def device_of(address: int) -> int: ...
def dlpack(
    capsule: object,
) -> tuple[int, int, tuple[int, ...], tuple[int, ...] | None, tuple[int, int, int], bool]: ...
def pack(
    arrays: list[tuple[int, int, int]], buffer: int, dtype: int, device: int, stream: int
) -> None: ...
def unpack(
    buffer: int, dtype: int, arrays: list[tuple[int, int, int]], device: int, stream: int
) -> None: ...
def encode_on_device(
    kind: type[B], codec: int, input: int, count: int, dtype: int, residual: int, stream: int
) -> B: ...
def decode_on_device(frame: Any, output: int, count: int, dtype: int, stream: int) -> None: ...
def device_room_bytes(codec: int, count: int, dtype: int) -> tuple[int, int, int]: ...
def queue_encode(
    codec: int,
    input: int,
    count: int,
    dtype: int,
    residual: int,
    room: tuple[int, int, int, int, int],
    stream: int,
) -> None: ...
def queue_decode(
    codec: int,
    room: tuple[int, int, int, int, int],
    output: int,
    count: int,
    dtype: int,
    add: bool,
    stream: int,
) -> None: ...
