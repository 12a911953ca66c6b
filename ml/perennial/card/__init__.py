"""The model card of a version: everything that is known of it in, a document out, laid out as Markdown and as HTML.

It tells the evidence for the recipe, which is what is judged, apart from this one fit of it.

Reading order: evidence (all that is read), standing (provisional or final?), writing (the card), then a module for each
part of it (recipe, fit, ...); measured and pictures make figures, document and rendering lay out.
"""

from perennial.card.document import ModelCard
from perennial.card.evidence import CardEvidence
from perennial.card.measured import Measured, Served, measure_served, measure_version
from perennial.card.rendering import describe_version, render_html, render_markdown
from perennial.card.standing import ENOUGH_AS_OFS, choose_served, find_reign
from perennial.card.writing import write_model_card

__all__ = [
    "ENOUGH_AS_OFS",
    "CardEvidence",
    "Measured",
    "ModelCard",
    "Served",
    "choose_served",
    "describe_version",
    "find_reign",
    "measure_served",
    "measure_version",
    "render_html",
    "render_markdown",
    "write_model_card",
]
