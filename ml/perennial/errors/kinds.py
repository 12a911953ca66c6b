"""The kinds of errors: whether trying again helps, and whether anything is broken at all."""


class PerennialError(Exception):
    """Root of all errors raised here; `str()` is a sentence for people.
    To do: read its message, which says what was found; the class below it says whether trying again helps.
    """


class PermanentError(PerennialError):
    """Trying again without a change gives the same result; a task that ends with it is not retried.
    To do: correct what the message names, then run the stage again or clear the task in Airflow.
    """


class Refused(PermanentError):
    """A gate said no: nothing is broken, and nothing was changed.
    To do: read the reason and wait; where the message says how, a person may overrule it.
    """


class NothingToDo(Refused):
    """The stage has no work this time: a skip, not a failure.
    To do: nothing; the message says when there will be work.
    """


class UnavailableError(PerennialError):
    """A service does not answer; trying again later may work.
    To do: see that the service runs (`perennial doctor`); Airflow tries again by itself.
    """
