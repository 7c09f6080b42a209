"""Fits over a cluster: what they find, what they promise, what they refuse."""

import inspect
import os
import pickle
import time
from concurrent.futures import ThreadPoolExecutor

import dask
import dask.array as da
import dask.dataframe as dd
import distributed
import keras
import numpy as np
import pandas as pd
import pytest
from clusters import cluster_of
from distributed import Client, WorkerPlugin
from documented import entries
from helpers import assert_same_bits, correlated
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from skae import AutoencoderTransformer, load
from skae.dask import DaskAutoencoderTransformer, _data, _library, _statistics
from skae.networks import ConvNetwork

ROWS = correlated(240)
# Rows on a curve, which a network reconstructs better than PCA does.
ANGLES = np.random.default_rng(0).uniform(0, 3, 240)
CURVE = np.column_stack([np.cos(ANGLES), np.sin(ANGLES), ANGLES, ANGLES**2, ANGLES])
SMALL = {"hidden_layer_sizes": (8,), "random_state": 0}


def in_chunks(rows=CURVE, chunks=(60, 100, 50, 30)):
    return da.from_array(rows, chunks=(chunks, -1))


def estimator(**parameters):
    """Return an estimator that keeps what it has learnt: no rows are held out."""
    parameters = {"validation_fraction": 0, **parameters}
    return DaskAutoencoderTransformer(
        2, **{**SMALL, "epochs": 3, "n_replicas": 2, **parameters}
    )


@pytest.fixture(scope="module")
def fitted(client):
    return estimator().fit(in_chunks())


def test_constructors_are_alike_but_for_two_parameters():
    own, plain = (
        inspect.signature(kind).parameters
        for kind in (DaskAutoencoderTransformer, AutoencoderTransformer)
    )
    assert list(own) == [*plain, "n_replicas", "client"]
    assert all(own[name].default == plain[name].default for name in plain)


def test_parameters_are_documented_in_the_order_of_the_constructor():
    documented = entries(DaskAutoencoderTransformer, "Parameters")
    parameters = inspect.signature(DaskAutoencoderTransformer).parameters
    assert list(documented) == list(parameters)


def test_without_dask_the_error_says_what_to_install(monkeypatch):
    def missing(name):
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(_library.importlib, "import_module", missing)
    with pytest.raises(ImportError, match=r"pip install skae\[dask\]"):
        _library.check_dask()


# What a fit finds


def test_the_start_is_pca_of_all_rows(client):
    found = estimator(epochs=0).fit(in_chunks(ROWS))
    pca = PCA(2).fit(ROWS)
    assert (found.best_epoch_, found.n_centers_, found.n_rounds_) == (0, 0, 0)
    np.testing.assert_allclose(found.mean_, pca.mean_)
    np.testing.assert_allclose(found.components_, pca.components_, atol=1e-6)
    np.testing.assert_allclose(
        found.explained_variance_ratio_, pca.explained_variance_ratio_, rtol=1e-5
    )
    np.testing.assert_allclose(found.explained_variance_, pca.explained_variance_)
    assert found.n_samples_ == 240


def test_weights_count_rows(client):
    weights = np.random.default_rng(0).integers(0, 3, 240)
    found = estimator(epochs=0).fit(
        in_chunks(ROWS), sample_weight=da.from_array(weights, chunks=100)
    )
    pca = PCA(2).fit(np.repeat(ROWS, weights, axis=0))
    np.testing.assert_allclose(found.mean_, pca.mean_)
    np.testing.assert_allclose(found.components_, pca.components_, atol=1e-6)
    np.testing.assert_allclose(found.explained_variance_, pca.explained_variance_)


def test_many_features_have_the_same_axes(client, monkeypatch):
    monkeypatch.setattr(_statistics, "MOST_FEATURES_OF_GRAM", 4)
    found = estimator(epochs=0).fit(in_chunks(ROWS))
    np.testing.assert_allclose(
        found.components_, PCA(2).fit(ROWS).components_, atol=1e-6
    )


def test_training_beats_pca(client):
    fitted = estimator(epochs=20, validation_fraction="auto").fit(in_chunks())
    by_pca = PCA(2).fit(CURVE)
    rest = CURVE - by_pca.inverse_transform(by_pca.transform(CURVE))
    errors = -fitted.to_local().score_samples(CURVE)
    assert errors.mean() < 0.7 * np.square(rest).mean()
    explained = fitted.explained_variance_ratio_.sum()
    np.testing.assert_allclose(explained, fitted.score(CURVE), rtol=1e-5)
    np.testing.assert_allclose(fitted.score(in_chunks()), fitted.score(CURVE))
    assert fitted.best_loss_ < fitted.initial_loss_


def test_a_round_is_a_value_of_the_history(fitted):
    assert fitted.n_rounds_ == fitted.n_iter_ == 3
    assert fitted.n_replicas_ == 2
    assert {len(values) for values in fitted.history_.values()} == {3}


def test_progress_counts_rounds(client, capsys):
    estimator(verbose=2).fit(in_chunks())
    assert "round 3/3  loss" in capsys.readouterr().out


def test_a_fraction_takes_as_many_codes_as_pca(client):
    found = estimator(epochs=0).set_params(encoding_dim=0.9).fit(in_chunks(ROWS))
    assert found.encoding_dim_ == PCA(0.9).fit(ROWS).n_components_


def test_rows_in_memory_are_fitted_as_on_one_machine():
    found = estimator().fit(CURVE)
    plain = AutoencoderTransformer(2, **SMALL, epochs=3, validation_fraction=0)
    plain.fit(CURVE)
    assert_same_bits(found, plain)
    assert (found.n_replicas_, found.n_rounds_) == (1, plain.n_iter_)


@pytest.mark.slow
@pytest.mark.parametrize(
    "parameters",
    [
        {"whiten": True},
        {"nested_dropout": True},
        {"loss": "binary_crossentropy"},
        {"loss": "poisson"},
        {"init": "random"},
        {"code_activation": "relu"},
        {"optimizer": keras.optimizers.Adam(0.01, use_ema=True)},
        {"network": ConvNetwork((4,)), "hidden_layer_sizes": "auto"},
    ],
    ids=lambda parameters: next(iter(parameters)),
)
def test_what_codes_explain_is_the_score_whatever_is_learnt(client, parameters):
    rows = load_digits().data[:240] / 16
    lazy = da.from_array(rows.reshape(-1, 8, 8), chunks=(60, -1, -1))
    if "network" not in parameters:
        lazy = in_chunks(rows)
    found = estimator(validation_fraction=0.2, **parameters).fit(lazy)
    explained = found.explained_variance_ratio_.sum()
    score = found.to_local().score(rows)
    np.testing.assert_allclose(explained, score, rtol=1e-3)


# The same bits


def same_weights(one, other):
    for first, second in zip(one._fitted.weights, other._fitted.weights, strict=True):
        np.testing.assert_array_equal(first, second)


def test_the_seed_decides_the_bits_also_of_two_fits_at_once(client, fitted):
    with ThreadPoolExecutor(2) as threads:
        fits = [
            threads.submit(estimator(client=client).fit, in_chunks()) for _ in range(2)
        ]
        for found in fits:
            same_weights(found.result(), fitted)


def test_rows_that_workers_do_not_keep_give_the_same_bits(client, monkeypatch):
    monkeypatch.setattr(_data, "_STEPS_OF_ROUND", 2)
    monkeypatch.setattr(_data, "_VALUES_OF_GROUP", 5 * 80)
    kept = estimator().fit(in_chunks())
    monkeypatch.setattr(_data, "_KEPT_IN_MEMORY", -1.0)
    computed = estimator().fit(in_chunks())
    assert computed.n_rounds_ > computed.n_iter_ == 3
    same_weights(computed, kept)


def test_sparse_rows_give_the_same_statistics(client):
    lazy = in_chunks(ROWS).map_blocks(sparse.csr_array)
    found, dense = (estimator(epochs=0).fit(X) for X in (lazy, in_chunks(ROWS)))
    np.testing.assert_allclose(found.components_, dense.components_, atol=1e-6)


def test_a_fit_in_a_task_gives_the_same_bits(client, fitted):
    found = client.submit(estimator().fit, in_chunks(), pure=False).result()
    same_weights(found, fitted)


@pytest.mark.slow
def test_workers_and_threads_do_not_matter(client):
    """More replicas than workers, which train one after the other, or at once."""
    two_processes = estimator(n_replicas=4).fit(in_chunks())
    with cluster_of(1, 4) as four_threads:
        found = estimator(n_replicas=4, client=four_threads).fit(in_chunks())
    same_weights(found, two_processes)


class Killer(WorkerPlugin):
    """Ends a worker's process as it begins a task, once.

    Parameters
    ----------
    number : int
        Which task, among those of rounds that this worker begins.

    mark : path
        File that tells that it was done.
    """

    def __init__(self, number, mark):
        self.number, self.mark = number, str(mark)

    def transition(self, key, start, finish, **others):
        if not str(key).startswith("skae-train") or finish != "executing":
            return
        self.number -= 1
        if self.number == 0 and not os.path.exists(self.mark):
            open(self.mark, "w").close()
            os._exit(1)


@pytest.mark.slow
def test_a_lost_worker_costs_its_round_only(client, fitted, tmp_path):
    killer = Killer(3, tmp_path / "killed")
    client.register_plugin(killer, name="killer")
    try:
        found = estimator().fit(in_chunks())
    finally:
        client.unregister_worker_plugin("killer")
    assert (tmp_path / "killed").exists()
    same_weights(found, fitted)


def _deadly(block):
    os._exit(1)


@pytest.mark.slow
def test_a_task_that_kills_its_workers_is_an_error():
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        cluster_of(1, 1) as client,
    ):
        X = in_chunks().map_blocks(_deadly, meta=np.empty((0, 0)))
        with pytest.raises(RuntimeError, match="died from it"):
            estimator(client=client).fit(X)


# Partitions


@pytest.mark.parametrize("chunks", [(240,), (1, 200, 39), (0, 120, 0, 120)])
def test_uneven_empty_and_single_partitions(client, chunks):
    found = estimator(n_replicas="auto").fit(in_chunks(chunks=chunks))
    assert found.n_replicas_ == 1  # of so few rows
    assert found.score(CURVE) > 0.9


def test_a_frame_gives_its_names(client):
    frame = pd.DataFrame(CURVE, columns=list("abcde"))
    found = estimator().fit(dd.from_pandas(frame, npartitions=3))
    assert list(found.feature_names_in_) == list("abcde")
    assert list(found.to_local().feature_names_in_) == list("abcde")


def test_rows_of_the_users_judge(client):
    found = estimator().fit(in_chunks(), X_val=in_chunks(CURVE[:90], (50, 40)))
    assert found.validation_fraction_ == 0
    errors = -found.to_local().score_samples(CURVE[:90])
    np.testing.assert_allclose(found.best_loss_, errors.mean(), rtol=1e-2)


def test_data_stay_where_they_are(client):
    X = in_chunks().persist()
    distributed.wait(X)
    before, held = client.who_has(X), set(client.who_has())
    estimator().fit(X)
    assert client.who_has(X) == before
    deadline = time.monotonic() + 10  # Dask lets go of results a little later
    while set(client.who_has()) - held and time.monotonic() < deadline:
        time.sleep(0.1)
    assert set(client.who_has()) - held == set()


# The estimator


def test_the_local_estimator_has_the_same_fit(fitted):
    local = fitted.to_local()
    assert type(local) is AutoencoderTransformer
    assert local.get_params().keys() == AutoencoderTransformer().get_params().keys()
    same_weights(local, fitted)
    np.testing.assert_array_equal(local.transform(CURVE), fitted.transform(CURVE))
    assert not {"n_replicas_", "n_rounds_", "client"} & vars(local).keys()


def test_pickles_and_clones(client, fitted):
    for one in (estimator(client=client), fitted):
        assert pickle.loads(pickle.dumps(one)).client is None
        assert one.to_local().encoding_dim == 2
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.transform(CURVE), fitted.transform(CURVE))
    assert clone(estimator(client=client)).client is client
    assert fitted.client_ is client


def test_a_file_holds_the_local_estimator(fitted, tmp_path):
    fitted.save(tmp_path / "fit.skae")
    again = load(tmp_path / "fit.skae")
    assert type(again) is AutoencoderTransformer
    np.testing.assert_array_equal(again.transform(CURVE), fitted.transform(CURVE))


def test_warm_start_goes_on(client, fitted):
    again = pickle.loads(pickle.dumps(fitted)).set_params(warm_start=True)
    again.fit(in_chunks())
    np.testing.assert_array_equal(again.mean_, fitted.mean_)
    assert again.history_["loss"][0] < fitted.history_["loss"][0]


# What is refused


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_replicas": 5}, "n_replicas=5 needs as many partitions"),
        ({"encoding_dim": "auto"}, "encoding_dim='auto' trains nested codes"),
        ({"missing_values": "allow"}, "missing_values='allow' needs all rows"),
        ({"callbacks": [object()]}, "callbacks"),
    ],
)
def test_parameters_that_a_cluster_cannot_have(client, parameters, message):
    with pytest.raises((ValueError, TypeError), match=message):
        estimator().set_params(**parameters).fit(in_chunks())


def test_values_that_are_no_numbers_name_their_partition(client):
    rows = CURVE.copy()
    rows[100, 2] = np.nan
    with pytest.raises(ValueError, match="Partition 1 of X: Input X contains NaN"):
        estimator().fit(in_chunks(rows))


def test_rows_that_all_count_nothing(client):
    with pytest.raises(ValueError, match="1 of 240 rows of X count"):
        estimator().fit(in_chunks(), sample_weight=np.arange(240) == 7)


def test_validation_rows_of_another_width(client):
    with pytest.raises(ValueError, match="X_val has 3 features"):
        estimator().fit(in_chunks(), X_val=in_chunks(CURVE[:, :3]))


def test_partial_fit_takes_rows_in_memory():
    with pytest.raises(TypeError, match="partial_fit takes rows in memory"):
        estimator().partial_fit(in_chunks())


def test_a_client_that_is_none(client):
    with pytest.raises(ValueError, match="'client' parameter"):
        estimator(client="tcp://localhost:1").fit(in_chunks())


def test_an_asynchronous_client(client):
    async def fit():
        async with Client(client.scheduler.address, asynchronous=True) as other:
            estimator(client=other).fit(in_chunks())

    with pytest.raises(TypeError, match="is asynchronous"):
        client.sync(fit)
