from latkit.plural import counted


def test_one_and_several():
    assert [counted(n, "network") for n in (0, 1, 2, 1250)] == [
        "0 networks",
        "1 network",
        "2 networks",
        "1,250 networks",
    ]
    assert counted(1, "is suspect", "are suspect") == "1 is suspect"
    assert counted(3, "is suspect", "are suspect") == "3 are suspect"
