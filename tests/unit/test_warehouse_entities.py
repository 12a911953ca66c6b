"""Which columns of a query name the entity, and the SQL in which they become entity_id and come out of it again."""

import pytest

from perennial.config import Entity
from perennial.errors import ConfigError
from perennial.records import Column
from perennial.stores.warehouse.entities import find_key, find_key_of_labels, name_entity_of_fact, read_key

CARD = Entity(key="card")
PERSON = Entity(key="person", type="uuid")
SHELF = Entity(key=("store", "sku"), type=("bigint", "text"))
SPEND = Column("spend", "double precision")
ARRAY = 'cast(json_build_array("store", cast("sku" as text)) as text)'


def columns(**types):
    return tuple(Column(name, kind) for name, kind in types.items())


@pytest.mark.parametrize(
    ("entity", "given", "expression"),
    [
        (CARD, columns(entity_id="bigint"), '"entity_id"'),
        (CARD, columns(card="integer"), 'cast("card" as bigint)'),
        (CARD, columns(card="numeric"), 'cast(cast(trim_scale("card") as text) as bigint)'),
        (PERSON, columns(person="text"), 'cast("person" as uuid)'),
        (Entity(key="person", type="text"), columns(person="source.citext"), 'cast("person" as text)'),
        (
            SHELF,
            columns(sku="character varying", store="bigint"),
            f'case when "store" is not null and "sku" is not null then {ARRAY} end',
        ),
    ],
)
def test_a_query_gives_the_key_by_its_name_or_as_entity_id(entity, given, expression):
    found = find_key("features.sql", (*given, SPEND), entity)
    assert (found.entity_id, found.others) == (expression, (SPEND,))


@pytest.mark.parametrize(
    ("entity", "given", "found"),
    [
        (CARD, columns(), "must give a column entity_id or card of type bigint; found none"),
        (CARD, columns(card="double precision"), "the column card as bigint, .*found double precision: cast it"),
        (CARD, columns(card="bigint", entity_id="bigint"), "gives card beside entity_id"),
        (SHELF, columns(store="bigint"), "every column of the key, store and sku; it lacks sku"),
        (SHELF, columns(store="bigint", sku="text", entity_id="text"), "gives entity_id beside store and sku"),
        (SHELF, columns(store="bigint", sku="bigint"), "the column sku as text, .*found bigint"),
    ],
)
def test_a_query_that_does_not_say_who_is_meant_is_refused(entity, given, found):
    with pytest.raises(ConfigError, match=found):
        find_key("features.sql", given, entity)


@pytest.mark.parametrize("given", [columns(entity_id="text"), columns(entity_id="text", store="bigint", sku="text")])
def test_labels_may_hand_on_what_their_cohort_shows(given):
    found = find_key_of_labels("labels.sql", (*given, SPEND), SHELF)
    assert (found.entity_id, found.others) == ('"entity_id"', (SPEND,))


@pytest.mark.parametrize(
    ("entity", "names"), [(CARD, ["card"]), (SHELF, ["store", "sku"]), (Entity(key="entity_id"), [])], ids=["one", "two", "ours"]
)
def test_a_key_is_read_back_by_its_names(entity, names):
    assert [name for name, _ in read_key(entity)] == names


@pytest.mark.parametrize(
    ("entity", "types", "expression"),
    [
        (CARD, {"card": "numeric"}, 'cast(trim_scale("card") as text)'),
        (CARD, {"other": "bigint"}, "null"),
        (SHELF, {"store": "bigint"}, "null"),
    ],
)
def test_a_fact_names_its_entity_where_it_can(entity, types, expression):
    assert name_entity_of_fact(entity, types) == expression
