from data_prep.messages import listed


def test_of_many_names_the_first_and_how_many_more():
    assert listed([]) == ""
    assert listed(["a"]) == "a"
    assert listed("abc", 3) == "a, b, c"
    assert listed("abc", 2) == "a, b and 1 more"
    assert listed(map(str, range(12)), separator=";") == (
        "0; 1; 2; 3; 4; 5; 6; 7; 8; 9; and 2 more"
    )
