"""Rules for whole numbers and decimals, in SQL that both dialects understand.

Belongs here: which stored types a number may have, and which values then do not fit. Not here: type names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dagster_pipeline.type_mapper.clickhouse_type import (
    MAX_DECIMAL_DIGITS,
    ClickHouseType,
    decimal,
    integer_span,
)
from dagster_pipeline.type_mapper.type_rule import Limit, TypeRefusedError, TypeRule, override_refused

_EVERY_INTEGER = tuple(f"{sign}{bits}" for bits in (8, 16, 32, 64, 128, 256) for sign in ("Int", "UInt"))


def integer_rule(
    source_type: object,
    natural: str,
    wanted: ClickHouseType | None,
    *,
    text: str,
    read: str = "{column}",
    span: tuple[int, int] | None = None,
) -> TypeRule:
    """A whole number. `natural` holds every value; another integer, Bool or Decimal type may be wanted.

    `span` is the least and greatest value of the source type, where that is narrower than `natural`.
    """
    least, greatest = span or integer_span(natural) or (0, 0)
    rule = TypeRule(natural, text, read=read, wire=natural)
    if wanted is None or wanted.name == natural:
        return rule
    if wanted.name == "Decimal":
        precision, scale = (int(argument) for argument in wanted.arguments)
        if max(-least, greatest) < 10 ** (precision - scale):
            return replace(rule, stored=wanted.bare)
    target = integer_span(wanted.name)
    if target is None:
        allowed = (*_EVERY_INTEGER, "Bool", f"Decimal({len(str(greatest))}, 0) or wider")
        raise override_refused(source_type, wanted, allowed)
    return replace(rule, stored=wanted.name, limit=_span_limit((least, greatest), target, read))


def _span_limit(source: tuple[int, int], target: tuple[int, int], read: str) -> Limit | None:
    """Compare on the sides that need it only: a bound that the source type cannot reach may not even fit a literal."""
    low, high = max(source[0], target[0]), min(source[1], target[1])
    checks = [f"{{column}} < {low}"] if source[0] < low else []
    checks += [f"{{column}} > {high}"] if source[1] > high else []
    if not checks:
        return None
    nearest = read
    nearest = f"GREATEST({nearest}, {low})" if source[0] < low else nearest
    nearest = f"LEAST({nearest}, {high})" if source[1] > high else nearest
    return Limit(" OR ".join(checks), nearest, f"outside {low} to {high}")


def decimal_target(
    source_type: object, wanted: ClickHouseType | None, *, integer_digits: int, fraction_digits: int
) -> tuple[int, int]:
    """Precision and scale to store a decimal with: what holds every value, or what is wanted."""
    if wanted is not None and wanted.name == "Decimal":
        precision, scale = wanted.arguments
        return int(precision), int(scale)
    digits = max(integer_digits + fraction_digits, 1)
    allowed: Sequence[str] = (
        "Decimal(precision, scale)",
        *(() if fraction_digits else ("Int64", "UInt64", "...")),
    )
    if wanted is not None:
        raise override_refused(source_type, wanted, allowed)
    if digits > MAX_DECIMAL_DIGITS:
        raise TypeRefusedError(
            f"{source_type} can hold {digits} digits, ClickHouse's Decimal {MAX_DECIMAL_DIGITS}.",
            todo='Add clickhouse_type: String to keep every value, or a "Decimal(precision, scale)" that yours fit.',
        )
    return digits, fraction_digits


def decimal_limit(
    target: tuple[int, int],
    *,
    integer_digits: int | None,
    fraction_digits: int | None,
    not_a_number: bool,
) -> Limit | None:
    """Which values of a decimal do not fit `Decimal(precision, scale)`.

    `integer_digits` and `fraction_digits` are the most that the source type can hold; `None` is unbounded.
    `not_a_number`: the source type can hold NaN, which PostgreSQL sorts above every number, so that a comparison
    finds it and clamping gives the greatest value.
    """
    whole, scale = target[0] - target[1], target[1]
    bound = "1" + "0" * whole
    too_large = integer_digits is None or integer_digits > whole
    too_fine = fraction_digits is None or fraction_digits > scale
    checks = [f"ABS({{column}}) >= {bound}"] if too_large else []
    checks += ["{column} = 'NaN'"] if not_a_number and not too_large else []
    checks += [f"{{column}} <> ROUND({{column}}, {scale})"] if too_fine else []
    if not checks:
        return None
    digits_before = whole if integer_digits is None else min(whole, integer_digits)
    digits_after = scale if fraction_digits is None else min(scale, fraction_digits)
    most = ("9" * digits_before or "0") + (f".{'9' * digits_after}" if digits_after else "")
    rounded = f"ROUND({{column}}, {scale})" if too_fine else "{column}"
    return Limit(
        " OR ".join(checks), f"GREATEST(LEAST({rounded}, {most}), -{most})", f"outside {decimal(*target)}"
    )
