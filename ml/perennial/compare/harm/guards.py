"""Questions with their words, and what people read when they are answered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from perennial.compare.harm.evidence import HarmEvidence, HolmAnswer, Sampled, answer_all
from perennial.records import Guard, Interval

Finding = Literal["held", "near", "doubtful", "veto"]
"""`near`: beyond what is borne, by less than one standard error; it counts as held."""
Say = Callable[[Interval, Finding], str]


@dataclass(frozen=True)
class HarmTest:
    """A question of harm that has evidence; `say` puts its interval into a sentence."""

    name: str
    evidence: HarmEvidence
    say: Say


def ask(name: str, fact: str, evidence: Sampled, *, form: str = ".4f") -> HarmTest:
    """A question whose sentence begins with a fact, such as `Log-loss goes from 0.2790 to 0.2881`; `form` is of its figures."""
    return HarmTest(name, evidence, partial(_say_loss, fact, evidence.tolerated, form))


def not_assessed(name: str, tolerated: float, sentence: str) -> Guard:
    """A guard that cannot speak: listed, and never counted as passed."""
    return Guard(name, None, tolerated, "not assessed", sentence)


def answer(asked: Sequence[HarmTest | Guard], level: float) -> tuple[Guard, ...]:
    """All guards in the order asked; the questions among them are one family, those answered already pass through."""
    questions = [each for each in asked if isinstance(each, HarmTest)]
    answers = iter(answer_all([question.evidence.p_value for question in questions], level))
    return tuple(_conclude(each, next(answers)) if isinstance(each, HarmTest) else each for each in asked)


def _conclude(question: HarmTest, found: HolmAnswer) -> Guard:
    evidence = question.evidence
    interval = evidence.interval(found.level)
    finding: Finding = "held"
    beyond = -evidence.tolerated - evidence.estimate
    if beyond > 0:
        finding = "veto" if found.is_harm else "doubtful" if beyond > interval.standard_error else "near"
    state = "held" if finding == "near" else finding
    return Guard(question.name, interval, evidence.tolerated, state, question.say(interval, finding))


def _say_loss(fact: str, tolerated: float, form: str, gain: Interval, finding: Finding) -> str:
    if gain.estimate >= 0:
        return f"{fact}: a gain of {gain.estimate:{form}} [{gain.low:+{form}}, {gain.high:+{form}}]."
    loss = f"a loss of {-gain.estimate:{form}} [{-gain.high:+{form}}, {-gain.low:+{form}}]"
    return f"{fact}: {loss}, {say_finding(finding, f'{tolerated:g}')}."


def say_finding(finding: Finding, borne: str) -> str:
    """How a loss stands to what is borne."""
    match finding:
        case "veto":
            return f"wholly beyond the {borne} that is borne"
        case "doubtful":
            return f"more than the {borne} that is borne, though it may be chance"
        case "near":
            return f"more than the {borne} that is borne by less than one standard error"
        case "held":
            return f"within the {borne} that is borne"
