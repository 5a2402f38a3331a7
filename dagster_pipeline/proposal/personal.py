"""Which column names look as if they held personal data.

Names only: values are never looked at, since a proposal must not carry them anywhere. A name that looks personal and is
not costs its author one word; one that is missed costs more, so the list leans towards asking.
"""

from __future__ import annotations

import re

from dagster_pipeline.schema.models import Mask

_TEXT = re.compile(r"char|text|citext|json|blob|binary|bytea|uuid|inet|date", re.IGNORECASE)
_SECRET = re.compile(r"(^|_)(password|passwd|pwd|secret|token|api_?key|private_?key|otp|pin|cvv|salt)(_|$)")
_PERSONAL = re.compile(
    r"(^|_)(e?mail(_?address)?|phone|mobile|fax|msisdn|(first|last|middle|full|maiden|user|given|family|sur|contact|"
    r"customer|holder)_?name|surname|street|address(_?line)?\d?|zip(_?code)?|postal_?code|postcode|birth_?(day|date)|"
    r"date_?of_?birth|dob|ssn|social_?security\w*|passport\w*|national_?id|tax_?id|vat_?id|iban|bic|"
    r"card_?number|pan|account_?holder|ip(_?address)?|remote_?addr|user_?agent|device_?id|latitude|longitude)(_|\d|$)"
)


def proposed_mask(name: str, type_text: str) -> Mask | None:
    """The mask that a column of this name should have, or `None` when it does not look personal.

    Secrets are dropped; what identifies a person is hashed with a key, so that it still joins and cannot be guessed.
    """
    if not _TEXT.search(type_text):
        return None
    folded = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    if _SECRET.search(folded):
        return Mask.DROP
    return Mask.HMAC_SHA256 if _PERSONAL.search(folded) else None
