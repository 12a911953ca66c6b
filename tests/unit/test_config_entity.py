"""The table `entity` of a model file: one column or several, and what each is read as."""

import pytest
from pydantic import ValidationError

from perennial.config import Entity


@pytest.mark.parametrize(
    ("stated", "columns", "stored"),
    [
        ({"key": "customer"}, [("customer", "bigint")], "bigint"),
        ({"key": "person", "type": "uuid"}, [("person", "uuid")], "uuid"),
        ({"key": "entity_id", "type": "text"}, [("entity_id", "text")], "text"),
        ({"key": ["store", "shelf"]}, [("store", "bigint"), ("shelf", "bigint")], "text"),
        ({"key": ["store", "sku"], "type": ["bigint", "text"]}, [("store", "bigint"), ("sku", "text")], "text"),
        ({"key": ["a", "b"], "type": "uuid"}, [("a", "uuid"), ("b", "uuid")], "text"),
    ],
)
def test_a_key_has_columns_with_types(stated, columns, stored):
    entity = Entity.model_validate(stated)
    assert ([tuple(column) for column in entity.columns], entity.stored_type) == (columns, stored)


@pytest.mark.parametrize(
    ("stated", "found"),
    [
        ({"key": "rank"}, "Perennial writes a column of that name beside the key.*customer_rank"),
        ({"key": ["store", "as_of"]}, "key names as_of"),
        ({"key": ["store", "entity_id"]}, "key names entity_id"),
        ({"key": ["store", "store"]}, "names a column twice"),
        ({"key": ["store", "sku"], "type": ["text"]}, "type lists 1 types for a key of 2 columns"),
        ({"key": ["store", "sku"], "cluster": "store"}, r"`store::text as of_store`, and write cluster = \"of_store\""),
        ({"key": ["store", "sku"], "type": ["bigint", "date"]}, "'bigint', 'text' or 'uuid'"),
    ],
)
def test_a_key_that_would_be_mistaken_is_refused(stated, found):
    with pytest.raises(ValidationError, match=found):
        Entity.model_validate(stated)
