"""The one door to Keras and TensorFlow, opened when something is first fitted.

Importing TensorFlow takes seconds and prints lines that no user of a
scikit-learn transformer asked for, so nothing in skae imports it at module level.
"""

import contextlib
import os
import sys
import tempfile

from skae._interruption import interrupts_deferred
from skae._threads import Lock, share_of_cores

_LOG_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
_start_lock = Lock()
_is_starting = False
_has_started = False
_is_quiet = False
_xla_has_started = False
_is_cut_off = False


def load():
    """Import Keras and TensorFlow, quietly.

    A user who has set ``TF_CPP_MIN_LOG_LEVEL`` or imported TensorFlow already
    sees what TensorFlow prints.

    Returns
    -------
    keras, tensorflow : modules

    Raises
    ------
    RuntimeError
        When Keras runs on another backend than TensorFlow, or when this process was
        forked from one in which TensorFlow was running.
    """
    if _is_cut_off:
        _refuse_fork()
    if not _has_started:
        _refuse_other_backends(os.environ.get("KERAS_BACKEND") or "tensorflow")
        # What is imported by half cannot be used, nor imported again.
        with _start_lock.held(), interrupts_deferred():
            _start()
    import keras
    import tensorflow

    _refuse_other_backends(keras.backend.backend())
    return keras, tensorflow


def _start():
    """Import Keras and TensorFlow, and choose what must be chosen before they run."""
    global _is_starting, _has_started, _is_quiet
    if _has_started:
        return
    _is_starting = True
    try:
        if "tensorflow" in sys.modules or _LOG_LEVEL in os.environ:
            _import_and_configure()
        else:
            # Only while TensorFlow starts, so that child processes do not take it for
            # the user's wish.
            os.environ[_LOG_LEVEL] = "3"
            try:
                with _silent_stderr():
                    _import_and_configure()
            finally:
                del os.environ[_LOG_LEVEL]
            _is_quiet = True
    finally:
        _is_starting = False
    _has_started = True


def _import_and_configure():
    import keras
    import tensorflow

    _refuse_other_backends(keras.backend.backend())
    _share_cores(tensorflow.config.threading)
    _share_gpus(tensorflow.config)


def _refuse_other_backends(backend):
    if backend != "tensorflow":
        raise RuntimeError(
            f"skae trains with Keras on TensorFlow, but Keras is set to {backend!r} "
            "here. Set the environment variable KERAS_BACKEND=tensorflow before Python "
            "starts."
        )


# One process among others


def _share_cores(threads):
    """Have TensorFlow run as many threads as are this process's share of the cores.

    By itself it takes all cores, whatever ``OMP_NUM_THREADS`` says. What the user has
    chosen stays.
    """
    n_threads = share_of_cores()
    if n_threads is None:
        return
    for kind in ("intra", "inter"):
        chosen = getattr(threads, f"get_{kind}_op_parallelism_threads")()
        if chosen == 0 and f"TF_NUM_{kind.upper()}OP_THREADS" not in os.environ:
            # RuntimeError: TensorFlow runs already.
            with contextlib.suppress(RuntimeError):
                getattr(threads, f"set_{kind}_op_parallelism_threads")(n_threads)


def _share_gpus(config):
    """Have TensorFlow take a GPU's memory as it needs it, not all of it at once.

    What the user has chosen stays.
    """
    # RuntimeError: TensorFlow runs already. ValueError: the user has split a GPU.
    with contextlib.suppress(RuntimeError, ValueError):
        gpus = config.list_physical_devices("GPU")
        # TensorFlow wants the same of all GPUs.
        if all(config.experimental.get_memory_growth(gpu) is None for gpu in gpus):
            for gpu in gpus:
                config.experimental.set_memory_growth(gpu, True)


def has_gpu():
    """Tell whether TensorFlow computes on a GPU where nobody says otherwise."""
    _, tf = load()
    return bool(tf.config.list_logical_devices("GPU"))


# Forks


def _note_fork():
    """Note, in a forked child, whether TensorFlow can still be used."""
    global _is_cut_off, _has_started
    started = _is_starting or _is_running(sys.modules.get("tensorflow"))
    _is_cut_off = _is_cut_off or started
    _has_started = False


def _is_running(tensorflow):
    """Tell whether TensorFlow has been used, after which its threads are settled."""
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


# Output

_xla_lock = Lock()


@contextlib.contextmanager
def quiet_start_of_xla():
    """Hold back what XLA prints when it first compiles in the process."""
    global _xla_has_started
    if _xla_has_started or not _is_quiet:
        yield
        return
    # Two threads that replace stderr at once would not put it back.
    with _xla_lock.held(), _silent_stderr():
        yield
    _xla_has_started = True


@contextlib.contextmanager
def _silent_stderr():
    """Hold back what is written to file descriptor 2; show it if the body fails.

    TensorFlow's first lines come from C++ before its own log level is read.
    """
    with tempfile.TemporaryFile() as held_back:
        try:
            stderr = os.dup(2)
        except OSError:  # no stderr to keep quiet
            yield
            return
        try:
            os.dup2(held_back.fileno(), 2)
            yield
        except BaseException:
            held_back.seek(0)
            os.write(stderr, held_back.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
