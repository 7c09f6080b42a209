"""TableEncoder: its numbers against formulas and scikit-learn, and its contract."""

import datetime
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from pandas.testing import assert_frame_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    OneHotEncoder,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.utils.estimator_checks import parametrize_with_checks

from skae import TableEncoder

N_ROWS = 60


def mixed(seed=0):
    """Return numbers, categories and text that are related, and the rest."""
    rng = np.random.RandomState(seed)
    size = rng.randn(N_ROWS)
    kind = pd.Categorical(np.where(size + rng.randn(N_ROWS) > 0, "dog", "cat"))
    place = rng.choice(["Bonn", "Rome", "York"], N_ROWS, p=[0.6, 0.3, 0.1])
    start = pd.Timestamp("2020-01-01")
    return pd.DataFrame(
        {
            "size": size,
            "age": rng.randint(1, 20, N_ROWS),
            "kind": kind,
            "is tame": rng.rand(N_ROWS) > 0.3,
            "place": place,
            "born": start + pd.to_timedelta(rng.randint(0, 999, N_ROWS), unit="D"),
            "walk": pd.to_timedelta(rng.randint(0, 90, N_ROWS), unit="min"),
        }
    )


def with_gaps(frame, columns, every=7):
    """Return a copy in which every so many rows lack values of some columns."""
    frame = frame.copy()
    for number, column in enumerate(columns):
        frame.loc[number::every, column] = None
    return frame


@parametrize_with_checks([TableEncoder()])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def famd(numbers, categories, n_codes):
    """Return the coordinates of Pagès (2004): a singular value decomposition."""
    parts = [(numbers - numbers.mean(axis=0)) / numbers.std(axis=0)]
    for values in categories:
        ones = values[:, np.newaxis] == np.unique(values)
        parts.append((ones - ones.mean(axis=0)) / np.sqrt(ones.mean(axis=0)))
    U, s, _ = np.linalg.svd(np.hstack(parts), full_matrices=False)
    return U[:, :n_codes] * s[:n_codes]


@pytest.mark.parametrize("is_sparse", [False, True])
@pytest.mark.parametrize("seed", [0, 1])
def test_pca_of_encoded_rows_is_the_factor_analysis_of_mixed_data(seed, is_sparse):
    frame = mixed(seed)
    numbers = np.column_stack(
        [
            frame["size"],
            frame["age"],
            frame["born"].astype("int64"),
            frame["walk"].astype("int64"),
        ]
    )
    categories = [frame[name].astype(str).to_numpy() for name in frame.columns[2:5]]
    expected = famd(numbers, categories, 5)
    encoder = TableEncoder(sparse_output=is_sparse)
    solver = "arpack" if is_sparse else "full"
    found = make_pipeline(encoder, PCA(5, svd_solver=solver)).fit_transform(frame)
    signs = np.sign((found * expected).sum(axis=0))
    assert_allclose(found, signs * expected, atol=1e-6)


@pytest.mark.parametrize("is_sparse", [False, True])
def test_categories_may_count_as_much_as_numbers(is_sparse):
    frame = mixed()
    how = {"sparse_output": is_sparse, "categorical_scaling": "unit_variance"}
    encoder = TableEncoder(**how).fit(frame)
    rows = encoder.transform(frame)
    found = pd.DataFrame(rows.toarray() if is_sparse else rows)
    found.columns = encoder.get_feature_names_out()
    variances = found.var(ddof=0).groupby(lambda name: name.partition("_")[0]).sum()
    assert_allclose(variances, 1)
    assert_frame_equal(encoder.inverse_transform(rows), frame)


def test_a_column_is_known_by_its_type():
    frame = mixed()
    frame["text"] = [f"text {number}" for number in range(N_ROWS)]
    with pytest.warns(UserWarning, match="'text' .free text or an identifier, with 60"):
        encoder = TableEncoder(unusable="drop").fit(frame)
    assert encoder.kinds_ == [
        *("number", "number", "category", "boolean", "category", "date", "duration"),
        "dropped",
    ]
    again = encoder.inverse_transform(encoder.transform(frame))
    assert_frame_equal(again, frame.drop(columns="text"))


@pytest.mark.parametrize(
    "features",
    [
        ["age", "size"],
        [0, 1],
        [True, True, False, False, False, False, False],
        lambda X: X.columns[:2],
    ],
    ids=["names", "numbers", "mask", "callable"],
)
def test_columns_of_numbers_may_be_categories(features):
    frame = mixed().round({"size": 0})
    encoder = TableEncoder(categorical_features=features).fit(frame)
    assert encoder.kinds_[:2] == ["category", "category"]
    assert_frame_equal(encoder.inverse_transform(encoder.transform(frame)), frame)


@pytest.mark.parametrize(
    ("how", "scaler"),
    [
        ("standard", StandardScaler()),
        ("robust", RobustScaler(unit_variance=True)),
        (
            "quantile",
            QuantileTransformer(n_quantiles=N_ROWS, output_distribution="normal"),
        ),
    ],
)
def test_numbers_are_scaled_as_scikit_learn_does(how, scaler):
    frame = with_gaps(mixed(), ["size"])
    found = TableEncoder(numeric_scaling=how).fit_transform(frame)
    numbers = frame[["size", "age"]].to_numpy(float)
    assert_allclose(found[:, :2], scaler.fit_transform(numbers))


@pytest.mark.parametrize("how", ["standard", "robust", "quantile"])
def test_the_unit_does_not_matter(how):
    column = np.random.RandomState(0).randn(N_ROWS, 1)
    encoder = TableEncoder(numeric_scaling=how)
    expected = encoder.fit_transform(column)
    for unit in (1e-12, 1e12):
        found = encoder.fit_transform(column * unit)
        assert_allclose(found, expected, atol=1e-8)
        assert_allclose(encoder.inverse_transform(found), column * unit)


def test_quantiles_tell_values_close_to_an_extreme_apart():
    frame = pd.DataFrame({"n": [1, -23_094_011, 0, 0, 5]})
    encoder = TableEncoder(numeric_scaling="quantile").fit(frame)
    assert_frame_equal(encoder.inverse_transform(encoder.transform(frame)), frame)


def test_robust_scaling_of_a_column_with_equal_quartiles_takes_the_deviation():
    column = np.array([0.0] * 9 + [1e6])
    found = TableEncoder(numeric_scaling="robust").fit_transform(column[:, np.newaxis])
    assert_allclose(found[:, 0], column / column.std())


RARE = ["a"] * 8 + ["b"] * 5 + ["c"] * 2 + ["d", "e"]


@pytest.mark.parametrize(
    "how",
    [
        {"min_frequency": 3},
        {"min_frequency": 0.2},
        {"max_categories": 2},
        {"min_frequency": 2, "max_categories": 3},
        {},
    ],
    ids=str,
)
@pytest.mark.parametrize("unknown", ["ignore", "infrequent_if_exist"])
def test_categories_are_pooled_as_scikit_learn_does(how, unknown):
    frame = pd.DataFrame({"v": RARE})
    new = pd.DataFrame({"v": [*RARE, "z", "y"]})
    theirs = OneHotEncoder(handle_unknown=unknown, sparse_output=False, **how)
    ours = TableEncoder(handle_unknown=unknown, sparse_output=True, **how).fit(frame)
    expected = theirs.fit(frame).transform(new)
    found = ours.transform(new).toarray()
    frequencies = theirs.transform(frame).mean(axis=0)
    assert_allclose(found, expected / np.sqrt(frequencies))
    assert_array_equal(ours.get_feature_names_out(), theirs.get_feature_names_out())


def test_the_most_frequent_of_pooled_values_comes_back():
    frame = pd.DataFrame({"v": RARE})
    encoder = TableEncoder(min_frequency=3).fit(frame)
    again = encoder.inverse_transform(encoder.transform(frame))
    assert again["v"].tolist() == ["a"] * 8 + ["b"] * 5 + ["c"] * 4


def test_unknown_values_are_an_error_or_a_warning():
    frame, new = pd.DataFrame({"v": RARE}), pd.DataFrame({"v": ["z", "a"]})
    with pytest.raises(ValueError, match="'z' in column 'v', unknown from fit"):
        TableEncoder().fit(frame).transform(new)
    encoder = TableEncoder(handle_unknown="warn", min_frequency=3).fit(frame)
    with pytest.warns(UserWarning, match="'z' in column 'v'"):
        found = encoder.inverse_transform(encoder.transform(new))
    assert found["v"].tolist() == ["c", "a"]


def test_missing_values_stay_nan_in_all_columns_of_a_category():
    frame = with_gaps(mixed(), ["size", "place", "born"])
    encoder = TableEncoder().fit(frame)
    found = pd.DataFrame(
        encoder.transform(frame), columns=encoder.get_feature_names_out()
    )
    for name in found:
        source = frame[name.partition("_")[0]]
        assert_array_equal(found[name].isna(), source.isna())


def test_missing_values_as_a_category():
    frame = with_gaps(mixed(), ["size", "place"])
    encoder = TableEncoder(missing_values="category")
    found = encoder.set_output(transform="pandas").fit_transform(frame)
    assert not found.isna().any(axis=None)
    assert_allclose(found.loc[frame["size"].isna(), "size"], 0, atol=1e-12)
    gaps = frame[["size"]].isna().to_numpy(float)
    expected = StandardScaler().fit_transform(gaps)
    assert_allclose(found[["size_missing"]], expected)
    names = encoder.get_feature_names_out().tolist()
    assert [n for n in names if n.endswith("_missing")] == [
        "size_missing",
        "place_missing",
    ]
    assert_frame_equal(encoder.inverse_transform(found), frame)


def test_missing_values_that_fit_has_not_seen_are_unknown():
    frame = mixed()
    new = with_gaps(frame, ["size", "place"])
    encoder = TableEncoder(missing_values="category").fit(frame)
    with pytest.raises(ValueError, match="missing values in column 'size', unknown"):
        encoder.transform(new)
    encoder.set_params(handle_unknown="ignore")
    found = encoder.transform(new)
    assert_array_equal(found[0, 0], 0)  # the mean
    assert np.isfinite(found).all()


def test_sparse_rows_are_dense_ones_without_centring():
    frame = mixed()
    dense = TableEncoder(sparse_output=False).fit_transform(frame)
    rows = TableEncoder(sparse_output=True).fit_transform(frame)
    assert sparse.issparse(rows)
    assert_allclose(np.ptp(dense - rows.toarray(), axis=0), 0, atol=1e-12)


def test_sparse_rows_hold_missing_values():
    frame = with_gaps(mixed(), ["size", "place"])
    dense = TableEncoder(sparse_output=False).fit_transform(frame)
    encoder = TableEncoder(sparse_output=True).fit(frame)
    rows = encoder.transform(frame)
    assert_array_equal(np.isnan(rows.toarray()), np.isnan(dense))
    assert_frame_equal(encoder.inverse_transform(rows), frame)


@pytest.mark.parametrize(
    ("n_values", "gap", "is_sparse"),
    [(3, False, False), (9, False, True), (9, True, False)],
)
def test_output_is_sparse_where_few_entries_are_not_zero(n_values, gap, is_sparse):
    values = [str(number % n_values) for number in range(N_ROWS)]
    frame = pd.DataFrame({"v": [None, *values[1:]] if gap else values})
    encoder = TableEncoder().fit(frame)
    assert (
        encoder.sparse_output_ == is_sparse == sparse.issparse(encoder.transform(frame))
    )


def test_reconstructions_come_back_within_the_types():
    frame = mixed().astype({"age": "uint8"})
    encoder = TableEncoder().fit(frame)
    far = 50 * np.random.RandomState(0).randn(200, encoder.transform(frame).shape[1])
    again = encoder.inverse_transform(far)
    assert_array_equal(again.dtypes, frame.dtypes)
    assert (again["age"].min(), again["age"].max()) == (0, 255)
    assert set(again["place"]) <= set(frame["place"])
    assert set(again["kind"]) <= set(frame["kind"])
    assert (again["born"] == again["born"].dt.normalize()).all()
    assert (again["walk"].dt.total_seconds() % 60 == 0).all()


def test_the_value_of_the_largest_share_comes_back():
    frame = mixed()
    encoder = TableEncoder().fit(frame)
    names = encoder.get_feature_names_out().tolist()
    start = names.index("place_Bonn")
    p = frame["place"].value_counts(normalize=True).sort_index().to_numpy()
    shares = np.array([[0.3, 0.4, 0.3], [0.2, 0.2, 0.6], [-1, -2, -3]])
    rows = np.zeros((3, len(names)))
    rows[:, start : start + 3] = (shares - p) / np.sqrt(p)
    again = encoder.inverse_transform(rows)
    assert again["place"].tolist() == ["Rome", "York", "Bonn"]


def test_arrays_and_lists_come_back_as_arrays():
    rows = [[1, "a", 2.5, True], [2, "b", None, False], [3, "a", 1.5, True]]
    for given in (rows, np.array(rows, object)):
        encoder = TableEncoder().fit(given)
        assert encoder.kinds_ == ["number", "category", "number", "boolean"]
        again = encoder.inverse_transform(encoder.transform(given))
        assert again.dtype == object
        assert again[[0, 2]].tolist() == [rows[0], rows[2]]
        assert again[1, [0, 1, 3]].tolist() == [2, "b", False]
        assert np.isnan(again[1, 2])
    integers = np.arange(12).reshape(6, 2)
    again = TableEncoder().fit(integers)
    again = again.inverse_transform(again.transform(integers))
    assert again.dtype == integers.dtype
    assert_array_equal(again, integers)


def test_masked_values_are_missing():
    rows = np.ma.masked_greater(np.arange(8.0).reshape(4, 2), 6)
    found = TableEncoder().fit_transform(rows)
    assert_array_equal(np.isnan(found), rows.mask)


def test_a_frame_of_the_other_library_is_encoded_alike():
    ours = with_gaps(mixed(), ["size", "place", "born"])
    theirs = pl.from_pandas(ours)
    expected = TableEncoder().fit_transform(ours)
    assert_allclose(TableEncoder().fit(ours).transform(theirs), expected)
    assert_allclose(TableEncoder().fit(theirs).transform(ours), expected)


def test_labels_and_index_are_kept():
    frame = mixed().set_index(np.arange(N_ROWS) * 10)
    names = pd.MultiIndex.from_product([["all"], frame.columns], names=["a", "b"])
    frame.columns = names
    encoder = TableEncoder().set_output(transform="pandas").fit(frame)
    assert_frame_equal(encoder.inverse_transform(encoder.transform(frame)), frame)


def test_frames_come_out_where_they_are_wanted():
    frame = mixed()
    encoder = TableEncoder().fit(frame)
    for library, module in (("pandas", pd), ("polars", pl)):
        found = encoder.set_output(transform=library).transform(frame)
        assert isinstance(found, module.DataFrame)
        assert list(found.columns) == encoder.get_feature_names_out().tolist()


def test_names_of_encoded_columns_differ():
    frame = pd.DataFrame({"a": ["b_c", "d"], "a_b": ["c", "d"]})
    names = TableEncoder().fit(frame).get_feature_names_out().tolist()
    assert names == ["a_b_c", "a_d", "a_b_c_2", "a_b_d"]


def test_fit_transform_is_fit_and_transform():
    frame = with_gaps(mixed(), ["size", "place"])
    for missing_values in ("allow", "category"):
        encoder = TableEncoder(missing_values=missing_values)
        expected = clone(encoder).fit(frame).transform(frame)
        assert_array_equal(encoder.fit_transform(frame), expected)


def test_a_fit_that_fails_leaves_no_trace():
    frame = mixed()
    encoder = TableEncoder().fit(frame)
    expected = encoder.transform(frame)
    with pytest.raises(ValueError, match="infinite"):
        encoder.fit(frame.assign(size=np.inf, other=1))
    assert_array_equal(encoder.transform(frame), expected)


def test_clones_and_pickles():
    frame = with_gaps(mixed(), ["size", "place"])
    encoder = TableEncoder(categorical_features=["age"]).fit(frame)
    again = pickle.loads(pickle.dumps(encoder))
    rows = encoder.transform(frame)
    assert_array_equal(again.transform(frame), rows)
    assert_frame_equal(again.inverse_transform(rows), frame)
    with pytest.raises(NotFittedError):
        clone(encoder).transform(frame)


def test_dates_far_away_are_bounded():
    days = np.arange("2020-01-01", "2020-01-09", dtype="datetime64[D]")
    frame = pd.DataFrame({"day": days.astype("datetime64[s]")})
    encoder = TableEncoder().fit(frame)
    again = encoder.inverse_transform([[1e9], [-1e9]])["day"].to_numpy()
    assert again.astype("datetime64[D]").tolist() == [
        datetime.date(9999, 12, 31),
        datetime.date(1, 1, 1),
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bag": [[1], [2]] * 30}, r"'bag' \(lists, dicts or other objects"),
        ({"none": None}, r"'none' \(without a value\)"),
        ({"z": np.array([1j] * N_ROWS)}, r"'z' \(complex numbers\)"),
        ({"name": [f"{n}" for n in range(N_ROWS)]}, "free text or an identifier"),
        ({"size": np.inf}, "infinite values in column 'size'"),
        ({"size": np.linspace(-1e300, 1e300, N_ROWS)}, "variance is beyond the range"),
    ],
    ids=["lists", "empty", "complex", "text", "infinite", "overflow"],
)
def test_columns_that_cannot_be_encoded_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        TableEncoder().fit(mixed().assign(**change))


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ([True, False], r"mask of shape \(2,\), but X has 7 columns"),
        (["weight"], "has 'weight', which is neither the name nor the number"),
        ([7], "has 7, which is neither"),
        ([0.5], "has 0.5, which is neither"),
    ],
)
def test_categorical_features_must_be_columns(features, message):
    with pytest.raises(ValueError, match=message):
        TableEncoder(categorical_features=features).fit(mixed())


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (pd.DataFrame({"a": []}), ValueError, "X has 0 rows"),
        (pd.DataFrame(index=[0, 1]), ValueError, "X has 0 columns"),
        (pl.LazyFrame({"a": [1]}), TypeError, r"not in memory.*X.collect\(\)"),
        (pd.DataFrame({"a": [[]]}), ValueError, "X has columns that cannot"),
        (sparse.csr_array((3, 3)), TypeError, "Sparse data was passed"),
    ],
    ids=["rows", "columns", "lazy", "lists", "sparse"],
)
def test_what_is_no_table_is_refused(X, error, message):
    with pytest.raises(error, match=message):
        TableEncoder().fit(X)


def test_nothing_is_left_where_all_columns_are_dropped():
    with pytest.raises(ValueError, match="no column that can be encoded"):
        TableEncoder(unusable="drop").fit(pd.DataFrame({"a": [None, None]}))


def test_values_of_another_kind_are_refused():
    frame = mixed()
    encoder = TableEncoder().fit(frame)
    with pytest.raises(ValueError, match="column 'size', which held values of the"):
        encoder.transform(frame.assign(size="large"))
    with pytest.raises(ValueError, match="column 'born', which held values of the"):
        encoder.transform(frame.assign(born="yesterday"))
    with pytest.raises(ValueError, match="both have a time zone, or none has"):
        encoder.transform(frame.assign(born=frame["born"].dt.tz_localize("UTC")))


def test_rows_of_another_width_cannot_be_decoded():
    encoder = TableEncoder().fit(mixed())
    with pytest.raises(ValueError, match="X has 3 columns, but TableEncoder was"):
        encoder.inverse_transform(np.zeros((2, 3)))


def test_missing_values_need_a_type_that_holds_them():
    frame = mixed()
    encoder = TableEncoder().fit(frame)
    rows = encoder.transform(frame)
    rows[0, 1] = np.nan
    with pytest.raises(ValueError, match=r"NaN for column 'age'.*type int64"):
        encoder.inverse_transform(rows)


def test_names_of_inputs_must_be_those_of_fit():
    encoder = TableEncoder().fit(mixed())
    with pytest.raises(ValueError, match="should have length equal to number of"):
        encoder.get_feature_names_out(["a"])
    with pytest.raises(ValueError, match="is not equal to feature_names_in_"):
        encoder.get_feature_names_out(list("abcdefg"))


def test_scores_by_column_are_those_of_scikit_learn():
    from sklearn.metrics import accuracy_score, log_loss, r2_score

    train, test = mixed(0), mixed(1)
    pipeline = make_pipeline(TableEncoder(), PCA(4)).fit(train)
    encoder, pca = pipeline
    rows = pca.inverse_transform(pipeline.transform(test))
    again = encoder.inverse_transform(rows)
    scores = encoder.column_scores(test, rows).set_index("column")
    unscaled = rows[:, 0] * train["size"].std(ddof=0) + train["size"].mean()
    assert_allclose(scores.loc["size", "r2"], r2_score(test["size"], unscaled))
    for name in ("kind", "place", "is tame"):
        expected = accuracy_score(test[name], again[name])
        assert_allclose(scores.loc[name, "accuracy"], expected)
    start = encoder.get_feature_names_out().tolist().index("place_Bonn")
    p = train["place"].value_counts(normalize=True).sort_index().to_numpy()
    shares = np.maximum(rows[:, start : start + 3] * np.sqrt(p) + p, 1e-3)
    expected = log_loss(test["place"], shares / shares.sum(axis=1, keepdims=True))
    assert_allclose(scores.loc["place", "log_loss"], expected)
    assert scores["r2"].isna().tolist() == scores["accuracy"].notna().tolist()
