"""The restated naming rules against Dagster's own, which the schema package must not import."""

from datetime import timedelta

import dagster as dg
import pytest
from dagster._core.definitions.utils import is_valid_owner, validate_group_name
from dagster._utils.schedules import is_valid_cron_string
from dagster._utils.tags import is_valid_strict_tag_value, is_valid_tag_key
from hypothesis import given
from hypothesis import strategies as st

from dagster_pipeline.schema import naming, times

SHORT = st.text("aZ0_-./:@ é#\n", max_size=8)


def accepts(rule, value: str) -> bool:
    try:
        rule(value)
    except ValueError:
        return False
    return True


def dagster_accepts_group(value: str) -> bool:
    try:
        validate_group_name(value)
    except dg.DagsterInvalidDefinitionError:
        return False
    return True


@given(
    SHORT | st.sampled_from(["a@b.co", "team:x", "team:", "TEAM:x", "x@y.technology", "a b@c.de", "team: x"])
)
def test_an_owner_that_is_accepted_is_one_for_dagster(value):
    if accepts(naming.owner, value):
        assert is_valid_owner(value)


@pytest.mark.parametrize(
    "value", ["a@b.co", "first.last+tag@sub.example.com", "team:x", "team:Data Platform"]
)
def test_an_owner_that_dagster_takes_is_accepted(value):
    assert is_valid_owner(value)
    assert accepts(naming.owner, value)


@given(SHORT | st.text("a/", min_size=60, max_size=66))
def test_tag_names_tag_values_and_groups_are_judged_as_dagster_does(value):
    if "\n" not in value:  # Dagster's patterns end in `$`, which lets a last line break slip through
        assert accepts(naming.tag_key, value) == is_valid_tag_key(value)
        assert accepts(naming.tag_value, value) == is_valid_strict_tag_value(value)
        assert accepts(naming.group_name, value) == (value != "" and dagster_accepts_group(value))


@given(st.lists(st.text("a0_-.", min_size=1, max_size=5), min_size=2, max_size=2))
def test_op_names_are_dagsters(parts):
    assert naming.op_name(*parts) == dg.AssetKey(parts).to_python_identifier()


@pytest.mark.parametrize("part", ["a", "a-b", "a.b", "0", "class", "a b", "a/b", "é", "a:b", "A_1"])
def test_a_key_part_is_accepted_when_dagster_builds_an_asset_of_it(part):
    def build() -> None:
        @dg.asset(key=dg.AssetKey(["shop", part]))
        def table() -> None: ...

    if naming.is_key_part(part):
        build()
    else:
        with pytest.raises(dg.DagsterInvalidDefinitionError):
            build()


@pytest.mark.parametrize("name", ["unique_id", "a", "0", "A_1"])
def test_a_check_name_that_is_accepted_builds_a_check(name):
    assert accepts(naming.check_name, name)

    @dg.asset(check_specs=[dg.AssetCheckSpec(name, asset="table")])
    def table(): ...  # an annotation would be read as the type of an output


@pytest.mark.parametrize("name", ["a-b", "a b", "a>b", ""])
def test_a_check_name_that_dagster_refuses_is_refused(name):
    assert not accepts(naming.check_name, name)


@given(
    st.lists(
        st.sampled_from(
            ["*", "*/15", "0", "5,10", "1-5", "MON", "L", "31", "2", "60", "x", "mon#2", "R", "*/0"]
        ),
        min_size=4,
        max_size=6,
    )
)
def test_a_cron_text_that_is_accepted_is_one_for_dagster(fields):
    value = " ".join(fields)
    if accepts(times.cron, value):
        assert is_valid_cron_string(value)


@pytest.mark.parametrize(
    "value", ["*/15 * * * *", "0 3 * * 1-5", "0 0 1 1 *", "5,35 8-18 * * MON", "0 0 L * *", "0 0 29 2 *"]
)
def test_usual_cron_texts_are_accepted(value):
    assert accepts(times.cron, value)


@pytest.mark.parametrize(("written", "valid"), [("59s", False), ("60s", True)])
def test_the_shortest_freshness_is_dagsters(tree, written, valid):
    text = f"version: 1\nfreshness: {written}\ncolumns: [{{name: id, type: int}}]\n"
    tree.write("mysql/shop/orders.yml", text)
    if valid:
        dg.FreshnessPolicy.time_window(fail_window=tree.load()[0].freshness)
    else:
        assert tree.problems()
        with pytest.raises(Exception, match="less than 1 minute"):
            dg.FreshnessPolicy.time_window(fail_window=timedelta(seconds=59))
