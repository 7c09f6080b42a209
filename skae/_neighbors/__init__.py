"""Neighbours of rows, and the affinities of t-SNE between them."""
