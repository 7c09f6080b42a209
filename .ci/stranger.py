"""A stranger's first hour: twelve files as people have them, compared by the command.

    python .ci/stranger.py [NAME ...]

Makes the files in a temporary folder and runs ``python -m skae compare`` on each, as a
user would. Every run must exit with 0 and a verdict that is true, by what the file was
made of and by what ``splits.csv`` of its report says; or, where something is missing,
with 2 and one line that says what to add. Prints a line for each file, with its seconds
and processor seconds; exits with 1 if one of them fails.
"""

import gzip
import pathlib
import re
import resource
import subprocess
import sys
import tempfile
import time

import numpy as np
import pandas as pd

N_ROWS = 500
OURS = "AutoencoderTransformer"
# For files that ask how they are read: one fit, without maps.
BRIEFLY = ["--splits", "1", "--no-tsne", "--encoding-dim", "1"]
# The verdict's own bounds, which `Comparison.verdict` documents.
LEAST_GAIN, LEAST_GAIN_OF_VARIANCE = 0.02, 0.005


def generator(name):
    return np.random.default_rng(sum(name.encode()))


def curve(rng, n_rows=N_ROWS):
    """Return a table whose four columns follow one number along a curve."""
    t = rng.uniform(0, 6, n_rows)
    noise = 0.02 * rng.standard_normal((n_rows, 4))
    values = np.column_stack([t / 2, np.sin(t), np.cos(t), (t - 3) ** 2 / 5]) + noise
    return t, pd.DataFrame(values, columns=["height", "weight", "width", "age"])


def semicolons(path, rng):
    t, table = curve(rng)
    table.assign(kind=np.where(t > 3, "late", "early")).to_csv(
        path, sep=";", index=False
    )
    return ["--label", "kind"], "take"


def decimal_commas(path, rng):
    t, table = curve(rng)
    table.assign(group=(t // 2).astype(int)).to_csv(
        path, sep=";", decimal=",", index=False
    )
    return ["--label", "group", *BRIEFLY], "take"


def latin_1(path, rng):
    _, table = curve(rng)
    table.columns = ["Größe", "Gewicht", "Länge", "Alter"]
    table.to_csv(path, index=False, encoding="latin-1")
    return BRIEFLY, "take"


def gaps(path, rng):
    _, table = curve(rng)
    text = table.round(4).astype(str)
    marks = rng.choice(["NA", "?", ""], text.shape)
    text.mask(rng.random(text.shape) < 0.05, marks).to_csv(path, index=False)
    return BRIEFLY, "take"


def dates_and_categories(path, rng):
    t, table = curve(rng)
    days = pd.Timestamp("2020-01-01") + pd.to_timedelta((200 * t).astype(int), "D")
    table["joined"] = days.strftime("%d.%m.%Y")
    table["town"] = np.array(["Ulm", "Aachen", "Köln"])[(t // 2).astype(int)]
    table["active"] = t > 4
    table.to_csv(path, index=False)
    return BRIEFLY, "take"


def identifiers(path, rng):
    """Linear data, so that PCA is to be kept; the identifiers must not count."""
    factors = rng.standard_normal((N_ROWS, 2))
    values = factors @ rng.standard_normal((2, 6))
    values += 0.1 * rng.standard_normal(values.shape)
    table = pd.DataFrame(values, columns=list("abcdef"))
    table.insert(0, "customer_id", rng.permutation(N_ROWS) + 70_000)
    table["comment"] = [f"said {number} things" for number in rng.permutation(N_ROWS)]
    table["version"] = 3
    table.to_csv(path, index=False)
    return ["--encoding-dim", "2"], "keep"


def two_columns(path, rng):
    _, table = curve(rng)
    table[["height", "weight"]].to_csv(path, index=False)
    return ["--splits", "1", "--no-tsne"], "one code"


def many_rows(path, rng):
    n_rows = 100_000
    factors = rng.standard_normal((n_rows, 3))
    values = np.tanh(factors @ rng.standard_normal((3, 30)))
    values += 0.05 * rng.standard_normal(values.shape)
    table = pd.DataFrame(values, columns=[f"m{number}" for number in range(30)])
    table["group"] = np.digitize(factors[:, 0], [-0.5, 0.5])
    table.round(4).to_csv(path, index=False)
    return ["--label", "group", "--encoding-dim", "3"], "take"


def in_euros(path, rng):
    """One column of another unit; scaled columns show what there is to gain."""
    _, table = curve(rng)
    table["income"] = 40_000 + 15_000 * rng.standard_normal(N_ROWS)
    table.to_csv(path, index=False)
    return [], "scaled"


def compressed_tabs(path, rng):
    t, table = curve(rng)
    text = table.assign(kind=np.where(t > 3, "late", "early")).to_csv(sep="\t")
    path.write_bytes(gzip.compress(text.encode()))
    return ["--label", "kind", *BRIEFLY], "take"


def excel(path, rng):
    t, table = curve(rng)
    table["joined"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(t.round(), "D")
    table.to_excel(path, index=False)
    return ["--drop", "age", *BRIEFLY], "take"


def label_of_a_price(path, rng):
    _, table = curve(rng)
    table.assign(price=rng.uniform(1, 9, N_ROWS)).to_csv(path, index=False)
    return ["--label", "price"], "Name a column of few values, or bin it."


FILES = {
    "semicolons.csv": semicolons,
    "decimal_commas.csv": decimal_commas,
    "latin_1.csv": latin_1,
    "gaps.csv": gaps,
    "dates_and_categories.csv": dates_and_categories,
    "identifiers.csv": identifiers,
    "two_columns.csv": two_columns,
    "many_rows.csv": many_rows,
    "in_euros.csv": in_euros,
    "compressed_tabs.tsv.gz": compressed_tabs,
    "excel.xlsx": excel,
    "label_of_a_price.csv": label_of_a_price,
}


def run(name, folder):
    """Compare one file; return what is wrong with the answer, "" if nothing is."""
    path = folder / name
    options, expected = FILES[name](path, generator(name))
    report = folder / f"report-{name}"
    command = [sys.executable, "-m", "skae", "compare", path, *options]
    done = subprocess.run(
        [*map(str, command), "--output", str(report)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 2:
        lines = [line for line in done.stderr.splitlines() if "skae: error" in line]
        print(f"    {lines[-1] if lines else done.stderr[-300:]}")
        return "" if lines and lines[-1].endswith(expected) else "the line is not clear"
    if done.returncode:
        return f"exit {done.returncode}: {done.stderr[-300:]}"
    first, verdict, *_, last = done.stdout.strip().split("\n\n")
    recommendation = verdict.splitlines()[0]
    print(f"    {recommendation}")
    if not first == last == f"Report: {report / 'index.html'}":
        return "the report's path is not named first and last"
    splits = pd.read_csv(report / "splits.csv")
    return is_true(recommendation, splits) or is_expected(
        expected, recommendation, splits, done.stdout
    )


def is_true(recommendation, splits):
    """Compare a recommendation with the measurements; return what it gets wrong."""
    means = splits.groupby(["encoding_dim", "estimator"])["variance_explained"].mean()
    gains = means.unstack()[OURS] - means.unstack()["PCA"]
    ratios = splits[splits["estimator"] == OURS].groupby("encoding_dim")
    ratios = ratios["relative_error"].mean()
    better = (ratios < 1 - LEAST_GAIN) & (gains > LEAST_GAIN_OF_VARIANCE)
    if f"ake {OURS} " in recommendation and not better.any():
        return "it recommends what is not better"
    for dim, ours, pca in re.findall(
        r"with (\d+) codes?:? it explains ([\d.]+)% of the variance, PCA ([\d.]+)%",
        recommendation,
    ):
        found = 100 * means[int(dim)][OURS], 100 * means[int(dim)]["PCA"]
        if not np.allclose(found, [float(ours), float(pca)], atol=0.051):
            return f"it says {ours}% and {pca}%, but measured are {found}"
    return ""


def is_expected(expected, recommendation, splits, text):
    """Compare a recommendation with what the file is made of."""
    wishes = {
        "take": f"Take {OURS} ",
        "keep": "Keep PCA: ",
        "scaled": "Scale the columns, since income holds over ",
        "one code": "",
    }
    if not recommendation.startswith(wishes[expected]):
        return f"expected {wishes[expected]!r}"
    if expected == "scaled" and f"and take {OURS} " not in recommendation:
        return "scaled columns have much to gain"
    if expected == "one code" and set(splits["encoding_dim"]) != {1}:
        return "two columns need one code"
    if expected == "keep":
        for column in "customer_id", "comment", "version":
            if f"'{column}' (" not in text:
                return f"{column} is not named as left out"
    return ""


def main(names):
    """Run all files, or those named; return the exit code."""
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in names or FILES:
            started = time.perf_counter()
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            wrong = run(name, pathlib.Path(folder))
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            seconds = time.perf_counter() - started
            used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            said = f"WRONG: {wrong}" if wrong else "true"
            print(f"{name}: {said} ({seconds:.0f} s, {used:.0f} s of processors)")
            sys.stdout.flush()
            failed |= bool(wrong)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
