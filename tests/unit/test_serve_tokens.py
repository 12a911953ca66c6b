"""Who may ask: only hashes are kept, in a file that its owner alone reads."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from perennial.errors import ConfigError
from perennial.serve import ServeOptions, TokenFile
from perennial.serve.tokens import hash_token

AT = datetime(2026, 11, 29, 8, 30, tzinfo=UTC)


@pytest.fixture
def tokens(tmp_path):
    return TokenFile(tmp_path / "var" / "tokens.json")


def test_a_token_is_told_once_and_kept_as_a_hash_that_others_cannot_read(tokens):
    token = tokens.add("shop", AT)
    assert token.startswith("prn_")
    assert len(token) > 40
    assert token not in tokens.path.read_text()
    assert 0o600 == tokens.path.stat().st_mode & 0o777
    (kept,) = tokens.read().values()
    assert ("shop", hash_token(token), "2026-11-29T08:30:00+00:00") == (kept.name, kept.sha256, kept.created_at)


def test_tokens_differ_and_a_revoked_one_is_gone(tokens):
    assert tokens.add("shop", AT) != tokens.add("mail", AT)
    tokens.revoke("shop")
    assert ["mail"] == list(tokens.read())


def test_tokens_that_are_made_at_the_same_time_are_all_kept(tokens):
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda number: tokens.add(f"shop{number}", AT), range(40)))
    assert {hash_token(token) for token in made} == {token.sha256 for token in tokens.read().values()}


def test_no_file_is_no_token(tokens):
    assert {} == tokens.read()


@pytest.mark.parametrize("name", ["", "A", "a b", "../x", "x" * 41, "-a", "é", "a\n"])
def test_a_name_that_is_none_is_refused(tokens, name):
    with pytest.raises(ConfigError, match="A token's name"):
        tokens.add(name, AT)


def test_a_name_is_given_once(tokens):
    tokens.add("shop", AT)
    with pytest.raises(ConfigError, match="perennial token revoke shop"):
        tokens.add("shop", AT)


def test_what_is_not_there_cannot_be_revoked(tokens):
    with pytest.raises(ConfigError, match="no token 'shop'"):
        tokens.revoke("shop")


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o602])
def test_a_file_that_others_may_read_lets_nobody_in(tokens, mode):
    tokens.add("shop", AT)
    tokens.path.chmod(mode)
    with pytest.raises(ConfigError, match=f"chmod 600 {tokens.path}"):
        tokens.read()


@pytest.mark.parametrize("content", ["", "{", "[1]", '[{"name": "a"}]', "null", json.dumps([{"name": 1, "sha256": 2}])])
def test_a_file_that_is_something_else_is_said(tokens, content):
    tokens.add("shop", AT)
    tokens.path.write_text(content)
    with pytest.raises(ConfigError, match="is not what `perennial token` writes"):
        tokens.read()


def test_without_tokens_only_this_machine_is_served(tmp_path):
    with pytest.raises(ConfigError, match="perennial token new"):
        ServeOptions("", "", tmp_path, tmp_path, ("toy",), tokens=None, host="0.0.0.0")
