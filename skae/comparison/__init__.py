"""Is an autoencoder worth it on these data? Measured against PCA.

`compare` is also ``skae.compare``; this package adds the classes of its results.
"""

from skae.comparison._columns import LeftOut
from skae.comparison._compare import compare
from skae.comparison._records import Conditions, Measurement, PlaneMap
from skae.comparison._result import Comparison
from skae.comparison._tables import ColumnScore

__all__ = [
    "ColumnScore",
    "Comparison",
    "Conditions",
    "LeftOut",
    "Measurement",
    "PlaneMap",
    "compare",
]

for _name in set(__all__) - {"compare"}:
    globals()[_name].__module__ = __name__  # the public name
