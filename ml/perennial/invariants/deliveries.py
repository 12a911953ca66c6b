"""Mails and model cards: out, or waiting with the reason."""

from __future__ import annotations

from datetime import timedelta

from perennial.invariants.looking import Answer, Finding, Look

MOST_ATTEMPTS = 5
LONGEST_SILENCE = timedelta(days=1)
REMEDY = "perennial mail sends the mail and writes the cards; perennial doctor says what stands in the way"


def check_deliveries(look: Look) -> Answer:
    """Every mail and every card is out, or waits with its reason; none was tried too often, or never."""
    waiting = look.ask("deliveries")
    findings = []
    for row in waiting:
        what = f"{row.model}: the {row.kind} ({row.what})"
        if row.attempts >= MOST_ATTEMPTS:
            findings.append(
                Finding(f"{what} was tried {row.attempts} times: {row.last_error or 'no reason is known'}", REMEDY, row.model)
            )
        elif row.attempts and not row.last_error:
            findings.append(Finding(f"{what} waits after {row.attempts} attempts, and no reason is known", REMEDY, row.model))
        elif not row.attempts and row.recorded_at < look.clock - LONGEST_SILENCE:
            findings.append(
                Finding(f"{what} waits since {row.recorded_at:%Y-%m-%d %H:%M} and was never tried", REMEDY, row.model)
            )
    (out,) = look.ask("count_deliveries")
    return Answer(f"{out.mails} mails and {out.cards} model cards are out, {len(waiting)} wait", tuple(findings))
