"""Model files: what is wrong is named with file, key, finding and remedy."""

import re

import pytest

from perennial.config import load_declaration, load_model, model_names
from perennial.errors import ConfigError, UnknownModel
from tests.paths import ROOT

LAPSE = (ROOT / "models" / "lapse.toml").read_text(encoding="utf-8")


@pytest.fixture
def home(tmp_path):
    """A tree with one model."""
    for folder, files in {"models": {}, "sql/lapse": ("features.sql", "labels.sql"), "expectations/lapse": ()}.items():
        (tmp_path / folder).mkdir(parents=True)
        for file in files:
            (tmp_path / folder / file).write_text("select 1")
    for suite in ("source", "snapshot", "scores"):
        (tmp_path / "expectations" / "lapse" / f"{suite}.json").write_text("{}")
    (tmp_path / "models" / "lapse.toml").write_text(LAPSE)
    return tmp_path


def load_with(home, pattern, replacement):
    changed, count = re.subn(pattern, replacement, LAPSE, count=1, flags=re.MULTILINE)
    assert count == 1
    path = home / "models" / "lapse.toml"
    path.write_text(changed)
    return load_model(path)


def test_the_models_are_the_files(home):
    assert model_names(home) == ("lapse",)


def test_an_unknown_model_is_answered_with_those_that_exist(home):
    with pytest.raises(UnknownModel, match=r"There is no models/laps.toml; found: lapse."):
        load_declaration(home, "laps")


@pytest.mark.mltest("I2")
@pytest.mark.parametrize(
    ("pattern", "replacement", "found"),
    [
        (
            r"^name = .*$",
            'name = "lapse"\ncolour = "red"',
            "unknown key 'colour' = 'red': remove it or correct it .`perennial keys` names",
        ),
        (
            r"^workers_per_fit = .*$",
            "workers_per_fit = 2",
            r"training.workers_per_fit = 2, but training.engine = .local. has no workers: write engine = .dask., or take",
        ),
        (
            r"^engine = .*$",
            'engine = "dask"\nmax_rows = 5000',
            r"training.engine = .dask. does not go with training.max_rows: .*Leave max_rows out, or write engine = .local.",
        ),
        (
            r"^canary = 0 [\s\S]*?^canary = 0 .*$",
            "canary = 0.1\n[serving]\ncanary = 0.05",
            r"scoring.canary = 0.1 and serving.canary = 0.05 let a canary act on different shares: write the same share in both",
        ),
        (r"^engine = .*$", 'engine = "spark"', "key 'training.engine'.*'local' or 'dask'"),
        (r"^owner = .*$", "", "key 'owner' is missing: add it .`perennial keys` explains it"),
        (
            r"^owner = .*$",
            'owner = "growth"',
            "key 'owner': 'growth' is no e-mail address .*: write one such as data@example.com",
        ),
        (r"^owner = .*$", 'owner = "a@example.com, b@example.com"', "'a@example.com, b@example.com' is no e-mail address"),
        (r"^owner = .*$", 'owner = ["a@example.com", "b@@example.com"]', "key 'owner': 'b@@example.com' is no e-mail address"),
        (r"^owner = .*$", 'owner = "a@example.com\\\\nBcc: b@example.com"', "key 'owner': .* is no e-mail address"),
        (r"^owner = .*$", 'owner = "=?utf-8?q?other=40example.com=2C?=@example.com"', "=. begins what readers of mail take for"),
        (r"^owner = .*$", f'owner = "{"a" * 65}@example.com"', "is no e-mail address .*too long"),
        (r"^owner = .*$", f'owner = "a@{"b" * 300}.com"', "is no e-mail address .*too long"),
        (r"^owner = .*$", 'owner = "Growth <growth@example.com>"', "display name and angle brackets .* not permitted"),
        (r"^owner = .*$", 'owner = ["a@example.com", ""]', "key 'owner': '' is no e-mail address"),
        (r"^owner = .*$", "owner = []", "key 'owner': nobody would get the mail: name one address at least"),
        (r"^owner = .*$", "owner = 3", "key 'owner': Input should be a valid string; found 3"),
        (r"^reasons = .*$", "reason = 3", "unknown key 'scoring.reason' = 3.*`perennial keys scoring` names those that exist"),
        (r"^horizon_days = .*$", "", "key 'label.horizon_days' is missing: add it .`perennial keys label` explains it"),
        (r"^horizon_days = .*$", 'horizon_days = "28"', "key 'label.horizon_days'.*found '28'"),
        (r"^timezone = .*$", 'timezone = "Mars/Olympus"', "'Mars/Olympus' is not an IANA timezone"),
        (r"^refresh = .*$", 'refresh = "@daily"', "'@daily' is not a cron expression"),
        (r"^refresh = .*$", 'refresh = "90 7 * * *"', r"'90 7 \* \* \*' is not a cron expression"),
        (r"^retrain = .*$", 'retrain = "0 8 * * 5-1"', r"'0 8 \* \* 5-1' is not a cron expression"),
        (r"^refresh = .*$", 'refresh = "30 5 * * *"', "fires at 05:30, before .* has settled .*settle_hours = 6"),
        (r"^refresh = .*$", 'refresh = "59 6 * * *"', r"before 2037-03-08 has settled \(at 2037-03-08 07:00"),
        (r"^refresh = .*$", 'refresh = "30 8,0 * * *"', "fires at 00:30, before"),
        (r"^refresh = .*$", 'refresh = "*/30 * * * *"', "fires at 00:00, before"),
        (r"^refresh = .*$", 'refresh = "0 0-9 * * *"', "fires at 00:00, before"),
        (r"^refresh = .*$", 'refresh = "15 */6 * * *"', "fires at 00:15, before"),
        (r"^absence_of = .*$", 'absence_of = "visits"', "label.absence_of = 'visits' is none of the sources"),
        (r"^absence_of = .*$", 'absence_of = "products"', 'names a table with times = "static".*name a source with event_at'),
        (r"^horizon_days = .*$", "horizon_days = 90", "min_as_ofs = 8 .*horizon_days = 90.*write min_as_ofs = 14 or more"),
        (r"^as_ofs = .*$", "as_ofs = 7", "as_ofs = 7 is less than min_as_ofs = 8.*write as_ofs = 8 or more"),
        (r"^persistence = .*$", "persistence = [4, 3]", r"persistence = \[4, 3\] must read \[k, n\]"),
        (r"^name = .*$", 'name = "other"', "name = 'other', but the file is called lapse.toml"),
        (r"^key = .*household.*$|^key = \"household_id\".*$", 'key = "Household Id"', "key 'entity.key'"),
        (r'^event_at = "ordered_at"$', "", "give event_at and known_at"),
        (r'^times = "static".*$', 'times = "static"\nevent_at = "a"', 'times = "static" excludes event_at'),
        (r"^name = .*$", "name =", "is not valid TOML"),
        (r"^name = .*$", f"name = {'[' * 5000}", "is not valid TOML: maximum recursion depth"),
        (r"^exclude = .*$", 'exclude = ["b", "recency_days"]', "training.exclude and training.recency both name recency_days"),
        (r"^recency = .*$", '[training.monotone]\na = "up"', "key 'training.monotone.a'.*'increasing' or 'decreasing'"),
    ],
)
def test_what_is_wrong_in_a_model_file_is_named(home, pattern, replacement, found):
    with pytest.raises(ConfigError, match=rf"models/lapse.toml.*{found}"):
        load_with(home, pattern, replacement)


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ('value = "margin"', "nothing says on how many a day: write promotion.capacity"),
        ('weight = "label"', "label.weight = 'label' names a column that is something else"),
        ('weight = "a"\nvalue = "a"', "label.weight and label.value both name a: give each a column of its own"),
    ],
)
def test_what_stands_beside_labels_must_be_of_use(home, keys, found):
    with pytest.raises(ConfigError, match=found):
        load_with(home, r"^horizon_days = .*$", f"{keys}\nhorizon_days = 28")


def test_a_weight_is_among_what_a_version_is_made_by_and_what_labels_are_defined_by(home):
    plain = load_declaration(home, "lapse")
    load_with(home, r"^horizon_days = .*$", 'weight = "importance"\nhorizon_days = 28')
    weighed = load_declaration(home, "lapse")
    assert weighed.model.rulings == plain.model.rulings | {"weight": "importance"}
    assert weighed.definition_hash("labels") != plain.definition_hash("labels")
    assert weighed.definition_hash("features") == plain.definition_hash("features")


@pytest.mark.parametrize("metric", ["mae", "pinball:0.9"])
def test_a_direction_is_refused_where_leaves_are_quantiles(home, metric):
    keys = rf'"regression"\1metric = "{metric}"\2[training.monotone]\nrecency_days = "increasing"'
    with pytest.raises(ConfigError, match=f"monotone cannot be kept under training.metric = '{metric}'.*leave monotone out"):
        load_with(home, r'(?s)"binary"(.*?)^metric = "roc_auc"$(.*?)^exclude = \[\]$', keys)


def test_a_direction_is_refused_where_scores_are_classes(home):
    keys = r'"multiclass"\1metric = "log_loss"\2[training.monotone]\nrecency_days = "increasing"'
    with pytest.raises(ConfigError, match="what makes one class likelier makes others less likely"):
        load_with(home, r'(?s)"binary"(.*?)^metric = "roc_auc"$(.*?)^exclude = \[\]$', keys)


@pytest.mark.parametrize("file", ["sql/lapse/features.sql", "sql/lapse/labels.sql", "expectations/lapse/snapshot.json"])
def test_a_missing_file_is_named(home, file):
    (home / file).unlink()
    with pytest.raises(ConfigError, match=file.rpartition("/")[2]):
        load_declaration(home, "lapse")


def test_the_same_file_gives_the_same_hash(home):
    hashes = {load_declaration(home, "lapse").model.config_hash for _ in range(2)}
    assert len(hashes) == 1


def test_other_sql_gives_another_query_hash(home):
    former = load_declaration(home, "lapse").query_hash
    (home / "sql" / "lapse" / "labels.sql").write_text("select 2")
    assert load_declaration(home, "lapse").query_hash != former


def redefine(home, kind, file, before, after):
    """The definitions of the rows before and after an edit."""
    former = load_declaration(home, "lapse").definition_hash(kind)
    (home / file).write_text((home / file).read_text().replace(before, after))
    return former, load_declaration(home, "lapse").definition_hash(kind)


@pytest.mark.parametrize(
    ("kind", "edit"),
    [
        ("features", ("sql/lapse/features.sql", "select 1", "-- why\nselect 1")),
        ("labels", ("models/lapse.toml", "growth@", "other@")),
        ("features", ("models/lapse.toml", "horizon_days = 28", "horizon_days = 21")),
        ("features", ("models/lapse.toml", '# cluster = "address"', 'cluster = "spend_tier"')),
    ],
    ids=["comment", "owner", "horizon", "cluster"],
)
def test_what_does_not_decide_the_rows_leaves_their_definition(home, kind, edit):
    former, now = redefine(home, kind, *edit)
    assert now == former


@pytest.mark.parametrize(
    ("kind", "edit"),
    [
        ("labels", ("models/lapse.toml", "horizon_days = 28", "horizon_days = 21")),
        ("features", ("models/lapse.toml", "lookback_days = 84", "lookback_days = 90")),
        ("features", ("sql/lapse/features.sql", "select 1", "select 2")),
        ("labels", ("sql/lapse/labels.sql", "select 1", "select 2")),
    ],
    ids=["horizon", "window", "features.sql", "labels.sql"],
)
def test_what_decides_the_rows_changes_their_definition(home, kind, edit):
    former, now = redefine(home, kind, *edit)
    assert now != former


def test_a_horizon_that_the_features_bind_decides_their_rows(home):
    redefine(home, "features", "sql/lapse/features.sql", "select 1", "select :horizon_days")
    former, now = redefine(home, "features", "models/lapse.toml", "horizon_days = 28", "horizon_days = 21")
    assert now != former


def test_a_source_with_capitals_is_refused_with_the_lines_to_write(home):
    said = r"\[sources.big_invoices\] and below it table = 'source.\"Big Invoices\"'"
    with pytest.raises(ConfigError, match=said):
        load_with(home, r"^\[sources.orders\]$", '[sources."Big Invoices"]')


def test_a_rule_over_several_keys_is_told_without_the_whole_file(home):
    with pytest.raises(ConfigError, match="does not fire on every monday") as refused:
        load_with(home, r"^refresh = .*$", 'refresh = "30 7 31 2 *"')
    assert "found {" not in str(refused.value)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ('"data@example.com"', "data@example.com"),
        ('["data@example.com", "growth@example.com", "data@example.com"]', "data@example.com, growth@example.com"),
        ('"data@m\u00fcller.example.com"', "data@xn--mller-kva.example.com"),
    ],
)
def test_an_owner_is_one_address_or_several_as_a_mail_names_them(home, written, read):
    path = home / "models" / "lapse.toml"
    path.write_text(re.sub(r"^owner = .*$", f"owner = {written}", path.read_text(), flags=re.MULTILINE))
    assert read == load_declaration(home, "lapse").model.owner
