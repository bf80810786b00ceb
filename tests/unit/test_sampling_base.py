import pytest

from latkit import sampling
from latkit.errors import UnknownNameError


def test_unknown_sampler_names_the_nearest():
    with pytest.raises(UnknownNameError, match="randon") as caught:
        sampling.get("randon")
    assert "random" in str(caught.value.hint)
