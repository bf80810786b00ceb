"""The methods that can be compared, by name; each imports what it needs when it is asked for."""

from latkit.evaluation.method import Method, get, names, register


def _bayes() -> Method:
    from latkit.evaluation.methods.bayes import Bayes

    return Bayes()


register("bayes", _bayes)

__all__ = ["Method", "get", "names", "register"]
