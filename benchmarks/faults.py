"""What happens when things go wrong?

    python -m benchmarks.faults [--tries 10000] [--sections "Saved files" ...]

A Markdown table of faults, how often each was tried, and what came of it. Each section
is a function that takes the number of tries and yields rows; see `SECTIONS`.

Files: saved estimators, damaged by chance and forged on purpose (`damaged_files`), are
loaded and used. Either must give a `SavedFileError`, or the codes of the estimator that
was saved. Forged numbers may give others: no checksum tells who wrote a file.
Meanwhile a `tripwire` notes whether anything is run, written, unpickled or fetched.

Calls: see `faulty_calls`; each of its faults is tried a hundredth as often, and those
that need a process a thousandth.
"""

import argparse
import collections
import dataclasses
import tempfile
from pathlib import Path

import keras
import numpy as np

import skae
from benchmarks import damaged_files, faulty_calls
from benchmarks.tripwire import tripwire
from skae.exceptions import SavedFileError
from skae.networks import CustomNetwork

REFUSED, SAME = "SavedFileError", "loaded, same codes"
OTHER = "loaded, but forged numbers or no fit"
NOTHING = "nothing run, written, unpickled or fetched"


@dataclasses.dataclass(frozen=True)
class Saved:
    """A saved file, with rows and the codes that it must give for them.

    Parameters
    ----------
    content, other : bytes
        The file, and another.

    X, codes : ndarray of shape (n_rows, ...)
        Rows and codes.
    """

    content: bytes
    other: bytes
    X: np.ndarray
    codes: np.ndarray


def outcomes(fault, saved, n_tries, folder, seed=0):
    """Count what becomes of damaged files, and list what the tripwire noted.

    Parameters
    ----------
    fault : callable
        One of `damaged_files`.

    saved : Saved
        What is damaged.

    Returns
    -------
    counts : Counter of str
    noted : list of str
    """
    generator = np.random.RandomState(seed)
    counts, noted = collections.Counter(), []
    path = Path(folder) / "damaged.skae"
    for _ in range(n_tries):
        path.write_bytes(fault(saved.content, saved.other, generator))
        with tripwire() as now:
            outcome = _outcome(path, saved)
        counts[outcome] += 1
        noted += now
    return counts, noted


def _outcome(path, saved):
    try:
        estimator = skae.load(path)
        if not hasattr(estimator, "_fitted"):
            return OTHER
        codes = _codes(estimator, saved.X)
    except SavedFileError:
        return REFUSED
    except Exception as error:
        return f"{type(error).__name__}: {error!s:.100}"
    return SAME if np.array_equal(codes, saved.codes) else OTHER


def _codes(estimator, X):
    try:
        return estimator.transform(X)
    except SavedFileError:
        raise
    except ValueError:  # says that numbers are out of the network's range
        return None


def faults_of(dense, custom):
    """Yield the name of each fault of files, the fault, and what it damages."""
    for name, fault in (damaged_files.DAMAGES | damaged_files.FORGERIES).items():
        yield name, fault, dense
    for name, fault in damaged_files.FORGERIES_OF_MODELS.items():
        yield name, fault, custom


def code_of_the_user():
    """Return a scope in which Keras knows code by names that forged files ask for."""
    return keras.saving.custom_object_scope(
        {"Custom>Evil": _Evil, "Custom>registered_by_the_user": _evil}
    )


class _Evil(keras.layers.Layer):
    def __init__(self, **arguments):
        raise AssertionError("code of the user's was run")


def _evil(values):
    raise AssertionError("code of the user's was run")


def damaged(n_tries):
    """Damage saved files and load them; half of the damages come by chance."""
    all_noted = []
    with tempfile.TemporaryDirectory() as folder, code_of_the_user():
        faults = list(faults_of(*saved_files(folder)))
        for number, (name, fault, saved) in enumerate(faults):
            n_now = _share(n_tries, number, len(faults))
            counts, noted = outcomes(fault, saved, n_now, folder)
            all_noted += noted
            yield name, n_now, _text(counts)
    yield "all of these, watched by the tripwire", n_tries, _text_of_noted(all_noted)


def _share(n_tries, number, n_faults):
    """Return how many of the tries a fault gets."""
    n_by_chance = len(damaged_files.DAMAGES)
    if number >= n_by_chance:
        number, n_faults = number - n_by_chance, n_faults - n_by_chance
        return (
            n_tries // 2 * (number + 1) // n_faults - n_tries // 2 * number // n_faults
        )
    rest = n_tries - n_tries // 2
    return rest * (number + 1) // n_by_chance - rest * number // n_by_chance


def saved_files(folder):
    """Fit and save an estimator of skae's own network, and one of Keras models."""
    X = np.random.RandomState(0).rand(60, 8)
    schedule = keras.optimizers.schedules.ExponentialDecay(0.01, 10, 0.9)
    dense = skae.AutoencoderTransformer(
        2,
        hidden_layer_sizes=(6,),
        optimizer=keras.optimizers.Adam(schedule),
        epochs=1,
        random_state=np.random.RandomState(0),
    )
    models = CustomNetwork(_model(8, 2), _model(2, 8))
    custom = skae.AutoencoderTransformer(2, network=models, epochs=1, random_state=0)
    contents, codes = [], []
    for estimator in (dense, custom):
        estimator.fit(X).save(Path(folder) / "whole.skae")
        contents.append((Path(folder) / "whole.skae").read_bytes())
        codes.append(skae.load(Path(folder) / "whole.skae").transform(X))
    (one, other), (of_one, of_other) = contents, codes
    return Saved(one, other, X, of_one), Saved(other, one, X, of_other)


def _model(n_inputs, n_outputs):
    inputs = keras.Input((n_inputs,))
    hidden = keras.layers.Dense(5, activation="tanh")(inputs)
    hidden = keras.layers.BatchNormalization()(hidden)
    return keras.Model(inputs, keras.layers.Dense(n_outputs)(hidden))


def _text(counts):
    return ", ".join(f"{number} {outcome}" for outcome, number in counts.most_common())


def _text_of_noted(noted):
    if not noted:
        return NOTHING
    return f"{len(noted)} notes: {'; '.join(sorted(set(noted))[:5])}"


SECTIONS = {"Saved files": damaged, **faulty_calls.SECTIONS}
"""Titles, and functions of the number of tries that yield (fault, tried, outcome)."""


def main():
    """Run the sections and print their tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tries", type=int, default=10_000)
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, default=[*SECTIONS])
    arguments = parser.parse_args()
    n_tries = arguments.tries
    for title in arguments.sections:
        rows = SECTIONS[title]
        print(f"{title}\n\n| fault | tried | outcome |\n|---|---|---|")
        for fault, n_tried, outcome in rows(n_tries):
            print(f"| {fault} | {n_tried} | {outcome} |", flush=True)
        print()


if __name__ == "__main__":
    main()
