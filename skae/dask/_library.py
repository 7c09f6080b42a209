"""The libraries of the extra ``skae[dask]``."""

import importlib


def check_dask():
    """Raise an ImportError if Dask is not there with all that is needed."""
    for name in ("dask.array", "dask.dataframe", "distributed"):
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise ImportError(
                f"skae.dask needs {name}, which cannot be imported: {error}. "
                "Install it with: pip install skae[dask]"
            ) from error
