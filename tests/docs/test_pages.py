"""README.md and the pages of docs/: what they tell people to type exists, and their links lead somewhere."""

import re
from pathlib import PurePosixPath

import pytest

from docs.tools.reference import list_commands
from perennial.config import load_declaration
from perennial.validate import load_suite
from tests.docs.pages import (
    DOCUMENTS,
    LINK,
    read_blocks,
    read_calls,
    read_inline_code,
    read_slugs,
    read_typed_lines,
    write_home,
)
from tests.docs.test_reference import VIEWS
from tests.paths import EXAMPLE, ROOT

COMMANDS = list_commands()
GROUPS = {name.split()[0] for name in COMMANDS if " " in name}
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
GENERATED = "docs/reference/"
README_BYTES = 6144
PICTURE_BYTES = 150_000
PICTURES = sorted((ROOT / "docs").rglob("*.png"))
OWN_DATA = "docs/how-to/your-own-data.md"
every_document = pytest.mark.parametrize("name", DOCUMENTS)


def name_command(call):
    """One word, or of a group two."""
    return " ".join(call[:2]) if call[0] in GROUPS else call[0]


def parse(call):
    """Parse a call as the command would; a wrong option or a missing one raises what the shell would show."""
    name = name_command(call)
    COMMANDS[name].make_context(name, list(call[len(name.split()) :]))


def read_options(call):
    return [word for word in call if word.startswith("--")]


def list_options(command):
    return {option for one in COMMANDS[command].params for option in (*one.opts, *one.secondary_opts)} | {"--help"}


def find_names(pattern, text):
    return set(re.findall(pattern, text))


@every_document
def test_what_is_typed_in_a_shell_is_understood(name):
    typed = [] if name.startswith(GENERATED) else read_typed_lines(name)
    calls = [call for line in typed for call in read_calls(line)]
    for call in calls:
        parse(call)


@every_document
def test_a_command_in_a_sentence_exists_and_so_do_its_options(name):
    calls = [code.removeprefix("perennial ").split() for code in read_inline_code(name) if re.match(r"perennial [a-z]+\b", code)]
    unknown = {name_command(call) for call in calls} - set(COMMANDS) - GROUPS
    known = [call for call in calls if name_command(call) in COMMANDS]
    assert (set(), []) == (unknown, [call for call in known if set(read_options(call)) - list_options(name_command(call))])


@every_document
def test_every_make_target_exists(name):
    lines = [*read_inline_code(name), *read_typed_lines(name)]
    assert set() == {target for line in lines for target in re.findall(r"^(?:[A-Z_]+=\S+ )?make ([a-z-]+)$", line)} - TARGETS


@every_document
def test_every_link_leads_to_a_file_and_to_a_heading_of_it(name):
    folder = (ROOT / name).parent
    dead = []
    for path, anchor in LINK.findall(DOCUMENTS[name]):
        target = (folder / path).resolve() if path else ROOT / name
        page = target.relative_to(ROOT).as_posix()
        if not target.exists() or (anchor and anchor.removeprefix("#") not in read_slugs(page)):
            dead.append(path + anchor)
    assert [] == dead


@every_document
def test_every_view_that_a_query_reads_exists(name):
    queries = "\n".join([*read_blocks(name, "sql"), *read_inline_code(name)])
    read = {re.sub(r"^(lapse|winback|bookings)_", "<model>_", view) for view in re.findall(r"analytics\.([a-z_]+)\b", queries)}
    assert set() == read - {*VIEWS, "champion_at"}


@every_document
def test_every_script_that_measured_a_number_exists(name):
    assert [] == [path for path in re.findall(r"bench/[\w/]+\.py", DOCUMENTS[name]) if not (ROOT / path).is_file()]


def test_the_readme_is_read_in_two_minutes():
    assert len(DOCUMENTS["README.md"].encode()) <= README_BYTES


def test_every_page_is_reached_from_the_front_page():
    linked = {(PurePosixPath("docs") / path).as_posix() for path, _ in LINK.findall(DOCUMENTS["docs/index.md"])}
    assert set() == {name for name in DOCUMENTS if name.startswith("docs/")} - linked - {"docs/index.md"}


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.name)
def test_a_picture_is_small_and_shown_somewhere(path):
    pages = {name for name, text in DOCUMENTS.items() if path.name in text}
    assert path.stat().st_size <= PICTURE_BYTES
    assert pages


def test_a_page_that_an_error_names_exists():
    sources = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "ml").rglob("*.py"))
    titles = {re.search(r"^# (.+)$", text, re.MULTILINE)[1] for name, text in DOCUMENTS.items() if name.startswith("docs/")}
    assert set() == find_names(r"documentation, '([^']+)'", sources) - titles
    assert set() == find_names(r"\(README", sources)


def test_the_page_about_event_entities_quotes_its_example():
    """Which keeps every rule of `perennial check` (tests/models)."""
    written = "".join(path.read_text(encoding="utf-8") for path in sorted(EXAMPLE.glob("sql/*/*.sql")))
    quoted = read_blocks("docs/how-to/event-entities.md", "sql")
    assert len(quoted) == 2
    assert [block in written for block in quoted] == [True, True]


def test_the_files_of_the_page_about_your_own_data_are_a_model(tmp_path):
    write_home(OWN_DATA, tmp_path)
    declaration = load_declaration(tmp_path, "winback")
    suites = [load_suite(declaration, suite) for suite in ("source", "snapshot", "scores")]
    assert [True, True, True] == [bool(suite.rules) for suite in suites]
    assert (tmp_path / "tests" / "models" / "winback.sql").read_text(encoding="utf-8").splitlines()[1] == "-- as_of: 2026-06-01"
