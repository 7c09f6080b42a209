"""TensorFlow and Keras: imported late, once, and only together."""

import os
import types
from concurrent.futures import Future

import pytest
from helpers import correlated, in_a_fork, run_python

from skae._runtime import tensorflow as backend_module

# Stand-ins that print on import, as TensorFlow itself does on some machines only.
FAKE_KERAS = """
import os
import tensorflow
class backend:
    backend = staticmethod(lambda: os.environ["FAKE_BACKEND"])
"""
FAKE_TENSORFLOW = """
import os
from unittest import mock
config = mock.MagicMock()
os.write(2, b"chatter")
level = os.environ["TF_CPP_MIN_LOG_LEVEL"]
if "FAKE_FAILURE" in os.environ:
    raise ImportError(os.environ["FAKE_FAILURE"])
def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return lambda *args, **kwargs: None
"""
LOAD = "import os; from skae._runtime import tensorflow; tensorflow.load_keras(); "

FIRST_FIT = """
import numpy, skae, skae._training.steps_pool
X = numpy.random.RandomState(0).randn(40, 4)
for with_xla in (False, True):
    skae._training.steps_pool.xla_pays = lambda *_: with_xla
    skae.AutoencoderTransformer(2, epochs=2, hidden_layer_sizes=(4,)).fit_transform(X)
"""


@pytest.fixture
def fakes(tmp_path):
    """Environment in which the stand-ins hide Keras and TensorFlow."""
    for name, code in {"keras": FAKE_KERAS, "tensorflow": FAKE_TENSORFLOW}.items():
        (tmp_path / f"{name}.py").write_text(code)
    paths = [str(tmp_path), os.environ.get("PYTHONPATH", "")]
    return {
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "FAKE_BACKEND": "tensorflow",
    }


def test_import_loads_nothing_heavy():
    result = run_python(
        "import sys, skae, skae.displays, skae.networks\n"
        "heavy = {'tensorflow', 'keras', 'matplotlib', 'sklearn.manifold'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    assert result.stdout.strip() == "[]", result.stderr


@pytest.mark.slow
def test_first_fits_print_no_more_than_the_import_of_tensorflow():
    result = run_python(FIRST_FIT)
    assert (result.returncode, result.stdout) == (0, "")
    alone = run_python("import tensorflow", TF_CPP_MIN_LOG_LEVEL="3")
    assert len(result.stderr.splitlines()) == len(alone.stderr.splitlines())


def test_tensorflow_is_told_to_log_errors_only(fakes):
    result = run_python(f"{LOAD}import tensorflow; print(tensorflow.level)", **fakes)
    assert result.stdout.strip() == "3"


@pytest.mark.slow
def test_a_log_level_set_by_the_user_is_obeyed(fakes):
    code = f"{LOAD}import tensorflow; print(tensorflow.level)"
    result = run_python(code, TF_CPP_MIN_LOG_LEVEL="1", **fakes)
    assert result.stdout.strip() == "1"


@pytest.mark.slow
def test_what_is_written_while_tensorflow_starts_is_shown(fakes):
    assert run_python(LOAD, **fakes).stderr == "chatter"


@pytest.mark.slow
def test_a_failing_import_fails_each_time(fakes):
    code = (
        "from skae._runtime import tensorflow\n"
        "for _ in range(2):\n"
        "    try:\n"
        "        tensorflow.load_keras()\n"
        "    except ImportError as error:\n"
        "        print(error)"
    )
    result = run_python(code, FAKE_FAILURE="broken", **fakes)
    assert result.stdout.split() == ["broken", "broken"]


def test_another_backend_is_refused_with_the_remedy(fakes):
    assert_refused(run_python(LOAD, **{**fakes, "FAKE_BACKEND": "jax"}), "jax")


@pytest.mark.slow
def test_a_backend_that_is_not_even_installed_is_refused_with_the_remedy():
    assert_refused(run_python(LOAD, KERAS_BACKEND="numpy"), "numpy")


def assert_refused(result, backend):
    assert result.returncode != 0
    error = result.stderr.strip().splitlines()[-1]
    assert error.startswith("RuntimeError")
    assert repr(backend) in error
    assert "KERAS_BACKEND=tensorflow" in error


@pytest.mark.slow
def test_the_log_level_is_not_left_to_child_processes(fakes):
    result = run_python(f"{LOAD}print('TF_CPP_MIN_LOG_LEVEL' in os.environ)", **fakes)
    assert result.stdout.strip() == "False"


# One process among others


class Threads:
    """Stands in for ``tf.config.threading``."""

    def __init__(self, intra=0, inter=0, is_running=False):
        self.numbers = {"intra": intra, "inter": inter}
        self.is_running = is_running

    def _set(self, kind, number):
        if self.is_running:
            raise RuntimeError("cannot be modified after initialization")
        self.numbers[kind] = number

    def get_intra_op_parallelism_threads(self):
        return self.numbers["intra"]

    def get_inter_op_parallelism_threads(self):
        return self.numbers["inter"]

    def set_intra_op_parallelism_threads(self, number):
        self._set("intra", number)

    def set_inter_op_parallelism_threads(self, number):
        self._set("inter", number)


def shared(threads):
    backend_module._share_cores(threads)
    return threads.numbers


@pytest.fixture
def _two_threads_wanted(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    for kind in ("INTRA", "INTER"):
        monkeypatch.delenv(f"TF_NUM_{kind}OP_THREADS", raising=False)


@pytest.mark.usefixtures("_two_threads_wanted")
def test_tensorflow_uses_the_threads_that_openmp_was_given():
    assert shared(Threads()) == {"intra": 2, "inter": 2}


@pytest.mark.usefixtures("_two_threads_wanted")
def test_tensorflow_uses_all_cores_unless_told_otherwise(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert shared(Threads()) == {"intra": 0, "inter": 0}


@pytest.mark.usefixtures("_two_threads_wanted")
def test_threads_that_the_user_has_chosen_stay(monkeypatch):
    assert shared(Threads(intra=5)) == {"intra": 5, "inter": 2}
    monkeypatch.setenv("TF_NUM_INTEROP_THREADS", "7")
    assert shared(Threads()) == {"intra": 2, "inter": 0}


@pytest.mark.usefixtures("_two_threads_wanted")
def test_threads_stay_where_tensorflow_runs_already():
    assert shared(Threads(is_running=True)) == {"intra": 0, "inter": 0}


class Devices:
    """Stands in for ``tf.config`` on a machine with GPUs."""

    def __init__(self, error=None, **growth):
        self.growth = growth
        self.error = error
        self.experimental = self

    def list_physical_devices(self, kind):
        assert kind == "GPU"
        return list(self.growth)

    def get_memory_growth(self, gpu):
        return self.growth[gpu]

    def set_memory_growth(self, gpu, enable):
        if self.error:
            raise self.error
        self.growth[gpu] = enable


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {}),
        ({"one": None}, {"one": True}),
        ({"one": None, "two": None}, {"one": True, "two": True}),
        ({"one": False, "two": None}, {"one": False, "two": None}),
    ],
    ids=["no GPU", "one", "two", "the user has chosen"],
)
def test_the_memory_of_gpus_grows_with_the_need(before, after):
    devices = Devices(**before)
    backend_module._share_gpus(devices)
    assert devices.growth == after


@pytest.mark.parametrize("error", [RuntimeError("runs already"), ValueError("split")])
def test_gpus_that_cannot_be_set_any_more_stay(error):
    devices = Devices(error, one=None)
    backend_module._share_gpus(devices)
    assert devices.growth == {"one": None}


# Forks


def test_tensorflow_is_known_to_run_from_its_first_operation_on():
    def fake(threads):
        return types.SimpleNamespace(config=types.SimpleNamespace(threading=threads))

    idle = Threads(intra=3)
    assert not backend_module._is_running(None)
    assert not backend_module._is_running(fake(idle))
    assert idle.numbers["intra"] == 3
    assert backend_module._is_running(fake(Threads(is_running=True)))
    tf = backend_module.load_tensorflow()
    tf.zeros(())
    assert backend_module._is_running(tf)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs forks")
def test_a_fork_while_tensorflow_starts_is_refused(monkeypatch):
    monkeypatch.setattr(backend_module, "_start", Future())
    assert in_a_fork(backend_module.load_keras).startswith(
        "RuntimeError: This process was forked"
    )


def test_a_function_runs_as_it_was_traced():
    tf = backend_module.load_tensorflow()
    total, before = tf.Variable(1.0), tf.config.optimizer.get_experimental_options()

    def add(pair, factor):
        return [total.assign_add(factor * pair[0]), {"second": pair[1]}]

    number = tf.TensorSpec((), tf.float32)
    traced = backend_module.traced(add, (number, number), number)
    run = backend_module.as_traced(traced)
    for expected in (7.0, 13.0):
        first, others = run((2.0, 5.0), 3.0)
        assert (float(first), float(others["second"])) == (expected, 5.0)
    assert float(total) == 13.0
    assert tf.config.optimizer.get_experimental_options() == before
    with pytest.raises(tf.errors.InvalidArgumentError):
        run(([1.0, 2.0], 5.0), 3.0)


def test_graphs_are_refused():
    import tensorflow as tf

    from skae import AutoencoderTransformer

    rows = correlated(20, 4)
    estimator = AutoencoderTransformer(2, hidden_layer_sizes=(), epochs=1)
    message = "TensorFlow builds a graph here"
    with tf.Graph().as_default(), pytest.raises(RuntimeError, match=message):
        estimator.fit(rows)
    estimator.set_params(hidden_layer_sizes=(4,), activation="sparsemax").fit(rows)
    assert estimator.inference_ == "keras"
    with pytest.raises(RuntimeError, match=message):
        tf.function(lambda: estimator.transform(rows), autograph=False)()


@pytest.mark.slow
def test_the_behaviour_of_tensorflow_1_is_refused():
    ended = run_python(
        "import tensorflow, skae\n"
        "tensorflow.compat.v1.disable_v2_behavior()\n"
        "skae.AutoencoderTransformer(1).fit([[1.0, 2.0], [2.0, 1.0], [0.0, 3.0]])"
    )
    assert "RuntimeError: TensorFlow builds a graph here" in ended.stderr
