"""The methods that can be compared, by name."""

from latkit.evaluation.method import Method
from latkit.registry import Registry

METHODS: Registry[Method] = Registry(
    "method",
    {
        "bayes": "latkit.evaluation.methods.bayes:Bayes",
        "nasflat": "latkit.evaluation.methods.nasflat:Nasflat",
        "nasflat-mended": "latkit.evaluation.methods.nasflat:MENDED",
        "best-source": "latkit.evaluation.methods.best_source:BestSource",
        "source-ridge": "latkit.evaluation.methods.source_ridge:SourceRidge",
        "gcn": "latkit.evaluation.methods.gcn:Gcn",
        "gp": "latkit.evaluation.methods.gaussian_process:GaussianProcess",
        "boosting": "latkit.evaluation.methods.boosting:Boosting",
        "layerwise": "latkit.evaluation.methods.layerwise:Layerwise",
        "flops": "latkit.evaluation.methods.counts:FLOPS",
        "params": "latkit.evaluation.methods.counts:PARAMS",
    },
)

__all__ = ["METHODS", "Method"]
