"""Tables of mixed columns: is it FAMD, is the autoencoder better, and how fast is it?

    python -m benchmarks.tables [--only famd quality speed] [--codes 2 4 8] [--splits 3]
        [--rows 1000000]

1. famd: coordinates of ``make_pipeline(TableEncoder(), PCA(5))`` beside those of
   `prince.FAMD` (pip install prince): the largest difference, up to sign. PCA has its
   exact solver; its own choice is randomised for more than 500 rows or columns.
2. quality: `AutoencoderTransformer` after `TableEncoder`, beside FAMD (PCA after it),
   on a fifth of the rows held out. "error" is the mean squared error in the encoder's
   units over FAMD's. "numbers" is the mean of 1 - R² over the columns of numbers, and
   "accuracy" the mean over categories and booleans: of FAMD, of ours in the same units,
   and of ours with ``categorical_scaling="unit_variance"``, where numbers count more.
   Wage, Bikeshare, Carseats, OJ and Hitters are from the package ISLP, penguins from
   palmerpenguins (pip install --no-deps ISLP palmerpenguins); wine and breast_cancer
   are scikit-learn's, with every third column cut into four categories.
3. speed: `fit_transform` of 30 mixed columns, beside `ColumnTransformer` with the same
   steps, in fresh processes: the seconds, and the peak of memory above the table
   and the libraries (read from /proc, so this needs Linux).
"""

import argparse
import concurrent.futures
import importlib.metadata
import multiprocessing
import pathlib
import time
import warnings

import numpy as np
import pandas as pd
from sklearn import datasets as bundled
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.model_selection import ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from skae import AutoencoderTransformer, TableEncoder

PACKAGED = {
    "wage": ("ISLP", "ISLP/data/Wage.csv", ["year"]),
    "bikeshare": ("ISLP", "ISLP/data/Bikeshare.csv", ["season", "weekday", "holiday"]),
    "carseats": ("ISLP", "ISLP/data/Carseats.csv", []),
    "oj": ("ISLP", "ISLP/data/OJ.csv", ["StoreID", "STORE"]),
    "hitters": ("ISLP", "ISLP/data/Hitters.csv", []),
    "penguins": ("palmerpenguins", "palmerpenguins/data/penguins.csv", ["year"]),
}
"""Package, file, and columns of numbers that are categories."""

MADE = {"wine": bundled.load_wine, "breast_cancer": bundled.load_breast_cancer}
MEASURES = (
    "error",
    "numbers",
    "wrong categories",
    "numbers with unit variance",
    "wrong categories with unit variance",
)
SECTIONS = {
    "famd": "Coordinates beside those of prince.FAMD",
    "quality": "Rows held out, beside FAMD",
    "speed": "fit_transform beside ColumnTransformer's",
}


def main():
    """Run the sections and print their tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--data", nargs="+", default=[*PACKAGED, *MADE])
    parser.add_argument("--codes", nargs="+", type=int, default=[2, 4, 8])
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--rows", type=int, default=1_000_000)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", FutureWarning)
    for section in arguments.only:
        print(f"**{SECTIONS[section]}**\n")
        globals()[f"_{section}"](arguments)
        print(flush=True)


def _load(name):
    """Return a table, with names of categories among its numbers as text."""
    if name in MADE:
        frame = MADE[name](as_frame=True).data
        for column in frame.columns[::3]:
            quarters = pd.qcut(frame[column], 4, labels=False, duplicates="drop")
            frame[column] = quarters.map("quarter {}".format)
        return frame
    package, path, categories = PACKAGED[name]
    file = importlib.metadata.distribution(package).locate_file(path)
    frame = pd.read_csv(file)
    return frame.astype(dict.fromkeys(categories, "category"))


def _famd(arguments):
    import prince

    print("| data | rows × columns | largest difference |")
    print("|---|---|---|")
    exact = PCA(5, svd_solver="full")
    for name in arguments.data:
        frame = _load(name).dropna()
        found = make_pipeline(TableEncoder(), exact).fit_transform(frame)
        kinds = TableEncoder().fit(frame).kinds_
        names = frame.columns[np.isin(kinds, ["category", "boolean"])].tolist()
        famd = prince.FAMD(
            n_components=5, categorical_columns=names, engine="scipy"
        ).fit(frame)
        truth = famd.row_coordinates(frame).to_numpy()
        signs = np.sign((found * truth).sum(axis=0))
        print(
            f"| {name} | {len(frame)} × {frame.shape[1]} "
            f"| {np.abs(found - signs * truth).max():.1e} |"
        )


def _quality(arguments):
    print(
        "| data | rows × columns | codes | error / FAMD's | numbers: FAMD | ours "
        "| unit variance | accuracy: FAMD | ours | unit variance |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    ratios = []
    for name in arguments.data:
        frame = _load(name)
        for n_codes in arguments.codes:
            splits = ShuffleSplit(arguments.splits, test_size=0.2, random_state=0)
            found = np.mean(
                [_trial(frame, split, n_codes) for split in splits.split(frame)], axis=0
            )
            error = found[1, 0] / found[0, 0]
            wrong = (1 - found[1:, 2]) / (1 - found[0, 2])
            numbers = found[1:, 1] / found[0, 1]
            ratios.append([error, numbers[0], wrong[0], numbers[1], wrong[1]])
            cells = [*found[:, 1], *found[:, 2]]
            print(
                f"| {name} | {len(frame)} × {frame.shape[1]} | {n_codes} "
                f"| {error:.3f} | {' | '.join(map('{:.3f}'.format, cells))} |",
                flush=True,
            )
    print()
    for what, column in zip(MEASURES, np.transpose(ratios), strict=True):
        print(
            f"- {what}, over FAMD's: mean {column.mean():.3f}, largest "
            f"{column.max():.3f}, at most 0.9 in {(column <= 0.9).mean():.0%} of "
            f"{len(column)}."
        )


def _trial(frame, split, n_codes):
    """Return error, mean 1 - R² and accuracy, of FAMD and of ours in both scalings."""
    train, test = (frame.iloc[rows] for rows in split)
    ours = AutoencoderTransformer(n_codes, random_state=0)
    results = []
    for reduction, scaling in (
        (PCA(n_codes), "famd"),
        (ours, "famd"),
        (ours, "unit_variance"),
    ):
        encoder = TableEncoder(
            categorical_scaling=scaling,
            missing_values="category",
            handle_unknown="infrequent_if_exist",
            sparse_output=False,
        )
        X_train, X_test = encoder.fit_transform(train), encoder.transform(test)
        codes = reduction.fit(X_train).transform(X_test)
        again = reduction.inverse_transform(codes)
        scores = encoder.column_scores(test, again)
        means = 1 - scores["r2"].mean(), scores["accuracy"].mean()
        results.append((np.square(X_test - again).mean(), *means))
    return results


def _speed(arguments):
    print(f"{arguments.rows:,} rows × 30 columns\n")
    print("| encoder | output | columns | seconds | over ours | peak, MB |")
    print("|---|---|---|---|---|---|")
    context = multiprocessing.get_context("spawn")
    for is_sparse in (True, False):
        ours = None
        for who in ("TableEncoder", "ColumnTransformer"):
            with concurrent.futures.ProcessPoolExecutor(1, context) as pool:
                task = pool.submit(_encode, who, is_sparse, arguments.rows)
                width, seconds, peak = task.result()
            ours = ours or seconds
            print(
                f"| {who} | {'sparse' if is_sparse else 'dense'} | {width} "
                f"| {seconds:.1f} | {seconds / ours:.2f} | {peak:,.0f} |",
                flush=True,
            )


def _encode(who, is_sparse, n_rows):
    """Return the number of columns, the seconds and the peak of memory in MB."""
    frame = _mixed(n_rows)
    encoder = TableEncoder(sparse_output=is_sparse)
    if who == "ColumnTransformer":
        encoder = _column_transformer(is_sparse)
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before = _resident("VmRSS")
    started = time.perf_counter()
    encoded = encoder.fit_transform(frame)
    seconds = time.perf_counter() - started
    return encoded.shape[1], seconds, _resident("VmHWM") - before


def _resident(name):
    """Return a line of the process's status, in MB."""
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(name))
    return int(line.split()[1]) * 1024 / 1e6


def _mixed(n_rows):
    """Return 12 columns of floats, 3 of ints, 3 booleans, 2 dates, 10 categories."""
    rng = np.random.RandomState(0)
    columns = {f"float {i}": rng.standard_t(4, n_rows) for i in range(12)}
    columns |= {f"int {i}": rng.randint(0, 1000, n_rows) for i in range(3)}
    columns |= {f"bool {i}": rng.rand(n_rows) > 0.3 for i in range(3)}
    for i in range(2):
        seconds = pd.to_timedelta(rng.randint(0, 10**8, n_rows), unit="s")
        columns[f"date {i}"] = pd.Timestamp("2020") + seconds
    for i in range(5):
        values = np.array([f"value {j}" for j in range(5 + 3 * i)], object)
        numbers = rng.randint(0, len(values), n_rows)
        columns[f"category {i}"] = pd.Categorical.from_codes(numbers, values)
        columns[f"text {i}"] = values[rng.permutation(numbers)]
    return pd.DataFrame(columns)


def _column_transformer(is_sparse):
    def named(*kinds):
        return lambda X: [c for c in X if c.split()[0] in kinds]

    dates = make_pipeline(FunctionTransformer(_as_integers), StandardScaler())
    one_hot = OneHotEncoder(sparse_output=is_sparse)
    steps = [
        ("numbers", StandardScaler(), named("float", "int")),
        ("categories", one_hot, named("bool", "category", "text")),
        ("dates", dates, named("date")),
    ]
    return ColumnTransformer(steps, sparse_threshold=float(is_sparse))


def _as_integers(dates):
    return dates.astype("int64")


if __name__ == "__main__":
    main()
