"""scikit-learn's own callbacks, by epochs, wherever an estimator stands."""

import copy
import pickle

import numpy as np
import pytest
from helpers import ONE_ESTIMATOR_BY_DEFAULT
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import AutoencoderTransformer

callback = pytest.importorskip(
    "sklearn.callback", reason="callbacks came with scikit-learn 1.9"
)

X = np.random.RandomState(0).randn(60, 6) * [6, 5, 4, 3, 2, 1]
Y = np.repeat([0, 1], 30)
EPOCHS = 3


class Recorder:
    """Writes down what it is told of."""

    def __init__(self, stop_after=None, fail_in=None):
        self.stop_after = stop_after
        self.fail_in = fail_in
        self.told = []
        self.scores = []
        self.seen = []

    def setup(self, estimator, context):
        self.told.append("setup")

    def teardown(self, estimator, context):
        self.told.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.told.append(f"begin {context.task_name}")
        if context.task_name == self.fail_in:
            raise RuntimeError("on purpose")

    def on_fit_task_end(self, estimator, context, *, X, y, fitted_estimator):
        self.told.append(f"end {context.task_name}")
        self.scores.append(fitted_estimator.score(X))
        self.seen.append((X, y))
        return context.task_name == "epoch" and self.stop_after == context.task_id + 1


class PropagatedRecorder(Recorder):
    """The same, handed on to the estimators within others."""

    max_propagation_depth = None

    def on_fit_task_end(self, estimator, context):
        self.told.append(f"end {context.estimator_name} {context.task_name}")


def autoencoder(estimator=AutoencoderTransformer, **parameters):
    given = {"epochs": EPOCHS, "batch_size": 16, "random_state": 0, **parameters}
    return estimator(2, **given)


@pytest.mark.parametrize("estimator", ONE_ESTIMATOR_BY_DEFAULT)
def test_every_estimator_announces_its_epochs(estimator):
    recorder = Recorder()
    autoencoder(estimator).set_callbacks(recorder).fit(X)
    epochs = ["begin epoch", "end epoch"] * EPOCHS
    expected = ["setup", "begin fit", *epochs, "end fit", "teardown"]
    assert recorder.told == expected


@pytest.mark.slow
@pytest.mark.parametrize("validation_fraction", [0, 0.2])
@pytest.mark.parametrize("epoch", range(1, EPOCHS + 1))
def test_the_estimator_of_an_epoch_is_what_a_fit_that_ends_there_gives(
    epoch, validation_fraction
):
    """At a constant rate, a shorter fit is the beginning of a longer one."""
    same = {
        "learning_rate_schedule": "constant",
        "validation_fraction": validation_fraction,
    }
    recorder = Recorder()
    autoencoder(**same).set_callbacks(recorder).fit(X)
    shorter = autoencoder(**{**same, "epochs": epoch}).fit(X)
    assert recorder.scores[epoch - 1] == shorter.score(X)


def test_watching_changes_nothing():
    watched = autoencoder().set_callbacks(Recorder()).fit(X)
    np.testing.assert_array_equal(watched.transform(X), autoencoder().fit_transform(X))


def test_a_callback_can_end_the_training():
    fitted = autoencoder().set_callbacks(Recorder(stop_after=2)).fit(X)
    assert fitted.n_iter_ == 2


def test_callbacks_get_the_labels_or_else_what_is_to_be_predicted():
    alone, labelled = Recorder(), Recorder()
    autoencoder().set_callbacks(alone).fit(X)
    autoencoder().set_callbacks(labelled).fit(X, Y)
    assert all(rows is X and y is X for rows, y in alone.seen)
    assert all(rows is X and y is Y for rows, y in labelled.seen)


def test_a_failing_callback_is_torn_down_and_leaves_the_estimator_as_it_was():
    recorder = Recorder(fail_in="epoch")
    unfitted = autoencoder().set_callbacks(recorder)
    before = dict(vars(unfitted))
    with pytest.raises(RuntimeError, match="on purpose"):
        unfitted.fit(X)
    assert recorder.told[-1] == "teardown"
    assert vars(unfitted) == before


def test_bad_data_meet_no_callback():
    recorder = Recorder()
    with pytest.raises(ValueError, match="NaN"):
        autoencoder().set_callbacks(recorder).fit(np.full_like(X, np.nan))
    assert recorder.told == []


def test_where_nothing_is_left_to_learn_the_fit_has_no_epochs():
    recorder = Recorder()
    autoencoder().set_callbacks(recorder).fit(X[:, :2])
    assert recorder.told == ["setup", "begin fit", "end fit", "teardown"]


def test_a_warning_of_the_share_comes_once():
    recorder = Recorder()
    wanting = AutoencoderTransformer(
        0.999, init="random", epochs=2, random_state=0
    ).set_callbacks(recorder)
    with pytest.warns(UserWarning, match="The codes explain") as caught:
        wanting.fit(X)
    assert len(caught) == 1


def test_partial_fit_announces_nothing():
    recorder = Recorder()
    autoencoder().set_callbacks(recorder).partial_fit(X)
    assert recorder.told == []


def test_the_progress_bar_counts_epochs(capsys):
    pytest.importorskip("rich")
    bar = callback.ProgressBar()
    autoencoder().set_callbacks(bar).fit(X)
    assert "AutoencoderTransformer - fit" in capsys.readouterr().out


def test_the_scoring_monitor_scores_each_epoch():
    monitor = callback.ScoringMonitor(scoring={"explained": explained})
    fitted = autoencoder().set_callbacks(monitor).fit(X)
    *epochs, fit = sorted(
        monitor.get_logs().data, key=lambda row: len(row["task_id_path"]), reverse=True
    )
    assert [row["task_id"] for row in epochs] == list(range(EPOCHS))
    assert fit["explained"] == epochs[-1]["explained"] == fitted.score(X)


def explained(estimator, X, y):
    return estimator.score(X)


def test_a_pipeline_hands_its_callbacks_on():
    recorder = PropagatedRecorder()
    pipeline = make_pipeline(StandardScaler(), autoencoder())
    pipeline.set_callbacks(recorder).fit(X)
    assert recorder.told.count("end AutoencoderTransformer epoch") == EPOCHS
    assert recorder.told.count("setup") == recorder.told.count("teardown") == 1


@pytest.mark.slow
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_search_hands_its_callbacks_on(n_jobs, capsys):
    monitor = callback.ScoringMonitor(scoring={"explained": explained})
    search = GridSearchCV(
        make_pipeline(StandardScaler(), autoencoder().set_callbacks(monitor)),
        {"autoencodertransformer__encoding_dim": [1, 2]},
        cv=2,
        n_jobs=n_jobs,
        error_score="raise",
    )
    pytest.importorskip("rich")
    search.set_callbacks(callback.ProgressBar(max_propagation_depth=None)).fit(X)
    fits = 2 * 2 + 1
    scored = [row["explained"] for row in monitor.get_logs().data]
    assert len(scored) == fits * (EPOCHS + 1)
    assert "AutoencoderTransformer" in capsys.readouterr().out


@pytest.mark.parametrize(
    "copied", [clone, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))]
)
def test_copies_keep_their_callbacks(copied):
    monitor = callback.ScoringMonitor(scoring={"explained": explained})
    copy_of = copied(autoencoder().set_callbacks(monitor).fit(X))
    again = copy_of.fit(X)
    (kept,) = again._skl_callbacks
    last = kept.get_logs().data[0]
    assert last["explained"] == again.score(X)


def test_a_file_holds_no_callbacks(tmp_path):
    fitted = autoencoder().set_callbacks(Recorder()).fit(X)
    with pytest.raises(TypeError, match=r"set_callbacks\(\)"):
        fitted.save(tmp_path / "watched.skae")
    fitted.set_callbacks().save(tmp_path / "plain.skae")


def test_what_is_no_callback_is_refused():
    with pytest.raises(TypeError, match="FitCallback"):
        autoencoder().set_callbacks("progress")
