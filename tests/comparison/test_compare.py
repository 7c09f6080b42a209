"""The comparison with PCA: what is measured, of what, and what is refused."""

import time

import numpy as np
import pandas as pd
import pytest
from compared import NAME, MeanOnly, X, of_pca, with_ours, y
from matplotlib.figure import Figure
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits
from sklearn.decomposition import NMF, PCA, TruncatedSVD
from sklearn.manifold import TSNE, trustworthiness
from sklearn.metrics import r2_score
from sklearn.model_selection import (
    KFold,
    LeaveOneOut,
    cross_val_score,
    train_test_split,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from skae import AutoencoderTransformer, compare
from skae.comparison import Comparison
from skae.comparison._candidates import candidates
from skae.comparison._columns import usable_columns

QUICK = {"n_splits": 1, "tsne": False}
TRAIN, TEST = train_test_split(np.arange(60), test_size=0.2, random_state=0)


class Exact(MeanOnly):
    """Codes that are the data, given back with errors of float32's size."""

    def transform(self, X):
        return X

    def inverse_transform(self, X):
        return X.astype(np.float32)


def row_of(comparison, name, dim):
    """Return what an estimator reached on the first split."""
    rows = [row for row in comparison if row[:3] == (name, dim, 0)]
    assert len(rows) == 1
    return rows[0]


def without_seconds(comparison):
    return [row[:-1] for row in comparison]


def test_rows_come_by_split_and_number_of_codes_with_pca_first():
    comparison = of_pca()
    assert [row[:3] for row in comparison] == [
        (name, dim, split)
        for split in (0, 1)
        for dim in (1, 3)
        for name in ("PCA", "means", "PCA again")
    ]
    assert list(comparison) == comparison.rows


@pytest.mark.parametrize("n_components", [1, 3])
def test_pca_row_matches_a_singular_value_decomposition(n_components):
    mean = X[TRAIN].mean(axis=0)
    axes = np.linalg.svd(X[TRAIN] - mean)[2][:n_components]
    reconstructed = (X[TEST] - mean) @ axes.T @ axes + mean
    row = row_of(of_pca(), "PCA", n_components)
    assert_allclose(row.error, ((X[TEST] - reconstructed) ** 2).mean())
    explained = r2_score(X[TEST], reconstructed, multioutput="variance_weighted")
    assert_allclose(row.variance_explained, explained)
    assert row.relative_error == 1


def test_accuracy_and_trustworthiness_are_those_of_the_codes():
    pipeline = make_pipeline(PCA(3), KNeighborsClassifier(3)).fit(X[TRAIN], y[TRAIN])
    row = row_of(of_pca(), "PCA", 3)
    assert row.accuracy == pipeline.score(X[TEST], y[TEST])
    codes = pipeline[0].transform(X[TEST])
    expected = trustworthiness(X[TEST], codes, n_neighbors=3)
    assert_allclose(row.trustworthiness, expected)


def test_an_autoencoder_is_measured_as_it_scores_itself():
    row, pca = (row_of(with_ours(), name, 2) for name in (NAME, "PCA"))
    fitted = with_ours().estimators[NAME, 2]
    error = -fitted.score_samples(X[TEST]).mean()
    assert_allclose(row.error, error, rtol=1e-5)
    assert_allclose(row.relative_error, error / pca.error, rtol=1e-5)
    assert_allclose(row.variance_explained, fitted.score(X[TEST]), rtol=1e-5)


def test_estimators_are_kept_as_fitted_on_the_first_split():
    assert list(of_pca().estimators) == [row[:2] for row in of_pca() if row.split == 0]
    kept = of_pca().estimators["PCA", 3]
    assert_allclose(kept.components_, PCA(3).fit(X[TRAIN]).components_)


def test_after_tsne_the_plane_is_measured():
    codes = PCA(3).fit(X[TRAIN]).transform(X[TEST])
    order = np.random.RandomState(0).permutation(12)
    tsne = TSNE(init="pca", perplexity=11 / 3, random_state=0)
    with threadpool_limits(1):
        plane = tsne.fit_transform(codes[order])
    row = row_of(of_pca(), "PCA", 3)
    shown, labels = X[TEST][order], y[TEST][order]
    expected = trustworthiness(shown, plane, n_neighbors=3)
    assert_allclose(row.tsne_trustworthiness, expected)
    neighbors = KNeighborsClassifier(3)
    one_out = cross_val_score(neighbors, plane, labels, cv=LeaveOneOut()).mean()
    assert_allclose(row.tsne_accuracy, one_out)


def test_maps_are_those_of_the_first_split():
    names = [(row.estimator, row.encoding_dim) for row in of_pca() if row.split == 0]
    assert [(each.estimator, each.encoding_dim) for each in of_pca().maps] == names
    assert {each.positions.shape for each in of_pca().maps} == {(12, 2)}
    assert {len(each.labels) for each in of_pca().maps} == {12}


def test_tsne_and_trustworthiness_are_of_as_many_rows_as_allowed():
    how = {"estimators": {}, "encoding_dims": 2, "n_splits": 1}
    comparison = compare(X, tsne_rows=5, trustworthiness_rows=7, **how)
    assert len(comparison.maps[0].positions) == comparison.conditions.tsne_rows == 5
    chosen = X[TEST][np.random.RandomState(0).permutation(12)[:7]]
    codes = PCA(2).fit(X[TRAIN]).transform(chosen)
    expected = trustworthiness(chosen, codes, n_neighbors=3)  # 5 would be too many
    assert comparison.rows[0].trustworthiness == pytest.approx(expected)


def test_splits_are_the_same_for_all_and_differ_from_one_another():
    pca, again = (
        [row[3:-1] for row in of_pca() if row.estimator == name]
        for name in ("PCA", "PCA again")
    )
    assert pca == again
    assert len({row[0] for row in pca}) == len(pca) == 4


def test_splitters_and_splits_of_ones_own_are_used():
    folds = list(KFold(3).split(X))
    how = {"estimators": {}, "encoding_dims": 2, "tsne": False}
    given = compare(X, cv=folds, **how)
    assert [row.split for row in given] == [0, 1, 2]
    assert without_seconds(given) == without_seconds(compare(X, cv=KFold(3), **how))
    train, test = folds[0]
    pca = PCA(2).fit(X[train])
    reconstructed = pca.inverse_transform(pca.transform(X[test]))
    assert_allclose(given.rows[0].error, ((X[test] - reconstructed) ** 2).mean())


def test_table_has_mean_and_standard_deviation_over_the_splits():
    table = of_pca().table()
    assert isinstance(table, pd.DataFrame)
    assert list(table)[:4] == ["encoding_dim", "estimator", "error", "error_std"]
    for line in table.to_dict("records"):
        of = line["estimator"], line["encoding_dim"]
        rows = [row._asdict() for row in of_pca() if row[:2] == of]
        for measure in rows[0].keys() - {"estimator", "encoding_dim", "split"}:
            values = [row[measure] for row in rows]
            assert line[measure] == pytest.approx(np.mean(values))
            spread = pytest.approx(np.std(values, ddof=1), abs=1e-15)
            assert line[f"{measure}_std"] == spread


def test_table_of_one_split_has_no_spread_and_only_what_was_measured():
    table = compare(X, estimators={}, encoding_dims=[1, 2], **QUICK).table()
    assert table["error_std"].isna().all()
    assert not {"accuracy", "tsne_accuracy", "tsne_trustworthiness"} & set(table)


def test_printed_are_verdict_and_aligned_table():
    verdict, table, notes = str(of_pca()).split("\n\n")
    assert verdict == of_pca().verdict
    heading, *lines = table.splitlines()
    assert heading.split()[:2] == ["codes", "estimator"]
    assert len({len(line) for line in table.splitlines()}) == 1
    frame = of_pca().table()
    assert [int(line.split()[0]) for line in lines] == frame["encoding_dim"].tolist()
    shown = [line.split()[-2].split("±") for line in lines]
    expected = frame[["tsne_accuracy", "tsne_accuracy_std"]]
    assert_allclose(np.array(shown, float), expected, atol=6e-4)
    assert "3 nearest neighbours" in notes


def test_plot_draws_a_panel_for_each_measure():
    figure = Figure()
    assert of_pca().plot(figure) is of_pca()
    assert of_pca().figure_ is figure
    titles = [axis.get_title() for axis in figure.axes]
    assert "3-NN accuracy after t-SNE" in titles
    assert len(titles) == 7
    drawn = figure.axes[0].containers[1]
    assert drawn.get_label() == "means"
    table = of_pca().table().query("estimator == 'means'")
    assert_allclose(drawn.lines[0].get_xydata()[:, 1], table["relative_error"])


def test_plot_makes_a_figure_of_its_own():
    from matplotlib import pyplot

    assert of_pca().plot().figure_ is pyplot.gcf()


def test_maps_are_drawn_by_estimator_and_number_of_codes():
    figure = of_pca().plot_maps(Figure()).figure_
    names = ["PCA", "means", "PCA again"]
    assert [axis.get_title() for axis in figure.axes] == [
        f"{name}\n{codes}" for name in names for codes in ("1 code", "3 codes")
    ]
    drawn = [points.get_offsets() for points in figure.axes[1].collections]
    plane = of_pca().maps[3]
    assert (plane.estimator, plane.encoding_dim) == ("PCA", 3)
    assert_allclose(drawn[1], plane.positions[plane.labels == 1])


@pytest.mark.parametrize("labels", [None, np.arange(60) % 25])
def test_maps_are_drawn_without_labels_and_with_many(labels):
    how = {"estimators": {}, "encoding_dims": 2, "n_splits": 1, "test_size": 50}
    figure = compare(X, labels, n_neighbors=2, **how).plot_maps(Figure()).figure_
    assert not figure.legends
    (points,) = figure.axes[0].collections
    assert len(points.get_offsets()) == 50


def test_without_tsne_there_are_no_maps():
    comparison = compare(X, estimators={}, encoding_dims=1, **QUICK)
    assert comparison.maps == []
    assert comparison.rows[0].tsne_trustworthiness is None
    with pytest.raises(ValueError, match="tsne=True"):
        comparison.plot_maps()


def test_estimator_of_the_user_is_measured_and_left_alone():
    mean_only = MeanOnly()
    row = compare(X, y, estimators=mean_only, encoding_dims=2, **QUICK).rows[1]
    assert row[:2] == ("MeanOnly", 2)
    assert_allclose(row.error, ((X[TEST] - X[TRAIN].mean(axis=0)) ** 2).mean())
    assert vars(mean_only) == {"encoding_dim": 1}


def test_estimators_of_a_list_are_named_after_their_classes():
    estimators = [MeanOnly(), Exact(), MeanOnly(), PCA()]
    comparison = compare(X, estimators=estimators, encoding_dims=5, **QUICK)
    names = [row.estimator for row in comparison]
    assert names == ["PCA", "MeanOnly", "Exact", "MeanOnly 2", "PCA 2"]


def test_no_estimators_measure_pca_alone():
    comparison = compare(X, estimators={}, encoding_dims=[1, 2], **QUICK)
    assert [row[:2] for row in comparison] == [("PCA", 1), ("PCA", 2)]
    assert "PCA alone" in comparison.verdict


def test_without_estimators_the_default_one_gets_the_random_state():
    _, ours = candidates(None)
    assert ours.name == "AutoencoderTransformer"
    made = ours.make(8, seed=3)
    expected = AutoencoderTransformer(8, random_state=3).get_params()
    assert made.get_params() == expected


def test_n_components_and_last_steps_of_pipelines_get_the_number_of_codes():
    estimators = {
        "svd": TruncatedSVD(),
        "pipeline": make_pipeline(StandardScaler(), make_pipeline(PCA(4), PCA())),
    }
    comparison = compare(X, estimators=estimators, encoding_dims=2, **QUICK)
    inner = comparison.estimators["pipeline", 2][-1]
    assert [step.n_components for step in inner] == [4, 2]
    assert comparison.estimators["svd", 2].n_components == 2


def test_seeds_that_are_open_differ_by_split_and_others_are_kept():
    seen = []

    class Seeded(MeanOnly):
        def __init__(self, encoding_dim=1, random_state=None):
            self.encoding_dim = encoding_dim
            self.random_state = random_state

        def fit(self, X, y=None):
            seen.append(self.random_state)
            return super().fit(X)

    estimators = {"open": Seeded(), "set": make_pipeline(Seeded(random_state=1))}
    how = {"encoding_dims": 1, "n_splits": 2, "tsne": False, "random_state": 5}
    compare(X, estimators=estimators, **how)
    assert seen == [5, 1, 6, 1]


def test_an_int_as_random_state_gives_the_same_numbers_again():
    how = {"encoding_dims": 1, "n_splits": 2, "n_neighbors": 3}
    again = compare(X, y, estimators={}, **how)
    before = [row for row in of_pca() if row[:2] == ("PCA", 1)]
    assert without_seconds(again) == without_seconds(before)
    assert_array_equal(again.maps[0].positions, of_pca().maps[0].positions)


@pytest.mark.parametrize("random_state", [None, 0, np.random.RandomState(0)])
def test_global_generator_stays_as_it_was(random_state):
    before = np.random.get_state()[1].copy()
    how = {"encoding_dims": 1, "n_splits": 1, "random_state": random_state}
    compare(X, y, estimators=MeanOnly(), **how)
    assert (np.random.get_state()[1] == before).all()


def test_without_labels_there_is_no_accuracy():
    comparison = compare(X, estimators=MeanOnly(), encoding_dims=1, **QUICK)
    assert [row.accuracy for row in comparison] == [None, None]
    assert "accuracy" not in str(comparison)


def test_errors_of_rounding_count_as_equal():
    comparison = compare(X, estimators=Exact(), encoding_dims=X.shape[1], **QUICK)
    assert comparison.rows[0].error < comparison.rows[1].error
    assert [row.relative_error for row in comparison] == [1, 1]


def test_no_data_stand_for_the_digits():
    how = {"estimators": {}, "encoding_dims": 2, **QUICK}
    given = compare(*load_digits(return_X_y=True), **how)
    assert without_seconds(compare(**how)) == without_seconds(given)


@pytest.mark.parametrize("kind", [pd.DataFrame, np.ndarray.tolist, np.asfortranarray])
def test_any_array_like_gives_the_same_numbers(kind):
    labels = pd.Series(y).map({0: "a", 1: "b", 2: "c"})
    how = {"estimators": MeanOnly(), "encoding_dims": 2, **QUICK}
    given = compare(kind(X), labels, **how)
    assert without_seconds(given) == without_seconds(compare(X, y, **how))


@pytest.mark.parametrize("dtype", [np.uint8, bool, np.float16])
def test_small_types_do_not_overflow(dtype):
    small = np.random.default_rng(0).integers(0, 256, (40, 3)).astype(dtype)
    small[::2] = 0
    how = {"estimators": MeanOnly(), "encoding_dims": [1, 2], **QUICK}
    expected = [row.error for row in compare(small.astype(float), **how)]
    assert_allclose([row.error for row in compare(small, **how)], expected, rtol=1e-3)


def test_fit_seconds_are_those_of_the_fit_alone(monkeypatch):
    """A clock that only a fit moves, by one second."""
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])

    class Ticking(MeanOnly):
        def fit(self, X, y=None):
            now[0] += 1
            return super().fit(X)

    pca, ticking = compare(X, y, estimators=Ticking(), encoding_dims=1, **QUICK)
    assert (pca.fit_seconds, ticking.fit_seconds) == (0, 1)


def test_verbose_says_on_standard_error_what_has_been_measured(capsys):
    compare(X, estimators=MeanOnly(), encoding_dims=[1, 2], verbose=1, **QUICK)
    said = capsys.readouterr()
    assert said.out == ""
    lines = said.err.splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        f"{number} of 4" for number in (1, 2, 3, 4)
    ]
    assert "split 1, 2 codes, MeanOnly" in lines[-1]
    compare(X, estimators=MeanOnly(), encoding_dims=1, **QUICK)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("dims", [0, [2, -1], 6, 2.0, [], ["2"], [[2]], None])
def test_bad_encoding_dims_are_named(dims):
    message = "encoding_dims must hold integers from 1 to 5, .* 48 training rows of 5"
    with pytest.raises(ValueError, match=message):
        compare(X, y, encoding_dims=dims)


def test_encoding_dims_end_at_the_number_of_training_rows():
    with pytest.raises(ValueError, match=r"from 1 to 3, .* 3 training rows"):
        compare(X[:7], encoding_dims=4, test_size=4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((None, y), "y was given without X"),
        ((X, y[:-1]), "inconsistent numbers of samples"),
        ((X, X[:, 0]), "continuous"),
        ((X[0],), "Expected 2D array"),
        ((np.where(X > 3, np.inf, X),), "X contains infinity"),
        ((X[:10],), "2 of the 10 rows of X are held out"),
        ((X[:1],), "n_samples=1"),
        ((np.full_like(X, np.nan),), "columns without a value: .0, 1"),
        ((np.ones_like(X),), "test rows of X, 12 in all, are equal"),
    ],
)
def test_bad_data_get_a_clear_error(arguments, message):
    with pytest.raises(ValueError, match=message):
        compare(*arguments, encoding_dims=1)


@pytest.mark.parametrize(
    "limits",
    [
        {"n_neighbors": 0},
        {"n_neighbors": 49},
        {"n_splits": 0},
        {"tsne_rows": 3},
        {"trustworthiness_rows": 0},
        {"scale": "yes"},
    ],
)
def test_numbers_have_limits(limits):
    (name,) = limits
    with pytest.raises(ValueError, match=name):
        compare(X, y, encoding_dims=1, **limits)


def in_euros(size=1e5):
    """Rows in which one feature has another unit, so that it holds all variance."""
    rows = X.copy()
    rows[:, 2] *= size
    return rows


def test_features_of_another_unit_are_scaled_and_named():
    how = {"estimators": MeanOnly(), "encoding_dims": [1, 2], **QUICK}
    frame = pd.DataFrame(in_euros(), columns=["a", "b", "income", "d", "e"])
    comparison = compare(frame, **how)
    assert comparison.conditions.dominant == ("income",)
    assert comparison.conditions.dominant_share > 0.999
    assert comparison.conditions.is_scaled
    scaler = StandardScaler().fit(X[TRAIN])
    expected = compare(scaler.transform(X), cv=[(TRAIN, TEST)], scale=False, **how)
    found, expected = (
        [row[3:7] for row in given.rows] for given in (comparison, expected)
    )
    assert_allclose(found, expected, rtol=1e-8)
    assert comparison.verdict.startswith("Scale the columns, since income holds")
    assert "--scale no (scale=False)" in str(comparison)


def test_units_are_kept_on_request_and_where_none_dominates():
    how = {"estimators": {}, "encoding_dims": 2, **QUICK}
    kept = compare(in_euros(), scale=False, **how)
    assert (kept.conditions.is_scaled, kept.conditions.dominant) == (False, (2,))
    assert "feature 2 holds over 99.9% of the variance" in str(kept)
    assert kept.rows[0].variance_explained > 0.999
    plain = compare(X, **how)
    assert (plain.conditions.is_scaled, plain.conditions.dominant) == (False, ())
    assert compare(X, scale=True, **how).conditions.is_scaled


def test_both_units_are_shown_on_request():
    how = {"estimators": MeanOnly(), "encoding_dims": 2, **QUICK}
    both = compare(in_euros(), scale="both", **how)
    alone = compare(in_euros(), scale=False, **how)
    assert both.conditions.is_scaled
    assert without_seconds(both.unscaled) == without_seconds(alone)
    assert alone.unscaled is None
    for text in (str(both), both._repr_html_()):
        assert "In the units of the columns" in text


def test_sizes_follow_the_number_of_features():
    def sizes(n_features, n_rows=50):
        rows = np.random.RandomState(0).rand(n_rows, n_features)
        return [row.encoding_dim for row in compare(rows, estimators={}, **QUICK)]

    assert sizes(1) == sizes(2) == [1]
    assert sizes(5) == [1, 2, 4]
    assert sizes(16) == [1, 2, 4, 8]
    assert sizes(20) == [2, 8, 16]
    assert sizes(60, 100) == [2, 8, 16, 32]
    assert sizes(60, 16) == [2, 8]


def test_of_many_rows_one_split_is_enough():
    rows = np.random.RandomState(0).rand(20_001, 2)
    how = {"estimators": {}, "tsne": False, "trustworthiness_rows": 4}
    assert compare(rows, **how).conditions.n_splits == 1
    assert compare(rows[1:], **how).conditions.n_splits == 3


def test_the_neighbours_of_many_rows_are_those_of_a_sample(monkeypatch):
    from skae.comparison import _compare

    monkeypatch.setattr(_compare, "_MOST_JUDGED", 6)
    monkeypatch.setattr(_compare, "_MOST_FITTED", 20)
    comparison = compare(X, y, estimators={}, encoding_dims=2, **QUICK)
    generator = np.random.RandomState(0)
    judged = generator.permutation(12)[:6]
    fitted = np.sort(generator.permutation(48)[:20])
    codes = PCA(2).fit(X[TRAIN])
    neighbors = KNeighborsClassifier(5)
    neighbors.fit(codes.transform(X[TRAIN][fitted]), y[TRAIN][fitted])
    expected = neighbors.score(codes.transform(X[TEST][judged]), y[TEST][judged])
    assert comparison.rows[0].accuracy == expected
    assert "on a random sample of 6 rows" in str(comparison)


def with_gaps():
    rows = X.copy()
    rows[::4, 1] = np.nan
    rows[::7, 3] = np.nan
    return rows


class TakesMissing(MeanOnly):
    """Codes and means of rows with missing values."""

    def fit(self, X, y=None):
        assert np.isnan(X).any()
        self.mean_ = np.nanmean(X, axis=0)
        return self

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def test_errors_are_those_of_the_values_that_are_there():
    rows = with_gaps()
    comparison = compare(rows, estimators=TakesMissing(), encoding_dims=2, **QUICK)
    pca, ours = comparison.rows
    means = np.nanmean(rows[TRAIN], axis=0)
    filled = np.where(np.isnan(rows), means, rows)
    fitted = PCA(2).fit(filled[TRAIN])
    again = fitted.inverse_transform(fitted.transform(filled[TEST]))
    squares = np.nansum((rows[TEST] - again) ** 2)
    total = np.nansum((rows[TEST] - np.nanmean(rows[TEST], axis=0)) ** 2)
    assert_allclose(pca.error, squares / np.isfinite(rows[TEST]).sum())
    assert_allclose(pca.variance_explained, 1 - squares / total)
    assert_allclose(ours.error, np.nanmean((rows[TEST] - means) ** 2))
    assert comparison.conditions.missing_fraction == np.isnan(rows).mean()
    assert "of the values are missing" in str(comparison)


def test_the_default_estimator_takes_missing_values():
    _, ours = candidates(None, has_missing=True)
    assert ours.estimator.missing_values == "allow"


def test_columns_that_are_no_features_are_left_out_and_named():
    frame = pd.DataFrame(X, columns=list("abcde"))
    how = {"estimators": MeanOnly(), "encoding_dims": 2, **QUICK}
    expected = without_seconds(compare(frame, **how))
    more = frame.assign(
        customer_id=np.arange(60) * 7,
        row=np.arange(1, 61),
        name=[f"name {number}" for number in range(60)],
        version=3,
        empty=np.nan,
    )
    comparison = compare(more, **how)
    assert without_seconds(comparison) == expected
    assert dict(comparison.conditions.left_out) == {
        "customer_id": "an identifier, by its name",
        "row": "an identifier, the numbers of the rows",
        "name": "free text or an identifier, with 60 different values in 60 rows",
        "version": "the same value in all rows",
        "empty": "without a value",
    }
    assert "'version' (the same value in all rows)" in str(comparison)


def test_numbers_that_identify_are_told_from_counts():
    rng = np.random.default_rng(0)
    drawn = rng.permutation(9000)[:120] + 1000
    frame = pd.DataFrame(
        {
            "client": drawn,  # all differ, of four digits
            "price": drawn / 7,
            "visits": drawn - 900,  # all differ, of three and four digits
            "euros": np.r_[drawn[:-1], drawn[0]],  # one comes again
            "a": rng.random(120),
        }
    )
    chosen = usable_columns(frame)
    assert [column for column, _ in chosen.left_out] == ["client"]
    assert usable_columns(frame.head(99)).left_out == []


def test_columns_that_are_named_are_all_compared():
    frame = pd.DataFrame(X, columns=list("abcde")).assign(id=np.arange(60) % 9)
    how = {"estimators": {}, "encoding_dims": 2, **QUICK}
    chosen = compare(frame, columns=["a", "c", "id"], **how)
    assert chosen.conditions.n_features == 3
    with pytest.raises(ValueError, match="'f' is none of them"):
        compare(frame, columns=["a", "f"], **how)
    with pytest.raises(ValueError, match="must name columns of X, a data frame"):
        compare(X, columns=[0], **how)
    with pytest.raises(ValueError, match="no column that can be compared: 'id'"):
        compare(frame[["id"]], **how)


@pytest.mark.parametrize(
    ("form", "unambiguous"),
    [
        ("%Y-%m-%d", "ISO8601"),
        ("%d.%m.%Y", None),
        ("%m/%d/%Y", None),
        ("%d/%m/%Y", None),
    ],
)
def test_text_that_is_dates_becomes_dates(form, unambiguous):
    days = pd.Series(pd.date_range("2024-01-05", periods=60))
    frame = pd.DataFrame(X, columns=list("abcde")).assign(day=days.dt.strftime(form))
    comparison = compare(frame, estimators={}, encoding_dims=1, **QUICK)
    columns = comparison.table_columns
    assert columns.dates == {"day": unambiguous or form}
    assert (columns.frame["day"] == days).all()


def test_the_time_left_is_said_where_it_is_long(monkeypatch, capsys):
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])

    class Slow(MeanOnly):
        def fit(self, X, y=None):
            now[0] += 40 * self.encoding_dim
            return super().fit(X)

    how = {"estimators": Slow(), "encoding_dims": [1, 2], "n_splits": 2, "tsne": False}
    compare(X, verbose=1, **how)
    lines = capsys.readouterr().err.splitlines()
    assert lines[1].endswith("; about 2 minutes left")  # by the first number of codes
    assert lines[3].endswith("; about 2 minutes left")
    assert lines[5].endswith("; about 80 s left")
    assert not lines[7].endswith("left")


def test_a_notebook_shows_a_table_with_bars():
    text = of_pca()._repr_html_()
    assert of_pca().verdict.splitlines()[0] in text
    assert text.count("<tr>") == 1 + len(of_pca().table())
    first = of_pca().table().iloc[0]
    width = 100 * first["variance_explained"]
    assert f"{width:.1f}%, transparent 0" in text
    assert f"{first['variance_explained']:.3f}</td>" in text


def test_legends_read_in_order_along_the_lines():
    how = {"estimators": {}, "encoding_dims": 2, "n_splits": 1, "test_size": 50}
    labels = np.arange(60) % 10
    figure = compare(X, labels, n_neighbors=2, **how).plot_maps(Figure()).figure_
    (legend,) = figure.legends
    names = [text.get_text() for text in legend.get_texts()]
    n_lines = 5  # of two columns
    lines = [" ".join(names[line::n_lines]) for line in range(n_lines)]
    assert " ".join(lines) == "0 1 2 3 4 5 6 7 8 9"


def test_axes_have_no_offsets():
    rows = [
        row._replace(variance_explained=0.999980 + 1e-7 * row.encoding_dim)
        for row in of_pca()
    ]
    figure = Comparison(rows, of_pca().conditions).plot(Figure()).figure_
    figure.canvas.draw()
    for axis in figure.axes:
        assert axis.yaxis.get_offset_text().get_text() == ""


class Unfixed(MeanOnly):
    """Has no parameter for the number of codes."""

    def __init__(self, size=1):
        self.size = size


class Wider(MeanOnly):
    """Gives back rows with a feature too many."""

    def inverse_transform(self, X):
        return np.zeros((len(X), len(self.mean_) + 1))


@pytest.mark.parametrize(
    ("estimators", "error", "message"),
    [
        (Unfixed(), ValueError, "Unfixed has neither encoding_dim nor n_components"),
        (make_pipeline(StandardScaler()), ValueError, "Pipeline has neither"),
        ({"PCA": NMF()}, ValueError, "'PCA', which is the baseline's name"),
        (TSNE(), TypeError, "TSNE has no transform, inverse_transform"),
        ([MeanOnly], TypeError, "unfitted scikit-learn estimators"),
        (["NMF"], TypeError, "unfitted scikit-learn estimators, got 'NMF'"),
        (Wider(), ValueError, r"Wider gives .* shape \(12, 6\) .* shape \(12, 5\)"),
    ],
)
def test_estimators_of_no_use_get_a_clear_error(estimators, error, message):
    with pytest.raises(error, match=message):
        compare(X, y, estimators=estimators, encoding_dims=1, **QUICK)
