"""Autoencoders over a Dask cluster, for data larger than one machine.

Needs the extra ``skae[dask]``.
"""

from skae.dask._library import check_dask

check_dask()

from skae.dask._estimator import DaskAutoencoderTransformer  # noqa: E402

__all__ = ["DaskAutoencoderTransformer"]

DaskAutoencoderTransformer.__module__ = __name__
