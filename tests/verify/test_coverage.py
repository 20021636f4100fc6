"""Coverage: every byte in one class, chained exactly, and fail closed."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fwverify.model import Region
from fwverify.store import Store
from fwverify.verify.coverage import Marks, draw
from fwverify.verify.ranges import at_least, common, normal, through, total, within, without
from fwverify.verify.tree import Claim, build, covered, wholly_covered
from tests.verify.trees import Leaf, place, region

RANGES = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 60)).map(lambda pair: tuple(sorted(pair))),
    max_size=8,
)


def points(ranges) -> set[int]:
    return {at for start, end in ranges for at in range(start, end)}


@given(RANGES, RANGES, RANGES)
@settings(derandomize=True, deadline=None, max_examples=200)
def test_range_arithmetic_is_set_arithmetic(one, two, three):
    assert points(normal(one)) == points(one)
    assert points(common(one, two)) == points(one) & points(two)
    assert points(without(one, two)) == points(one) - points(two)
    assert total(normal(one)) == len(points(one))
    counts = [points(one), points(two), points(three)]
    for count in (1, 2, 3):
        wanted = {at for at in range(60) if sum(at in each for each in counts) >= count}
        assert points(at_least((one, two, three), count)) == wanted
    for result in (normal(one), common(one, two), without(one, two), at_least((one, two), 2)):
        assert all(a < b for a, b in result)
        assert all(left[1] < right[0] for left, right in itertools.pairwise(result))


def test_ranges_pass_through_extents_in_their_order():
    extents = ((100, 110), (50, 55), (200, 220))
    assert through(extents, ((0, 35),)) == ((50, 55), (100, 110), (200, 220))
    assert through(extents, ((8, 12),)) == ((50, 52), (108, 110))
    assert through(extents, ((12, 16),)) == ((52, 55), (200, 201))


@given(RANGES, RANGES)
@settings(derandomize=True, deadline=None, max_examples=200)
def test_extents_place_every_byte_of_a_content(extents, ranges):
    places = [at for start, end in extents for at in range(start, end)]
    assert points(through(extents, ranges)) == {
        place for at, place in enumerate(places) if at in points(ranges)
    }
    assert points(within(extents, ranges)) == {
        at for at, place in enumerate(places) if place in points(ranges)
    }


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "store")


def drawn(
    store, *members, claims=(), containers=None, steering=None, signature_members=None, kind=None
):
    subject, unpacked = place(store, *members, kind=kind)
    tree = build(unpacked.nodes)
    ranges = covered(tree, claims)
    by_path = tree.by_path
    result = draw(
        subject,
        tree,
        Marks(
            covered=ranges,
            containers={by_path[path]: found for path, found in (containers or {}).items()},
            steering={by_path[path]: found for path, found in (steering or {}).items()},
            signature_members={
                by_path[path]: held for path, held in (signature_members or {}).items()
            },
        ),
    )
    sums = result.totals
    assert sum(getattr(sums, name) for name in sums.__struct_fields__) == subject.size
    _is_partition(result, subject)
    return result


def _is_partition(result, subject):
    at: dict[str, int] = {}
    for path, segment in result.segments:
        assert segment.start == at.get(path, 0)
        assert segment.start < segment.end
        at[path] = segment.end
    sizes = {member.path: member.size for member in subject.members}
    assert all(sizes[path] == end for path, end in at.items())


WORST = "unsigned_executable"


def kinds(result) -> list[tuple[int, int, str]]:
    return [(one.start, one.end, one.kind) for _, one in result.segments]


def test_what_nobody_vouches_for_is_executable_unless_it_is_known_to_be_data(store):
    for leaf, kind in (
        (Leaf("u", b"x" * 10), "unsigned_executable"),
        (Leaf("u", b"x" * 10, "text", regions=(region(0, 10),)), "unsigned_data"),
        (
            Leaf("u", b"x" * 10, "text", executable=True, regions=(region(0, 10),)),
            "unsigned_executable",
        ),
        (Leaf("u", b"x" * 10, "elf", regions=(region(0, 10),)), "unsigned_executable"),
        (Leaf("u", b"x" * 10, "strange", regions=(region(0, 10),)), "unsigned_executable"),
        (Leaf("setup.sh", b"x" * 10, "text", regions=(region(0, 10),)), "unsigned_executable"),
        (Leaf("u", bytes(10), "unknown", regions=(region(0, 10, "padding"),)), "padding"),
        (
            Leaf("u", b"x" * 10, "text", regions=(region(0, 10, "signature"),)),
            "unsigned_executable",
        ),
        (Leaf("u", b"x" * 10, "zip", regions=(region(0, 10, "extracted"),)), "unsigned_executable"),
        (Leaf("u", b"x" * 10, "text", regions=(region(0, 4),)), "unsigned_executable"),
    ):
        result = drawn(store, leaf)
        assert result.segments[-1][1].kind == kind, leaf


@pytest.mark.parametrize("name", ["etc/init.d/net", "etc/inittab", "etc/rc.local", "x.service"])
def test_text_that_starts_things_is_executable(store, name):
    child = Leaf(
        name, b"text" * 5, "text", regions=(region(0, 20),), extents=((0, 20),), stored=True
    )
    parent = Leaf("u", b"text" * 5, "tar", regions=(region(0, 20, "extracted"),), children=[child])
    result = drawn(store, parent)
    assert kinds(result) == [(0, 20, "unsigned_executable")]
    (segment,) = (one for _, one in result.segments)
    assert len(segment.blamed) == 1


def container(*children: Leaf, size: int = 100, name: str = "u", extra=()) -> Leaf:
    """A container of ``size`` bytes: children's extents extracted, the rest parsed."""
    extents = normal(span for child in children for span in child.extents)
    regions = [region(start, end, "extracted") for start, end in extents]
    gaps = without(((0, size),), (*extents, *((one.start, one.end) for one in extra)))
    regions += [region(start, end) for start, end in gaps]
    regions = sorted((*regions, *extra), key=lambda one: one.start)
    return Leaf(name, bytes(range(size)), "zip", regions=tuple(regions), children=list(children))


def test_a_verbatim_child_gives_its_covered_bytes_exactly(store):
    child = Leaf("fw", bytes(range(10, 40)), extents=((10, 20), (50, 70)), stored=True)
    result = drawn(store, container(child), claims=(Claim("u!/fw", ((5, 15),)),))
    assert kinds(result) == [
        (0, 10, "steering"),
        (10, 15, "unsigned_executable"),
        (15, 20, "covered"),
        (20, 50, "steering"),
        (50, 55, "covered"),
        (55, 70, "unsigned_executable"),
        (70, 100, "steering"),
    ]


def test_a_compressed_child_counts_whole_or_not_at_all(store):
    child = Leaf("fw", bytes(range(10, 40)), extents=((10, 20),))
    for end, kind in ((30, "covered"), (29, "unsigned_executable"), (0, "unsigned_executable")):
        result = drawn(store, container(child), claims=(Claim("u!/fw", normal(((0, end),))),))
        assert (10, 20, kind) in kinds(result)


@pytest.mark.parametrize(
    ("held", "signature", "kind"),
    [
        (((0, 20),), ((20, 25),), "covered"),  # payload, signature, erased flash
        (((0, 20),), ((20, 24),), "unsigned_executable"),
        (((0, 19),), ((20, 25),), "unsigned_executable"),
        ((), ((0, 25),), "padding"),
    ],
)
def test_a_packed_image_is_covered_up_to_its_signature_and_padding(store, held, signature, kind):
    regions = (region(0, 25), region(25, 30, "padding"))
    child = Leaf("fw", bytes(range(10, 40)), extents=((10, 20),), regions=regions)
    marks = {"claims": (Claim("u!/fw", normal(held)),), "containers": {"u!/fw": signature}}
    assert (10, 20, kind) in kinds(drawn(store, container(child), **marks))
    beside = Leaf("other", b"other", extents=((15, 25),))
    result = drawn(store, container(child, beside), **marks)
    refused = points((low, high) for low, high, which in kinds(result) if which == WORST)
    assert refused >= set(range(15, 25))


def test_a_packed_image_in_a_packed_container_is_covered_too(store):
    child = Leaf("fw", bytes(range(10, 40)), extents=((10, 20),), regions=(region(0, 30),))
    middle = container(child, size=30, name="middle")
    middle.extents = ((40, 60),)
    inner, outer = Claim("u!/middle!/fw", ((0, 20),)), Claim("u!/middle", ((0, 10), (20, 30)))
    signature = {"u!/middle!/fw": ((20, 30),)}
    result = drawn(store, container(middle), claims=(inner, outer), containers=signature)
    assert (40, 60, "covered") in kinds(result)
    for claims in ((inner,), (outer,)):
        result = drawn(store, container(middle), claims=claims, containers=signature)
        assert (40, 60, "covered") not in kinds(result)


def test_extents_that_do_not_add_up_are_not_verbatim(store):
    child = Leaf("fw", bytes(range(10, 40)), extents=((10, 20),), stored=True)
    result = drawn(store, container(child), claims=(Claim("u!/fw", ((0, 29),)),))
    assert (10, 20, "unsigned_executable") in kinds(result)


def test_bytes_shared_with_an_uncovered_child_are_not_covered(store):
    good = Leaf("good", b"good" * 3, extents=((10, 30),))
    bad = Leaf("bad", b"evil" * 3, extents=((20, 40),))
    result = drawn(store, container(good, bad), claims=(Claim("u!/good", ((0, 12),)),))
    assert kinds(result)[1:3] == [(10, 20, "covered"), (20, 40, "unsigned_executable")]


@pytest.mark.parametrize(
    ("signature", "held", "kind"),
    [
        (((0, 12),), ((0, 30),), "covered"),  # a cabinet that compresses its files as one
        (((0, 11),), ((0, 30),), WORST),  # a byte beside the signature that nobody explains
        (((0, 12),), ((0, 29),), WORST),
        (((0, 12),), (), WORST),
        ((), ((0, 30),), WORST),
    ],
)
def test_a_signature_packed_together_with_what_it_covers(store, signature, held, kind):
    fw = Leaf("fw", bytes(range(10, 40)), extents=((10, 40),), regions=(region(0, 30),))
    seal = Leaf("fw.sig", b"signature!!!", extents=((10, 40),), regions=(region(0, 12),))
    marks = {"claims": (Claim("u!/fw", normal(held)),), "containers": {"u!/fw.sig": signature}}
    assert (10, 40, kind) in kinds(drawn(store, container(fw, seal), **marks))


def test_a_signature_alone_is_no_covered_byte(store):
    seal = Leaf("fw.sig", b"signature!!!", extents=((10, 40),), regions=(region(0, 12),))
    more = Leaf("b.sig", b"signature!?!", extents=((10, 40),), regions=(region(0, 12),))
    marks = {"containers": {"u!/fw.sig": ((0, 12),), "u!/b.sig": ((0, 12),)}}
    assert (10, 40, "container") in kinds(drawn(store, container(seal, more), **marks))


def test_a_vouched_hash_covers_the_content_wherever_it_stands(store):
    from fwverify.canonical import sha256_hex

    data = b"rootfs" * 5
    first = Leaf("a", data, extents=((10, 20),))
    second = Leaf("b", data, extents=((30, 60),), stored=True)
    other = Leaf("c", b"another", extents=((70, 80),))
    claims = (Claim("elsewhere", (), (sha256_hex(data),)),)
    result = drawn(store, container(first, second, other), claims=claims)
    assert [one for one in kinds(result) if one[2] == "covered"] == [
        (10, 20, "covered"),
        (30, 60, "covered"),
    ]
    assert (70, 80, "unsigned_executable") in kinds(result)


def test_coverage_chains_over_several_levels(store):
    inner = Leaf("fw", b"fw" * 5, extents=((2, 6),))
    archive = container(inner, size=20, name="inner.zip")
    archive.extents, archive.stored = ((10, 30),), True
    outer = container(archive)
    result = drawn(store, outer, claims=(Claim("u!/inner.zip!/fw", ((0, 10),)),))
    assert (12, 16, "covered") in kinds(result)
    whole = drawn(store, outer, claims=(Claim("u!/inner.zip", ((0, 20),)),))
    assert (10, 30, "covered") in kinds(whole)


def test_structure_steers_only_where_something_runs(store):
    text = Leaf("notes", b"hello", "text", regions=(region(0, 5),), extents=((10, 20),))
    result = drawn(store, container(text))
    assert {kind for _, _, kind in kinds(result)} == {"unsigned_data"}
    hidden = Region(start=90, end=100, kind="unexplained")
    result = drawn(store, container(text, extra=(hidden,)))
    assert kinds(result)[-1] == (90, 100, "unsigned_executable")
    assert (0, 10, "steering") in kinds(result)


def test_containers_and_steering_of_signatures(store):
    leaf = Leaf("u", bytes(range(100)))
    result = drawn(
        store,
        leaf,
        claims=(Claim("u", ((10, 60),)),),
        containers={"u": ((50, 80),)},
        steering={"u": ((0, 20), (75, 90))},
    )
    assert kinds(result) == [
        (0, 10, "steering"),
        (10, 60, "covered"),
        (60, 80, "container"),
        (80, 90, "steering"),
        (90, 100, "unsigned_executable"),
    ]


def test_signature_members_of_a_set(store):
    update, good, bad = (
        Leaf("fw", b"x" * 10, role="part"),
        Leaf("fw.sig", b"y" * 5, role="signature"),
        Leaf("fw.asc", b"z" * 7, role="signature"),
    )
    result = drawn(
        store,
        update,
        good,
        bad,
        claims=(Claim("fw", ((0, 10),)),),
        signature_members={"fw.sig": True, "fw.asc": False},
        kind="set",
    )
    assert (result.totals.covered, result.totals.container, result.totals.unsigned_data) == (
        10,
        5,
        7,
    )


def test_a_member_without_a_node_is_unsigned_executable(store):
    subject, _ = place(store, Leaf("fw", b"x" * 10))
    result = draw(subject, build(()), Marks((), {}, {}, {}))
    assert result.totals.unsigned_executable == 10


def test_claims_outside_the_node_or_about_nobody_cover_nothing_more(store):
    leaf = Leaf("u", b"x" * 10)
    result = drawn(store, leaf, claims=(Claim("u", ((5, 500),)), Claim("v", ((0, 10),))))
    assert kinds(result) == [(0, 5, "unsigned_executable"), (5, 10, "covered")]


def test_many_children_over_the_same_bytes_cost_little(store):
    children = [Leaf(f"f{number:05}", b"x", extents=((10, 90),)) for number in range(800)]
    result = drawn(store, container(*children))
    assert (10, 90, "unsigned_executable") in kinds(result)
    (segment,) = (one for _, one in result.segments if one.kind == "unsigned_executable")
    assert len(segment.blamed) <= 8


CUT = st.lists(st.integers(1, 9), min_size=1, max_size=8)


@given(CUT, st.permutations(range(8)), st.lists(st.sampled_from(["padding", "unexplained"])))
@settings(derandomize=True, deadline=None, max_examples=80)
def test_a_file_in_pieces_is_named_byte_by_byte(lengths, order, held):
    from pathlib import Path
    from tempfile import TemporaryDirectory

    starts = [sum(lengths[:number]) + number for number in range(len(lengths))]
    chosen = [number for number in order if number < len(lengths)]
    extents = tuple((starts[number], starts[number] + lengths[number]) for number in chosen)
    size = sum(lengths)
    inside = [(held[at // 3 % len(held)] if held else "unexplained") for at in range(size)]
    regions = tuple(region(at, at + 1, kind) for at, kind in enumerate(inside))
    child = Leaf("fw", bytes(range(size)), extents=extents, stored=True, regions=regions)
    with TemporaryDirectory() as folder:
        result = drawn(Store(Path(folder)), container(child))
    places = [at for start, end in extents for at in range(start, end)]
    expected = dict.fromkeys(range(100), "steering")
    names = {"padding": "padding", "unexplained": "unsigned_executable"}
    expected |= {place: names[inside[at]] for at, place in enumerate(places)}
    found = {at: one.kind for _, one in result.segments for at in range(one.start, one.end)}
    assert found == expected


def test_bytes_that_a_file_repeats_are_named_by_the_worst(store):
    regions = (region(0, 10, "padding"), region(10, 20, "unexplained"))
    for extents in (((30, 40), (30, 40)), ((35, 45), (30, 40))):
        child = Leaf("fw", bytes(20), extents=extents, stored=True, regions=regions)
        result = drawn(store, container(child))
        assert (30, 40, "unsigned_executable") in kinds(result)


def test_a_file_in_a_hundred_thousand_pieces_costs_little(store):
    count = 100_000
    extents = tuple((2 * number, 2 * number + 1) for number in reversed(range(count)))
    regions = tuple(
        region(number, number + 1, "unexplained" if number % 2 else "padding")
        for number in range(count)
    )
    child = Leaf("fw", bytes(count), extents=extents, stored=True, regions=regions)
    others = [region(2 * number, 2 * number + 1, "extracted") for number in range(count)]
    others += [region(2 * number + 1, 2 * number + 2) for number in range(count)]
    whole = sorted(others, key=lambda one: one.start)
    outer = Leaf("u", bytes(2 * count), "zip", regions=tuple(whole), children=[child])
    result = drawn(store, outer)
    assert result.totals.padding == result.totals.unsigned_executable == count // 2
    assert result.totals.steering == count


def test_wholly_covered_is_known_from_above_and_below(store):
    inner = Leaf("fw", b"fw" * 5, extents=((2, 6),))
    outside = Leaf("other", b"ab", extents=((8, 9),))
    _, unpacked = place(store, container(inner, outside, size=20))
    tree = build(unpacked.nodes)
    held = wholly_covered(tree, covered(tree, (Claim("u", ((0, 7),)),)))
    assert {unpacked.nodes[index].node.path for index in held} == {"u!/fw"}
    held = wholly_covered(tree, covered(tree, (Claim("u", ((0, 20),)),)))
    assert len(held) == 3


def test_a_broken_tree_is_a_bug_and_not_a_result(store):
    import msgspec

    _, unpacked = place(store, container(Leaf("fw", b"x", extents=((1, 2),))))
    for parent in (7, -1):
        child = msgspec.structs.replace(unpacked.nodes[1], parent=parent)
        with pytest.raises(ValueError, match="no node"):
            build((unpacked.nodes[0], child))
    loop = msgspec.structs.replace(unpacked.nodes[0], parent=1)
    with pytest.raises(ValueError, match="loop"):
        build((loop, unpacked.nodes[1]))


LEAVES = st.lists(
    st.tuples(
        st.integers(0, 90),
        st.integers(1, 30),
        st.booleans(),
        st.sampled_from(["text", "elf", "unknown"]),
        st.integers(0, 12),
    ),
    max_size=6,
)


@given(LEAVES, RANGES, st.booleans())
@settings(derandomize=True, deadline=None, max_examples=150)
def test_any_tree_and_any_claims_give_a_partition_and_never_more_than_claimed(
    leaves, claimed, nested
):
    from pathlib import Path
    from tempfile import TemporaryDirectory

    children = []
    claims = [Claim("u", normal(claimed))]
    for number, (start, length, stored, kind, held) in enumerate(leaves):
        end = min(100, start + length)
        size = end - start if stored else 12
        child = Leaf(
            f"f{number}",
            bytes((number + 1,)) * size,
            kind,
            extents=((start, end),),
            stored=stored,
            regions=(region(0, size),),
        )
        children.append(child)
        if held:
            claims.append(Claim(f"u!/f{number}", ((0, held),)))
    with TemporaryDirectory() as folder:
        outer = container(*children)
        if nested:
            outer.children = [*outer.children, Leaf("n", b"n" * 3, extents=((0, 3), (97, 100)))]
        result = drawn(Store(Path(folder)), outer, claims=claims)
    reachable = points(claimed) | {
        at
        for (start, length, _, _, held) in leaves
        if held
        for at in range(start, min(100, start + length))
    }
    found = {
        at
        for _, one in result.segments
        if one.kind == "covered"
        for at in range(one.start, one.end)
    }
    assert found <= reachable
    assert points(common(claimed, ((0, 100),))) <= found
