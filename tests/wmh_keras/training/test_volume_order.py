import collections
from types import SimpleNamespace

from wmh_keras.training.volume_order import group_volumes, volume_of

SITES = ["b", "", "b", "a", "b", ""]
RECORDS = [SimpleNamespace(site=site) for site in SITES]


def order(evenly, count, seed=3):
    groups = group_volumes(RECORDS, evenly)
    return [volume_of(groups, seed, number) for number in range(count)]


def test_volumes_take_turns():
    drawn = order("volumes", 60)
    rounds = [drawn[start : start + 6] for start in range(0, 60, 6)]
    assert all(sorted(turns) == list(range(6)) for turns in rounds)
    assert len(set(map(tuple, rounds))) > 1


def test_sites_take_turns_and_so_do_their_volumes():
    drawn = order("sites", 90)
    rounds = [drawn[start : start + 3] for start in range(0, 90, 3)]
    for turns in rounds:
        assert sorted(SITES[volume] for volume in turns) == ["", "a", "b"]
    counts = collections.Counter(drawn)
    assert counts == {0: 10, 2: 10, 4: 10, 1: 15, 5: 15, 3: 30}
    assert (
        len({tuple(SITES[volume] for volume in turns) for turns in rounds}) > 1
    )


def test_the_seed_decides():
    assert order("sites", 30) == order("sites", 30)
    assert order("sites", 30) != order("sites", 30, seed=4)


def test_a_single_site_is_the_order_of_its_volumes():
    records = RECORDS[:1] * 5
    for evenly in ("sites", "volumes"):
        assert group_volumes(records, evenly) == ((0, 1, 2, 3, 4),)
