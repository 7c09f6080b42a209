"""Networks without TensorFlow: as plain data, computed in NumPy."""
