"""Type texts as people and catalogs write them."""

import pytest

from dagster_pipeline.type_mapper.type_text import TypeText, TypeTextError, parse_type_text


@pytest.mark.parametrize(
    ("spelled", "expected"),
    [
        ("bigint", TypeText("bigint")),
        ("  BIGINT   Unsigned ", TypeText("bigint unsigned")),
        ("decimal( 20 , 4 )", TypeText("decimal", ("20", "4"))),
        ("numeric(3,-2)", TypeText("numeric", ("3", "-2"))),
        ("int(10) unsigned zerofill", TypeText("int unsigned zerofill", ("10",))),
        ("timestamp(3) with time zone", TypeText("timestamp with time zone", ("3",))),
        ("interval day to second(2)", TypeText("interval day to second", ("2",))),
        ("text[]", TypeText("text", (), 1)),
        ("numeric(10,2)[3][ ]", TypeText("numeric", ("10", "2"), 2)),
        ("datetime /* mariadb-5.3 */", TypeText("datetime")),
        ("varchar(10) /*M!100301 COMPRESSED*/", TypeText("varchar", ("10",))),
        ('"char"', TypeText('"char"')),
        ('public."Odd Name"', TypeText('public. "Odd Name"')),
        ("enum('a')", TypeText("enum", ("a",))),
        ("enum('a,b', 'it''s' ,'(', '')", TypeText("enum", ("a,b", "it's", "(", ""))),
        (
            r"enum('back\\slash','tab\t','quote\'','zero\0')",
            TypeText("enum", ("back\\slash", "tab\t", "quote'", "zero\0")),
        ),
        ("ENUM('UPPER')", TypeText("enum", ("UPPER",))),
        ("set('x y','ü')", TypeText("set", ("x y", "ü"))),
    ],
)
def test_a_type_is_taken_apart(spelled: str, expected: TypeText) -> None:
    assert parse_type_text(spelled) == expected


@pytest.mark.parametrize(
    ("spelled", "complaint"),
    [
        ("", "no type name"),
        ("()", "not expected"),
        ("varchar(", "closing parenthesis"),
        ("varchar(20", "closing parenthesis"),
        ("varchar 20)", "not expected"),
        ("decimal(20,)", "not expected"),
        ("decimal(20 4)", "not expected"),
        ("decimal()", "not expected"),
        ("enum('a", "not closed"),
        ("enum('a''", "not closed"),
        ("int(1)(2)", "not expected"),
        ("text[] unsigned", "not expected"),
        ("int, int", "not expected"),
        ("text[", "not closed"),
        ("int 'x'", "not expected"),
    ],
)
def test_what_does_not_read_says_where(spelled: str, complaint: str) -> None:
    with pytest.raises(TypeTextError, match=complaint):
        parse_type_text(spelled)


def test_arguments_that_must_be_numbers_say_so() -> None:
    with pytest.raises(TypeTextError, match="whole numbers"):
        _ = parse_type_text("decimal(x)").numbers
