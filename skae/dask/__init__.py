"""The same estimators over a Dask cluster."""
