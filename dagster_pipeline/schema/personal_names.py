"""Which column names look as if they held personal data.

Names only: values are never looked at, since a proposal must not carry them anywhere. A name that looks personal and is
not costs its author one word; one that is missed costs more, so the list leans towards asking.
"""

from __future__ import annotations

import re

from dagster_pipeline.schema.models import Mask
from dagster_pipeline.schema.name_words import folded

_TEXT = re.compile(r"char|text|json|blob|binary|bytea|uuid|inet", re.IGNORECASE)
_DAY = re.compile(r"date\b", re.IGNORECASE)
_BIRTH = re.compile(r"(^|_)(birth_?(day|date)|date_?of_?birth|dob|born)(_|$)")
_SECRET = re.compile(r"(^|_)(password|passwd|pwd|secret|token|api_?key|private_?key|otp|pin|cvv|salt)(_|$)")
_PERSONAL = re.compile(
    r"(^|_)(e?mail(_?address)?|phone|mobile|fax|msisdn|(first|last|middle|full|maiden|user|given|family|sur|contact|"
    r"customer|holder)_?name|surname|street|address(_?line)?\d?|zip(_?code)?|postal_?code|postcode|"
    r"ssn|social_?security\w*|passport\w*|national_?id|tax_?id|vat_?id|iban|bic|"
    r"card_?number|pan|account_?holder|ip(_?address)?|remote_?addr|user_?agent|device_?id|latitude|longitude)(_|\d|$)"
)


def proposed_mask(name: str, type_text: str) -> Mask | None:
    """The mask that a column of this name should have, or `None` when it does not look personal.

    Secrets are dropped; what identifies a person is hashed with a key, so that it still joins and cannot be guessed.
    """
    words = folded(name)
    if _BIRTH.search(words) and (_DAY.match(type_text) or _TEXT.search(type_text)):
        return Mask.HMAC_SHA256
    if not _TEXT.search(type_text):
        return None
    if _SECRET.search(words):
        return Mask.DROP
    return Mask.HMAC_SHA256 if _PERSONAL.search(words) else None
