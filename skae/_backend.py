"""The one door to Keras and TensorFlow, opened when something is first fitted.

Importing TensorFlow takes seconds and prints lines that no user of a
scikit-learn transformer asked for, so nothing in skae imports it at module level.
"""

import contextlib
import os
import sys
import tempfile
import threading

_LOG_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
_import_lock = threading.Lock()
_is_quiet = False
_xla_has_started = False


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
        When Keras runs on another backend than TensorFlow.
    """
    global _is_quiet
    _refuse_other_backends(os.environ.get("KERAS_BACKEND") or "tensorflow")
    with _import_lock:
        if "tensorflow" in sys.modules or _LOG_LEVEL in os.environ:
            import keras
            import tensorflow
        else:
            # Only while TensorFlow starts, so that child processes do not take it for
            # the user's wish.
            os.environ[_LOG_LEVEL] = "3"
            try:
                with _silent_stderr():
                    import keras
                    import tensorflow
            finally:
                del os.environ[_LOG_LEVEL]
            _is_quiet = True
    _refuse_other_backends(keras.backend.backend())
    return keras, tensorflow


def _refuse_other_backends(backend):
    if backend != "tensorflow":
        raise RuntimeError(
            f"skae trains with Keras on TensorFlow, but Keras is set to {backend!r} "
            "here. Set the environment variable KERAS_BACKEND=tensorflow before Python "
            "starts."
        )


@contextlib.contextmanager
def quiet_start_of_xla():
    """Hold back what XLA prints when it first compiles in the process."""
    global _xla_has_started
    if _xla_has_started or not _is_quiet:
        yield
        return
    with _silent_stderr():
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
