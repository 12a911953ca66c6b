"""Run by the environment of Feast, in an exported repository: what it answers to a question, as JSON with every bit.

stdin: {"features": [...], "key": ..., "history": [[entity, instant], ...], "online": [entity, ...]}
"""

import json
import sys
from pathlib import Path

import pandas as pd
from feast import FeatureStore


def write(value):
    return value.hex() if isinstance(value, float) else value


def main() -> None:
    question = json.load(sys.stdin)
    key, features = question["key"], question["features"]
    store = FeatureStore(repo_path=Path.cwd())
    entities, instants = zip(*question["history"], strict=True)
    asked = pd.DataFrame(
        {key: entities, "event_timestamp": pd.to_datetime(list(instants), utc=True), "place": range(len(entities))}
    )
    found = store.get_historical_features(entity_df=asked, features=features).to_arrow().to_pylist()
    found.sort(key=lambda row: row["place"])
    online = store.get_online_features(features=features, entity_rows=[{key: entity} for entity in question["online"]]).to_dict()
    names = [feature.split(":")[1] for feature in features]
    answer = {
        "history": [[write(row[name]) for name in names] for row in found],
        "online": [[write(value) for value in row] for row in zip(*(online[name] for name in names), strict=True)],
    }
    sys.stdout.write("\n" + json.dumps(answer))


main()
