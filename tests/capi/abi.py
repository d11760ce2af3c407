"""The C interface through ctypes: what skimp.h declares, spelled a second time."""

import ctypes
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    byref,
    c_char,
    c_char_p,
    c_double,
    c_int,
    c_int64,
    c_size_t,
    c_uint64,
    c_void_p,
    sizeof,
)
from typing import Any

from skimp import paths

OK, INVALID_ARGUMENT, UNSUPPORTED_TYPE, MISMATCH, CORRUPT_PAYLOAD = 0, 1, 2, 3, 4
TIMEOUT, PEER_FAILED, NONFINITE, CLOSED, OUT_OF_MEMORY, TRANSPORT = 5, 6, 7, 8, 9, 10
DEVICE = 12
HOST = -1
FLOAT32, FLOAT16, BFLOAT16, FLOAT64 = 1, 2, 3, 4
DTYPES = {"float32": FLOAT32, "float16": FLOAT16, "bfloat16": BFLOAT16, "float64": FLOAT64}
ALLREDUCE, REDUCE_SCATTER, ALLGATHER, BROADCAST, MIX, ALLTOALL = 1, 2, 3, 4, 5, 6


class Options(Structure):
    _fields_ = (
        ("options_bytes", c_size_t),
        ("codec", c_void_p),
        ("broadcast_codec", c_void_p),
        ("residual", c_void_p),
        ("algorithm", c_char_p),
        ("op", c_int),
        ("nonfinite", c_int),
        ("root", c_int),
        ("trim", c_int),
        ("graph", c_void_p),
        ("step_size", c_double),
        ("device", c_int),
        ("stream", c_void_p),
    )

    def __init__(self, **fields):
        super().__init__(**{"options_bytes": sizeof(Options), "device": HOST, **fields})


class Report(Structure):
    _fields_ = (
        ("report_bytes", c_size_t),
        ("algorithm", c_char * 32),
        *((name, c_uint64) for name in ("count", "input_bytes", "bytes_sent", "bytes_received")),
        *((name, c_uint64) for name in ("messages_sent", "predicted_bytes", "dense_bytes")),
        *((name, c_uint64) for name in ("rounds", "guess_hits", "guess_misses")),
        *((name, c_double) for name in ("seconds", "encode_seconds", "wait_seconds")),
        ("nonfinite", c_int),
        ("skipped", c_int),
    )


class FrameInfo(Structure):
    _fields_ = (
        ("info_bytes", c_size_t),
        ("count", c_uint64),
        ("frame_bytes", c_uint64),
        ("dtype", c_int),
        ("nonfinite", c_int),
        ("codec", c_char * 128),
    )


class LocalSgd(Structure):
    _fields_ = (
        ("local_sgd_bytes", c_size_t),
        ("momentum", c_double),
        ("learning_rate", c_double),
        ("nesterov", c_int),
        ("anchor", c_void_p),
        ("velocity", c_void_p),
    )

    def __init__(self, **fields):
        super().__init__(**{"local_sgd_bytes": sizeof(LocalSgd), "learning_rate": 1, **fields})


class Pruning(Structure):
    _fields_ = (
        ("pruning_bytes", c_size_t),
        ("sparsity", c_double),
        ("period", c_int64),
        ("warm_up", c_int64),
        ("precision", c_void_p),
        ("mask", c_void_p),
        ("steps", c_uint64),
    )

    def __init__(self, **fields):
        super().__init__(**{"pruning_bytes": sizeof(Pruning), "period": 16, **fields})


class DeviceRoom(Structure):
    _fields_ = (
        ("payload", c_void_p),
        ("payload_bytes", c_uint64),
        ("workspace", c_void_p),
        ("workspace_bytes", c_uint64),
        ("word", c_void_p),
    )


DESTROY = CFUNCTYPE(None, c_void_p)


class MpiTable(Structure):
    _fields_ = (
        ("table_bytes", c_size_t),
        ("context", c_void_p),
        ("rank", c_int),
        ("world_size", c_int),
        ("shared_memory", c_int),
        ("tag_limit", c_int),
        ("request_bytes", c_size_t),
        *((name, c_void_p) for name in ("isend", "irecv", "test", "cancel", "explain")),
        ("destroy", DESTROY),
    )


COLLECTIVE = (c_void_p, c_void_p, c_void_p, c_uint64, c_int, POINTER(Options))

SPARSE = (c_void_p, c_void_p, POINTER(Options), POINTER(c_void_p))

# Arguments of the functions that return a status.
FUNCTIONS = {
    "codec_create": (c_char_p, POINTER(c_void_p)),
    "residual_create": (c_uint64, c_int, c_int, POINTER(c_void_p)),
    "residual_create_ef21": (c_uint64, c_int, POINTER(c_void_p)),
    "residual_create_momentum": (c_uint64, c_int, c_double, c_double, c_int, POINTER(c_void_p)),
    "residual_load": (c_void_p, c_void_p, c_uint64, c_uint64),
    "residual_load_memory": (c_void_p, c_void_p, c_uint64),
    "residual_save_memory": (c_void_p, c_void_p, c_uint64),
    "residual_copy": (c_void_p, c_int, POINTER(c_void_p)),
    "residual_save_array": (c_void_p, c_char_p, c_void_p, c_uint64),
    "residual_rescale": (c_void_p, c_double),
    "threads_create": (c_int, POINTER(c_void_p)),
    "mpi_table_create": (POINTER(MpiTable), POINTER(c_void_p)),
    "mpi_create_from_handles": (c_char_p, c_void_p, c_void_p, c_int, POINTER(c_void_p)),
    "tcp_create": (c_int, c_int, POINTER(c_int), POINTER(c_void_p)),
    "communicator_close": (c_void_p, c_char_p),
    "communicator_set_timeout": (c_void_p, c_double),
    "communicator_split": (c_void_p, c_int, c_int, POINTER(c_void_p)),
    "communicator_report": (c_void_p, POINTER(Report)),
    "communicator_inject_fault": (c_void_p, c_int, c_uint64),
    "barrier": (c_void_p,),
    "allreduce": COLLECTIVE,
    "reduce_scatter": COLLECTIVE,
    "allgather": COLLECTIVE,
    "broadcast": COLLECTIVE,
    "alltoall": COLLECTIVE,
    "mix": COLLECTIVE,
    "send": (c_void_p, c_void_p, c_uint64, c_int, c_int, c_int, POINTER(Options)),
    "recv": (c_void_p, c_void_p, c_uint64, c_int, c_int, c_int, POINTER(Options)),
    "graph_create": (c_char_p, c_int, POINTER(c_void_p)),
    "graph_create_from_weights": (POINTER(c_double), c_int, POINTER(c_void_p)),
    "graph_step_size": (c_void_p, c_void_p, c_uint64, POINTER(c_double)),
    "sparse_create": (c_void_p, c_int, c_void_p, c_uint64, c_uint64, c_int, POINTER(c_void_p)),
    "sparse_read": (c_void_p, c_void_p, c_void_p),
    "sparse_to_dense": (c_void_p, c_void_p),
    "allreduce_sparse": SPARSE,
    "reduce_scatter_sparse": SPARSE,
    "allgather_sparse": SPARSE,
    "local_sgd_start": (c_void_p, POINTER(LocalSgd), c_void_p, c_void_p, c_uint64, c_int),
    "local_sgd_synchronise": (
        *(c_void_p, POINTER(LocalSgd), c_void_p, c_void_p, c_uint64, c_int),
        POINTER(Options),
    ),
    "delayed_create": (
        *(c_void_p, c_int, c_uint64, c_int, POINTER(Options)),
        POINTER(c_void_p),
    ),
    "delayed_step": (c_void_p, c_void_p, c_void_p, POINTER(c_int)),
    "delayed_take": (c_void_p, c_void_p, POINTER(c_int)),
    "pruning_sparsity": (POINTER(Pruning), c_uint64, POINTER(c_double)),
    "pruning_step": (POINTER(Pruning), c_void_p, c_void_p, c_void_p, c_uint64, c_int),
    "warm_up_density": (c_double, c_double, c_int64, c_int, c_uint64, POINTER(c_double)),
    "plan_create": (c_void_p, c_int, c_uint64, c_int, POINTER(Options), POINTER(c_void_p)),
    "plan_run": (c_void_p, c_void_p, c_void_p, c_void_p),
    "plan_run_in_stream": (c_void_p, c_void_p, c_void_p, c_void_p, c_void_p),
    "device_of": (c_void_p, POINTER(c_int)),
    "device_pack": (c_int, c_void_p, c_uint64, c_void_p, c_int, c_void_p),
    "device_unpack": (c_int, c_void_p, c_int, c_void_p, c_uint64, c_void_p),
    "plan_report": (c_void_p, POINTER(Report)),
    "frame_bytes": (c_void_p, c_uint64, c_int, POINTER(c_uint64)),
    "encode": (
        c_void_p,
        c_void_p,
        c_uint64,
        c_int,
        c_void_p,
        c_void_p,
        c_uint64,
        POINTER(c_uint64),
    ),
    "frame_inspect": (c_void_p, c_uint64, POINTER(FrameInfo)),
    "decode": (c_void_p, c_uint64, c_void_p, c_uint64, c_int),
    "device_info": (POINTER(c_char_p),),
    "residual_create_on_device": (c_uint64, c_int, c_int, c_int, POINTER(c_void_p)),
    "residual_save": (c_void_p, c_void_p, c_uint64),
    "encode_on_device": (
        c_void_p,
        c_void_p,
        c_uint64,
        c_int,
        c_void_p,
        c_void_p,
        c_uint64,
        POINTER(c_uint64),
        c_void_p,
    ),
    "decode_on_device": (c_void_p, c_uint64, c_void_p, c_uint64, c_int, c_void_p),
    "device_room_bytes": (c_void_p, c_uint64, c_int, *3 * [POINTER(c_uint64)]),
    "queue_encode": (
        *(c_void_p, c_void_p, c_uint64, c_int, c_void_p),
        *(POINTER(DeviceRoom), c_void_p),
    ),
    "queue_decode": (
        *(c_void_p, POINTER(DeviceRoom), c_void_p, c_uint64, c_int),
        *(c_int, c_void_p),
    ),
}
NOUNS = ("codec", "residual", "communicator", "plan", "graph", "sparse", "delayed")


class Library:
    """skimp_x is `x`. The class's own names are what the tests want instead of out-parameters."""

    def __init__(self):
        self.library = ctypes.CDLL(str(paths.LIBRARY))
        for name, arguments in FUNCTIONS.items():
            function = self.library[f"skimp_{name}"]
            function.argtypes, function.restype = arguments, c_int
            setattr(self, name, function)
        for noun in NOUNS:
            function = self.library[f"skimp_{noun}_destroy"]
            function.argtypes, function.restype = (c_void_p,), None
            setattr(self, f"{noun}_destroy", function)
        for name, arguments in (
            ("last_error_message", ()),
            ("version", ()),
            ("codec_names", ()),
            ("codec_text", (c_void_p,)),
            ("plan_text", (c_void_p,)),
            ("communicator_transport", (c_void_p,)),
        ):
            function = self.library[f"skimp_{name}"]
            function.argtypes, function.restype = arguments, c_char_p
            setattr(self, name, lambda *given, call=function: call(*given).decode())
        for name, result in (
            ("step", c_uint64),
            ("data", c_void_p),
            ("memory_count", c_uint64),
            ("memory", c_void_p),
            ("device", c_int),
        ):
            function = self.library[f"skimp_residual_{name}"]
            function.argtypes, function.restype = (c_void_p,), result
            setattr(self, f"residual_{name}", function)

        self.delayed_pending = self.library.skimp_delayed_pending
        self.delayed_pending.argtypes, self.delayed_pending.restype = (c_void_p,), c_uint64
        self.residual_array = self.library.skimp_residual_array
        self.residual_array.argtypes, self.residual_array.restype = (c_void_p, c_char_p), c_void_p

    def make(self, noun: str, *arguments) -> c_void_p:
        """Creates one object; its status must be OK."""
        made = c_void_p()
        status = getattr(self, f"{noun}_create")(*arguments, byref(made))
        assert status == OK, self.last_error_message()
        return made

    def make_variant(self, name: str, *arguments) -> c_void_p:
        """A residual that does more; its status must be OK."""
        made = c_void_p()
        status = getattr(self, f"residual_create_{name}")(*arguments, byref(made))
        assert status == OK, self.last_error_message()
        return made

    def make_threads(self, world_size: int) -> list[c_void_p]:
        made = (c_void_p * world_size)()
        assert self.threads_create(world_size, made) == OK, self.last_error_message()
        return [c_void_p(handle) for handle in made]

    def on_ranks(self, world_size: int, work: Callable[[c_void_p, int], Any]) -> list[Any]:
        """What work(communicator, rank) returns in a thread for each rank. If it raises on one, the
        others hear of it at once."""

        def run(communicator: c_void_p, rank: int) -> Any:
            try:
                return work(communicator, rank)
            except BaseException:
                self.communicator_close(communicator, b"the test failed")
                raise

        ranks = self.make_threads(world_size)
        with ThreadPoolExecutor(world_size) as threads:
            results = list(threads.map(run, ranks, range(world_size)))
        for communicator in ranks:
            self.communicator_destroy(communicator)
        return results
