"""A version as it is: the files of its training, with a program that scores by the library alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version as read_release
from pathlib import Path

from perennial.config import Model
from perennial.predictor import Predictor, check_files, load_predictor
from perennial.records import Version
from perennial.tasks import task_of

TEMPLATE = Path(__file__).parent / "template"
MODEL, MANIFEST, PROGRAM, README = "model", "manifest.json", "score.py", "README.md"
LIBRARIES = ("xgboost", "lightgbm")

PAGE = """\
# {model}, version {version}

{description}. {answer}

A fit of recipe {recipe} ({algorithm}) for {trained_for}, written by Perennial.

| file | holds |
|---|---|
{files}
| `{program}` | scores by {wanted}; imports nothing of Perennial |
| `{manifest}` | the SHA-256 of every file in `model/` |

```
pip install {wanted_pinned}
python {program}                  # hashes, and the golden rows
python {program} ROWS.jsonl       # a JSON object of features by name on each line
```

A row names every feature of `model/contract.json`, in any order: numbers, true or false, texts, and null where nothing is known.
A text that the training never saw counts as {unknown}. Infinite numbers are refused. Features must mean what
`sql/{model}/features.sql` says, of facts that were known when the score is wanted.
{more}"""
LINE = "| `model/{name}` | {holds} |"
HOLDS = {
    "contract.json": "features in their order, categories, link, calibrator; linear recipes whole",
    "golden.json": "rows that are nobody's, and the scores that must come out",
    "model.ubj": "XGBoost's own file",
    "model.lgb": "LightGBM's own file",
    "model.onnx": "the graph: encoded rows in, calibrated scores out, all in double precision",
}


@dataclass(frozen=True)
class Exported:
    """A version that was loaded, and where its files are kept."""

    model: Model
    version: Version
    predictor: Predictor
    kept: Path


def write_native(folder: Path, exported: Exported) -> Mapping[str, object]:
    """Write it into an empty folder; loaded once more from there.

    Raises:
        ArtifactCorrupt: what was written is not what was kept.
    """
    manifest = exported.version.manifest
    (folder / MODEL).mkdir()
    for name in manifest:
        (folder / MODEL / name).write_bytes((exported.kept / name).read_bytes())
    load_predictor(folder / MODEL, manifest)
    finish(folder, exported, exported.version.algorithm, "")
    return {"version": exported.version.version, "algorithm": exported.version.algorithm, "files": len(manifest)}


def finish(folder: Path, exported: Exported, library: str, more: str) -> None:
    """The program, the manifest of model/ and the page beside it.

    Args:
        library: by which the program scores; one that is none, such as `logistic`, is numpy alone.
        more: what else there is to know, as Markdown.
    """
    files = sorted((folder / MODEL).iterdir())
    hashes = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    facts = {"model": exported.model.name, "version": exported.version.version, "files": hashes}
    (folder / MANIFEST).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    check_files(folder / MODEL, hashes)
    (folder / PROGRAM).write_bytes((TEMPLATE / PROGRAM).read_bytes())
    (folder / README).write_text(_write_page(exported, tuple(hashes), library, more), encoding="utf-8")


def _write_page(exported: Exported, names: tuple[str, ...], library: str, more: str) -> str:
    model, version = exported.model, exported.version
    wanted = ["numpy", library] if library in (*LIBRARIES, "onnxruntime") else ["numpy"]
    pooled = any(each.pooled for each in exported.predictor.contract.features)
    return PAGE.format(
        model=model.name,
        version=version.version,
        description=model.description.rstrip("."),
        answer=task_of(model).say_answer(model.entity.named),
        recipe=version.recipe,
        algorithm=version.algorithm,
        trained_for=version.trained_for,
        files="\n".join(LINE.format(name=name, holds=HOLDS[name]) for name in names),
        program=PROGRAM,
        manifest=MANIFEST,
        wanted=" and ".join(wanted),
        wanted_pinned=" ".join(f"{name}=={read_release(name)}" for name in wanted),
        unknown="one of the rare values where the training pooled some, else as not known" if pooled else "not known",
        more=f"\n{more}\n" if more else "",
    )
