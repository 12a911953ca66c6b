"""`perennial export`: a version, or a model's snapshots, for systems that are not ours.

native: the files as they are, with a program that scores by the library alone. onnx: a graph, written only where it is proven to
score the same. feast: the definitions of a feature store over our snapshot tables.

Reading order: exporting (what is exported, and into which folder), native, ensembles and graphs (a version as ONNX), adversaries
and proving (that it says the same), feast.
"""

from perennial.export.exporting import Format, Wish, export

__all__ = ["Format", "Wish", "export"]
