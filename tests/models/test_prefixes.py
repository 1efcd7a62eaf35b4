"""What rows of tokens have in common, and in which order they are worked on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.models.hf.prefixes import DEEPEST, LEAST_SAVED, LEAST_TOKENS, share

tokens = st.lists(st.integers(0, 2), min_size=1, max_size=40).map(tuple)
beginnings = st.lists(tokens, min_size=1, max_size=4)


@st.composite
def rows(draw):
    """Distinct rows with common beginnings, each with how many last tokens' logits are wanted."""
    starts = [(), *draw(beginnings)]
    made = draw(st.lists(st.tuples(st.sampled_from(starts), st.sampled_from(starts), tokens)))
    distinct = {a + b + c for a, b, c in made}
    return [(row, draw(st.integers(1, len(row)))) for row in sorted(distinct)]


@pytest.mark.long
@given(rows())
def test_segments_and_own_tokens_make_the_row(asked):
    leaves = share(asked)
    assert sorted((leaf.row, leaf.needed) for leaf in leaves) == sorted(asked)
    for leaf in leaves:
        chain = leaf.parent.chain() if leaf.parent else []
        above = tuple(token for segment in chain for token in segment.tokens)
        assert above + leaf.own_tokens == leaf.row
        assert [segment.start for segment in chain] == [
            sum(len(s.tokens) for s in chain[:i]) for i in range(len(chain))
        ]
        # What a row's logits are wanted of is never in a segment, which gives none.
        assert len(leaf.own_tokens) >= leaf.needed
        assert len(chain) <= DEEPEST


@given(rows())
def test_a_segment_saves_what_it_costs(asked):
    leaves = share(asked)
    segments = {s for leaf in leaves if leaf.parent for s in leaf.parent.chain()}
    for segment in segments:
        below = [leaf for leaf in leaves if leaf.parent and segment in leaf.parent.chain()]
        assert len(segment.tokens) >= LEAST_TOKENS
        assert len(segment.tokens) * (len(below) - 1) >= LEAST_SAVED
        assert segment.longest == max(len(leaf.row) for leaf in below)


@given(rows())
def test_rows_of_one_segment_stand_together(asked):
    above = [leaf.parent for leaf in share(asked)]
    changes = [one for one, other in zip(above, [None, *above], strict=False) if one is not other]
    named = [segment for segment in changes if segment is not None]
    for segment in set(named):
        children = {s for s in named if s.parent is segment}
        assert named.count(segment) <= 1 + len(children)


def test_variants_of_one_text_share_its_beginning_and_its_branches():
    begin, branch_a, branch_b = (1,) * 50, (2,) * 20, (3,) * 20
    asked = [(begin + branch + (4, i), 1) for branch in (branch_a, branch_b) for i in range(10)]
    leaves = share(asked)
    chains = {leaf.row: [s.tokens for s in leaf.parent.chain()] for leaf in leaves}
    assert chains[begin + branch_a + (4, 3)] == [begin, (*branch_a, 4)]
    assert chains[begin + branch_b + (4, 7)] == [begin, (*branch_b, 4)]
    assert {len(leaf.own_tokens) for leaf in leaves} == {1}


def test_without_segments_the_longest_row_comes_first():
    leaves = share([((i,) * (i + 1), 1) for i in range(5)])
    assert [len(leaf.row) for leaf in leaves] == [5, 4, 3, 2, 1]
