"""Fitted estimators as ONNX models, alone and within pipelines.

Needs the extra ``skae[onnx]``.
"""

from skae.onnx._models import to_onnx
from skae.onnx._pipelines import register

__all__ = ["register", "to_onnx"]

for _name in __all__:
    globals()[_name].__module__ = __name__
