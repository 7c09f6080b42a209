"""The only way to Keras and TensorFlow, which are imported at the first fit.

Importing TensorFlow takes seconds, so no module of skae imports it at module level.
"""

import contextlib
import contextvars
import math
import os
import sys
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from sklearn import config_context, get_config

from skae._runtime.interrupts import out_of_reach, result_of
from skae._runtime.threads import Lock, share_of_cores

# The environment variable in which TensorFlow looks for the least level of its logs.
_LOG_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
_start_lock = Lock()
_start: Future | None = None
_is_cut_off = False


def load_keras():
    """Import Keras and TensorFlow, and return Keras.

    TensorFlow logs errors only, unless the user has set ``TF_CPP_MIN_LOG_LEVEL`` or
    has imported it before. (It prints a few lines before it reads any setting.)

    Raises
    ------
    RuntimeError
        When Keras runs on another backend than TensorFlow, or when this process was
        forked from a process in which TensorFlow was running.
    """
    if _is_cut_off:
        _refuse_fork()
    if not _has_started():
        _refuse_other_backends(os.environ.get("KERAS_BACKEND") or "tensorflow")
        result_of(_begin_start())
    import keras

    _refuse_other_backends(keras.backend.backend())
    return keras


def load_tensorflow():
    """Import Keras and TensorFlow, and return TensorFlow; see `load_keras`.

    Only this module, `compiled_steps` and `codec` speak to TensorFlow; all others to
    Keras.
    """
    load_keras()
    import tensorflow

    return tensorflow


def check_eager():
    """Raise a RuntimeError where TensorFlow would not compute, but build a graph."""
    if not load_tensorflow().executing_eagerly():
        raise RuntimeError(
            "TensorFlow builds a graph here and does not compute: inside tf.function "
            "or tf.Graph, or because tf.compat.v1.disable_eager_execution or "
            "disable_v2_behavior was called. Use skae outside of these, in a process "
            "with TensorFlow 2's behaviour."
        )


def _has_started():
    return _start is not None and _start.done() and _start.exception() is None


def _begin_start():
    """Import Keras and TensorFlow in a thread, unless it runs; return its `Future`.

    Python raises Ctrl-C in the main thread only, so it cannot stop the imports half
    way. Half-imported modules can neither be used nor imported again.
    """
    global _start
    with _start_lock.held():
        if _start is None or (_start.done() and not _has_started()):
            thread = ThreadPoolExecutor(1, "skae-start")
            _start = thread.submit(_import_and_configure)
            thread.shutdown(wait=False)
        return _start


def _import_and_configure():
    """Import Keras and TensorFlow, and set what must be set before they run."""
    with _quiet_log():
        import keras
        import tensorflow

    _refuse_other_backends(keras.backend.backend())
    _share_cores(tensorflow.config.threading)
    _share_gpus(tensorflow.config)


@contextlib.contextmanager
def _quiet_log():
    """Let TensorFlow log errors only, unless the user has chosen a level.

    TensorFlow reads the setting at its import. Then it is removed, because child
    processes would take it for the user's choice.
    """
    if "tensorflow" in sys.modules or _LOG_LEVEL in os.environ:
        yield
        return
    os.environ[_LOG_LEVEL] = "3"
    try:
        yield
    finally:
        del os.environ[_LOG_LEVEL]


def _refuse_other_backends(backend):
    if backend != "tensorflow":
        raise RuntimeError(
            f"skae trains with Keras on TensorFlow, but Keras is set to {backend!r} "
            "here. Set the environment variable KERAS_BACKEND=tensorflow before Python "
            "starts."
        )


# One process among others


def _share_cores(threads):
    """Limit TensorFlow's threads to this process's share of the cores.

    By default it takes all cores and ignores ``OMP_NUM_THREADS``. A number that the
    user has chosen stays.
    """
    n_threads = share_of_cores()
    if n_threads is None:
        return
    for kind in ("intra", "inter"):
        chosen = getattr(threads, f"get_{kind}_op_parallelism_threads")()
        if chosen == 0 and f"TF_NUM_{kind.upper()}OP_THREADS" not in os.environ:
            # RuntimeError: TensorFlow is running, which fixes the number.
            with contextlib.suppress(RuntimeError):
                getattr(threads, f"set_{kind}_op_parallelism_threads")(n_threads)


def _share_gpus(config):
    """Let TensorFlow take a GPU's memory as it needs it, not all of it at once.

    A setting that the user has chosen stays.
    """
    # RuntimeError: TensorFlow is running. ValueError: the user has split a GPU.
    with contextlib.suppress(RuntimeError, ValueError):
        gpus = config.list_physical_devices("GPU")
        # TensorFlow demands the same setting for all GPUs.
        if all(config.experimental.get_memory_growth(gpu) is None for gpu in gpus):
            for gpu in gpus:
                config.experimental.set_memory_growth(gpu, True)


def traced(function, *signature, **how):
    """Return a function as TensorFlow traces it, for arguments of one signature.

    Autograph is off: Python's own ``if`` and ``while`` are followed once, at tracing.

    Tracing runs out of the reach of Ctrl-C: after an interrupted trace TensorFlow
    could trace nothing more in that thread.
    """
    tf = load_tensorflow()

    def trace():
        compiled = tf.function(function, autograph=False, **how)
        return compiled.get_concrete_function(*signature)

    return out_of_reach(trace)


def as_traced(compiled):
    """Return a function that runs what `traced` returns without optimizing its graph.

    TensorFlow optimizes a graph when it first runs. That can be switched off for the
    whole process, which is the user's, or as here in the operation that calls a graph.
    """
    tf = load_tensorflow()
    config = tf.compat.v1.ConfigProto(allow_soft_placement=True)
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    config = config.SerializeToString()
    types = [output.dtype for output in compiled.outputs]

    def run(*arguments):
        given = [tf.convert_to_tensor(value) for value in tf.nest.flatten(arguments)]
        outputs = tf.raw_ops.StatefulPartitionedCall(
            args=given + list(compiled.captured_inputs),
            Tout=types,
            f=compiled,
            config_proto=config,
        )
        return tf.nest.pack_sequence_as(compiled.structured_outputs, outputs)

    return run


def on_one_device(function, *arguments):
    """Call a function outside of the user's scope of `tf.distribute`, if there is one.

    skae computes on one device. The scope belongs to the thread, so the function is
    called in another one, with the caller's configuration of scikit-learn.
    """
    distribute = getattr(sys.modules.get("tensorflow"), "distribute", None)
    has_scope = getattr(distribute, "has_strategy", bool)  # while it is imported
    if not has_scope():
        return function(*arguments)
    config, context = get_config(), contextvars.copy_context()

    def call():
        with config_context(**config):
            return function(*arguments)

    thread = ThreadPoolExecutor(1, "skae")
    try:
        return result_of(thread.submit(context.run, call))
    finally:
        thread.shutdown(wait=False)


_default_type = Lock()


@contextlib.contextmanager
def float32_by_default():
    """Let Keras make variables of float32 in the body, whatever its ``floatx`` is.

    This is for optimizers, which take no type: in float16 a learning rate would lose
    its fourth digit. The setting holds for the whole process, so a body is short, and
    one thread at a time runs one.
    """
    config = load_keras().config
    with _default_type.held():
        users = config.floatx()
        config.set_floatx("float32")
        try:
            yield
        finally:
            config.set_floatx(users)


def tensor(values, dtype=None):
    """Return these values as a TensorFlow tensor on the device that computes."""
    return load_tensorflow().constant(values, dtype)


def number_of(value):
    """Return a Keras variable or tensor of one number as float.

    Keras' own conversion fails for variables made in a scope of `tf.distribute`.
    """
    return float(load_keras().ops.convert_to_tensor(value))


def rows_of(shape):
    """Return the signature, for `traced`, of any number of float32 samples.

    Parameters
    ----------
    shape : tuple of int
        Shape of one sample.
    """
    tf = load_tensorflow()
    return tf.TensorSpec((None, *shape), tf.float32)


def out_of_memory():
    """Return the classes of errors that mean that there is not enough memory."""
    return MemoryError, load_tensorflow().errors.OpError


def has_gpu():
    """Tell whether TensorFlow computes on a GPU by default."""
    tf = load_tensorflow()
    return bool(tf.config.list_logical_devices("GPU"))


# Forks


def _note_fork():
    """Note, in a forked child, whether TensorFlow can still be used."""
    global _is_cut_off, _start
    is_starting = _start is not None and not _start.done()
    started = is_starting or _is_running(sys.modules.get("tensorflow"))
    _is_cut_off = _is_cut_off or started
    _start = None


def _is_running(tensorflow):
    """Tell whether TensorFlow has been used.

    TensorFlow has no query for this, but it refuses other thread numbers from then on.
    """
    threads = getattr(getattr(tensorflow, "config", None), "threading", None)
    if threads is None:
        return False
    chosen = threads.get_intra_op_parallelism_threads()
    try:
        threads.set_intra_op_parallelism_threads(chosen + 1)
    except RuntimeError:
        return True
    threads.set_intra_op_parallelism_threads(chosen)
    return False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)


def _refuse_fork():
    raise RuntimeError(
        "This process was forked from one in which TensorFlow was running. TensorFlow "
        "would wait here forever for threads that only that process has. With joblib, "
        "use the backend 'loky' (the default) or 'threading', or set the environment "
        "variable JOBLIB_START_METHOD=spawn before Python starts; with "
        "multiprocessing, use multiprocessing.get_context('spawn')."
    )


# Bytes. TensorFlow aligns its own tensors so, and only shares arrays that are aligned
# likewise.
_ALIGNMENT = 64


def empty_to_share(shape):
    """Return an uninitialised float32 array whose memory TensorFlow can share.

    NumPy aligns to less, so the array starts inside a slightly larger piece of memory.
    """
    n_bytes = 4 * math.prod(shape)
    memory = np.empty(n_bytes + _ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % _ALIGNMENT
    return memory[start : start + n_bytes].view(np.float32).reshape(shape)


def shared_tensor(values):
    """Return an array as a tensor, which shares its memory if possible.

    The array must not change while the tensor exists. Sharing needs the CPU and an
    array like those of `Scaling.standardize`; anything else is copied.
    """
    tf = load_tensorflow()
    if values.ctypes.data % _ALIGNMENT or not values.flags.carray:
        return tf.convert_to_tensor(values)
    shared = tf.experimental.dlpack.from_dlpack(values.__dlpack__())
    return tf.identity(shared)  # copies it to the GPU if there is one
