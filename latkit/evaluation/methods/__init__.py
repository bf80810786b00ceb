"""The methods that can be compared, by name; each imports what it needs when it is asked for."""

from latkit.evaluation.method import Method, get, names, register


def _bayes() -> Method:
    from latkit.evaluation.methods.bayes import Bayes

    return Bayes()


def _nasflat() -> Method:
    from latkit.evaluation.methods.nasflat import Nasflat

    return Nasflat()


def _nasflat_mended() -> Method:
    from latkit.evaluation.methods.nasflat import Nasflat

    return Nasflat(mended=True)


def _best_source() -> Method:
    from latkit.evaluation.methods.best_source import BestSource

    return BestSource()


def _source_ridge() -> Method:
    from latkit.evaluation.methods.source_ridge import SourceRidge

    return SourceRidge()


def _gcn() -> Method:
    from latkit.evaluation.methods.gcn import Gcn

    return Gcn()


def _boosting() -> Method:
    from latkit.evaluation.methods.boosting import Boosting

    return Boosting()


def _layerwise() -> Method:
    from latkit.evaluation.methods.layerwise import Layerwise

    return Layerwise()


def _flops() -> Method:
    from latkit.evaluation.methods.counts import Counted

    return Counted("flops")


def _params() -> Method:
    from latkit.evaluation.methods.counts import Counted

    return Counted("params")


register("bayes", _bayes)
register("nasflat", _nasflat)
register("nasflat-mended", _nasflat_mended)
register("best-source", _best_source)
register("source-ridge", _source_ridge)
register("gcn", _gcn)
register("boosting", _boosting)
register("layerwise", _layerwise)
register("flops", _flops)
register("params", _params)

__all__ = ["Method", "get", "names", "register"]
