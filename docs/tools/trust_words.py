"""What the page docs/trust.md says between its tables, in Markdown."""

OPENING = """\
What Perennial keeps from whom, what it was attacked with, and what it does not do. The tables are made from the program and its
tests; a test fails when this page is older than they are."""

RIGHTS = """\
Four roles work in the warehouse: `owner` migrates, `loader` writes your tables, `pipeline` does everything that runs every day,
and `analyst` reads. What is listed is all that there is: it is declared in one table of the program, compared with PostgreSQL
after the migrations, and every cell is tried by a connection of that role, column by column (`tests/sql/test_rights.py`).
`owner` is a member of `loader` and of `pipeline`. `perennial check --all` compares your warehouse with it, every night, and
names what was given or taken by hand with the statement that mends it. Tables of `source` are as open to readers as their owner
makes them.

The last column names what a trigger refuses to everybody, `owner` included: those tables are append-only. Texts in them lose
what a [purge](how-to/retention.md) or an [erasure](how-to/forget.md) takes away by two functions of `owner`, and in no other
way. Of `approvals`, `contests` and `promotions` a second trigger lets each row move once, from its first state to an end. A
superuser is bound by none of this."""

ATTACKED = """\
Each line is a kind of attack, or of accident that looks like one. A test tries it in several ways (attempts: the cases that
pytest collects, of roles those that are allowed among them), on real servers and processes, and fails when what must not succeed
does. `pytest -m attack` runs them all. Of the doors that an attack from outside once found open, what keeps them shut was taken
out by hand, piece by piece, and a test was seen to fail each time: escapes and sandboxes, each kind of expression that runs code
or tells the time, rights that are revoked, limits, flushes, sweeps, and scores without MLflow."""

SCORE = """\
The rubric of Breck, Cai, Nielsen, Salib and Sculley, "The ML Test Score: A Rubric for ML Production Readiness and Technical
Debt Reduction" (IEEE Big Data 2017), asks 28 things of a system that serves learned models, seven in each of four sections. An
item that a test shows automatically counts 1, one that is not done 0; the score is that of the weakest section. **{done} of
{all} items have tests, by sections {sections}: the score is {score}.** `pytest -m mltest` runs the tests; a test of its own
fails when an item has none, or one that is left out. The items are in our words."""

THREATS = """\
**What is worth protecting.** That scores are what the model of record says of facts that were known then. That nobody serves
who was not checked. That the ledger says what happened. The data of people. Passwords."""

WAYS_IN = """\
The embedded MLflow asks for a login; one of your own is yours to close. The embedded servers listen on 127.0.0.1.

**Ways in.** SQL and TOML of a home; rows and definitions in sources; MLflow's server and its files; Airflow's pages and API;
environment variables; the folder of a backup; the kept files of versions; requests to `perennial serve`, and the file of its
tokens.

**Ways out.** `serve` and `perennial metrics` show figures to whoever reaches their ports. Events of OpenLineage and spans name
tables, columns and versions, with hashes and counts. `perennial export` copies the files of a version; Feast, with the role that
its `rights.sql` makes, reads snapshots whole and keeps copies, which no purge and no erasure of ours reaches.

**What is trusted.** PostgreSQL and its superusers; the role `owner` and whoever knows its password, or `pipeline`'s: as
`pipeline` one may publish any scores, and strike texts of the ledger out; the account that runs the servers; Airflow's login
and roles; the packages that `requirements.lock` names, by their hashes; the mail server.

**What is out of scope.** Load by those who may log in, beyond the limits of their roles. Models that are wrong because whoever
writes their SQL wants it. What others learn of people from scores. Encryption of disks and of backups, which is yours to set
up."""

REPORTING = """\
[SECURITY.md](../SECURITY.md) says how to report one."""

WHO = (
    (
        "whoever loads (`loader`)",
        "write and define anything in `source`, so that scores follow",
        "acting as `pipeline`: a source that runs code (view, policy, index, check, statistics, cast, domain) is refused unread",
    ),
    (
        "analysts (`analyst`)",
        "read the views of `analytics`, in limits of room and connections, and of time unless a session lifts that one",
        "tables, histories and the ledger; holding stages up by locks",
    ),
    (
        "whoever writes `models/`, `sql/` and `expectations/`",
        "decide what is learned, on which tables that `pipeline` may read, who approves, how long things are kept",
        "seeing what was not known then, telling the time, rewriting the ledger. Review these files as you review code",
    ),
    (
        "approvers",
        "let a version serve, under their name",
        "versions whose files do not pass; the verdict stays as it was found",
    ),
    (
        "whoever has a login to Airflow",
        "see pages, start, stop and answer, as Airflow's roles allow",
        "acting without a login; a page of the data's words runs in a sandbox",
    ),
    (
        "whoever reaches MLflow",
        "read and write runs, move the alias",
        "being served unseen: files must have the hashes of the ledger, an alias that was moved is checked and told",
    ),
    (
        "whoever has a token of `perennial serve`",
        "have rows scored, read the newest published score of any entity",
        (
            "all else: the server reads views as `analyst`, in transactions that cannot write; rates, sizes and waiting "
            "have limits, and a row without a score is not counted"
        ),
    ),
    (
        "whoever has the password of `recorder`",
        "say that requests to a canary came to what they did not, and so stop it, or leave days out of its judgement",
        (
            "reading anything; promoting; batches of a canary that there is not, of another day, or with figures that do "
            "not add up (a look at these would fail, and the day with it)"
        ),
    ),
    (
        "whoever watches (`watcher`)",
        "read figures of the ledger, column by column",
        "texts, the salts of canaries, entities; writing",
    ),
    (
        "the data themselves",
        "be wrong, late, hostile",
        "becoming markup in pages, mails and cards; passing suites silently",
    ),
    (
        "other accounts of the machine",
        "nothing: `var/` is for its owner alone, servers listen on 127.0.0.1",
        "",
    ),
)
"""Who may do what, and what they are kept from."""
