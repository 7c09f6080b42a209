"""Parquet files and folders of them, also larger than memory."""

import numpy as np

# Values that are read whole, 270 MB as float64. What is larger is sampled.
_MOST_VALUES = 2**25
# Rows of such a sample: as many as two cores compare in two minutes, and enough to tell
# a gain of half a percent of the variance from chance.
_SAMPLE = 100_000
# Values of a batch, 34 MB, of which a few are in memory at a time.
_BATCH = 2**22


def sample_of(n_rows, most, seed):
    """Return the numbers of a random sample of rows, in order."""
    generator = np.random.default_rng(seed)
    return np.sort(generator.choice(n_rows, most, replace=False, shuffle=False))


def frame_of_parquet(path, how):
    """Return a data frame of a file or folder, whether it is a sample, and notes.

    Of what has more values than fit, a random sample of the rows is read. The files
    pass through memory in batches, so a folder may be larger than that.

    Parameters
    ----------
    path : pathlib.Path
        A file, or a folder with files at any depth. Folders such as ``year=2024`` are
        a column.

    how : How
        What the user asks for.
    """
    from pyarrow import dataset

    data, n_files = _opened(path, dataset)
    names = _names_needed(data.schema.names, how)
    n_rows = data.count_rows()
    most = how.rows
    if most is None and n_rows * len(names) > _MOST_VALUES:
        most = max(min(_SAMPLE, _MOST_VALUES // len(names)), 1)
    notes = [f"{path} has {n_files} files."] if n_files > 1 else []
    is_sample = most is not None and most < n_rows
    if not is_sample:
        frame = data.to_table(columns=names).to_pandas()
    else:
        frame = _sampled(data, names, n_rows, most, how.seed)
        notes.append(
            f"Of its {n_rows:,} rows a random sample of {most:,} is compared; --rows "
            "takes another number."
        )
    frame.columns = frame.columns.astype(str)
    return frame, is_sample, notes


def _opened(path, dataset):
    """Return a data set of pyarrow, and its number of files."""
    if path.is_file():
        return dataset.dataset(str(path), format="parquet"), 1
    files = sorted(str(file) for file in path.rglob("*.parquet") if file.is_file())
    where = {"partitioning": "hive", "partition_base_dir": str(path)}
    return dataset.dataset(files, format="parquet", **where), len(files)


def _names_needed(names, how):
    """Return the columns to read; of those that are not there, an error tells later."""
    if how.columns:
        wanted = {*how.columns, how.label}
        return [name for name in names if name in wanted] or names
    return names


def _sampled(data, names, n_rows, most, seed):
    """Return a data frame of a random sample of rows, in their order."""
    import pyarrow

    chosen = sample_of(n_rows, most, seed)
    start, parts = 0, []
    batches = data.to_batches(
        columns=names,
        batch_size=max(_BATCH // len(names), 1),
        batch_readahead=1,
        fragment_readahead=1,
    )
    for batch in batches:
        end = start + batch.num_rows
        here = chosen[slice(*np.searchsorted(chosen, [start, end]))] - start
        if len(here):
            parts.append(batch.take(pyarrow.array(here)))
        start = end
    return pyarrow.Table.from_batches(parts).to_pandas()
