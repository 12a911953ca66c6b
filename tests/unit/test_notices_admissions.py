"""What the owner reads when an as_of is set to rest, and when its rest is over."""

from dataclasses import replace
from datetime import UTC, date, datetime

from perennial import notices
from perennial.records import Admission, AdmissionEntry, Statistic
from perennial.stores.mail import render

DAY, LOOKED_AT = date(2017, 7, 10), date(2017, 7, 31)
RESTED = AdmissionEntry(
    model="lapse",
    as_of=DAY,
    event="rest",
    reason="Compared with the 2 as_ofs admitted before it, the AUC of the scores is 0.610 where it was 0.850 (z -9.1).",
    snapshot_checksum="s",
    labels_checksum="l",
    rests_until=date(2017, 8, 14),
    actor="airflow",
    purpose="simulation",
    effective_at=datetime(2017, 7, 31, 10, tzinfo=UTC),
)
ADMISSION = Admission(
    as_of=DAY,
    rests=True,
    reason=RESTED.reason,
    compared_with=(date(2017, 6, 26), date(2017, 7, 3)),
    statistics={
        "auc": Statistic(0.61, (0.84, 0.86), -9.1, is_beyond=True),
        "feature": Statistic(0.62, (0.60, 0.62), 0.4, is_beyond=False, feature="recency_days"),
    },
)


def subject(notice):
    message = render(
        notice,
        sender="perennial@example.com",
        recipient="growth@example.com",
        message_id="<1@example.com>",
        sent_at=datetime(2017, 7, 31, tzinfo=UTC),
    )
    return message["Subject"]


def test_the_earlier_values_stand_beside_the_statistics():
    notice = notices.write_rest(RESTED, ADMISSION, LOOKED_AT)
    assert notice.moved == (
        ("AUC of the scores of that time", "0.85", "0.61", "z -9.1, beyond what chance explains; before: 0.840, 0.860"),
        ("AUC by itself: recency_days", "0.61", "0.62", "z +0.4, usual; before: 0.600, 0.620"),
    )
    assert notice.chart == {"2017-06-26": 0.84, "2017-07-03": 0.86, "2017-07-10": 0.61}


def test_a_rest_says_what_was_done_and_every_way_out():
    notice = notices.write_rest(RESTED, ADMISSION, LOOKED_AT)
    assert (notice.as_of, notice.event) == (LOOKED_AT, "rest_20170710")
    assert "[perennial] lapse 2017-07-31: REST - the labels of 2017-07-10 look wrong and do not teach for now" == subject(notice)
    assert "from 2017-08-14 on" in notice.system_did[-1]
    asked = " ".join(notice.you_must)
    assert "`perennial backfill lapse --from 2017-07-10 --to 2017-07-10`" in asked
    assert '`perennial admit lapse --as-of 2017-07-10 --reason "..."`' in asked
    assert '`perennial reject lapse --as-of 2017-07-10 --reason "..."`' in asked


def test_a_release_says_what_had_been_found():
    released = replace(RESTED, event="release", reason="It had rested since 2017-07-31, and nobody decided.", rests_until=None)
    notice = notices.write_release(released, RESTED, date(2017, 8, 14))
    assert (notice.as_of, notice.event) == (date(2017, 8, 14), "release_20170710")
    assert "[perennial] lapse 2017-08-14: ADMIT - the labels of 2017-07-10 teach from now on" == subject(notice)
    assert "It had rested since 2017-07-31" in notice.summary
    assert "z -9.1" in notice.summary


def test_a_sentence_names_until_when_or_by_whom():
    rejected = replace(RESTED, event="reject", reason="The till was broken.", actor="growth", rests_until=None)
    assert notices.say_why_aside(RESTED) == f"lapse, as_of 2017-07-10: rests until 2017-08-14. {RESTED.reason}"
    assert notices.say_why_aside(rejected) == "lapse, as_of 2017-07-10: rejected by growth. The till was broken."
