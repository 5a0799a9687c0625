"""Personal data that has a form: e-mail addresses, phone numbers, card numbers and IBANs, found and masked.

A name or a street has none; what is found is what a pattern and, for cards and IBANs, the check digits vouch for.
"""

import re
from collections.abc import Iterator

_EMAIL = re.compile(r"[\w.+-]+@(?:[A-Za-z\d](?:[A-Za-z\d-]*[A-Za-z\d])?\.)+[A-Za-z]{2,24}\b")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z\d]{4}){2,7}(?: ?[A-Z\d]{1,3})?\b")
_CARD = re.compile(
    r"(?<![\d.,+-])(?:(?:[3-6]\d{3}|2[2-7]\d{2})([ -]?)\d{4}\1\d{4}\1\d{1,7}|3\d{3}[ -]?\d{6}[ -]?\d{5})"
    r"(?!\d|[.,-]\d)"
)
# With a country code, a leading zero, or in the form of North America; a bare number or a date is none of them.
_PHONE = re.compile(
    r"(?<![\w.,/+-])(?:"
    r"(?:\+|00)[1-9]\d{0,2}(?:[ ./-]?\(0?\d{1,4}\))?(?:[ ./-]?\d{1,5}){2,6}"
    r"|\(0\d{1,5}\)(?:[ ./-]?\d{2,5}){2,4}"
    r"|0[1-9]\d{0,4}[ /-]\d{2,5}(?:[ -]?\d{2,5}){1,3}"
    r"|0[1-9]\d{8,9}"
    r"|(?:1[ .-])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[ .-])[2-9]\d{2}[ .-]\d{4}"
    r")(?![\w]|[.,/-]\d)"
)
# What numbers need at least: looking for it first is much faster.
_DIGIT = re.compile(r"\d")
_IBAN_START = re.compile(r"(?<=[A-Z][A-Z])\d\d")
_MANY_DIGITS = re.compile(r"\b\d(?:[ ()./-]{0,3}\d){7}")
KINDS = {"e-mail": "[e-mail]", "IBAN": "[IBAN]", "card number": "[card]", "phone number": "[phone]"}


def personal_data(text: str) -> list[tuple[str, int, int]]:
    """What is found: (kind, start, end), from left to right; the kinds are those of `KINDS`. None overlap.

    >>> personal_data("Write to ann@example.org or call +43 660 1234567.")
    [('e-mail', 9, 24), ('phone number', 33, 48)]
    """
    found = [("e-mail", *match.span()) for match in _EMAIL.finditer(text)] if "@" in text else []
    if _DIGIT.search(text):
        found += _ibans(text) if _IBAN_START.search(text) else []
        found += _numbers(text) if _MANY_DIGITS.search(text) else []
    taken: list[tuple[str, int, int]] = []
    for kind, start, end in found:  # the surest kind first
        if all(end <= other_start or other_end <= start for _, other_start, other_end in taken):
            taken.append((kind, start, end))
    return sorted(taken, key=lambda item: item[1])


def masked(text: str) -> str:
    """The text with a word in square brackets in place of each.

    >>> masked("Write to ann@example.org!")
    'Write to [e-mail]!'
    """
    while found := personal_data(text):  # digits that stood beside a masked number may be one of their own now
        for kind, start, end in reversed(found):
            text = text[:start] + KINDS[kind] + text[end:]
    return text


def _ibans(text: str) -> Iterator[tuple[str, int, int]]:
    for match in _IBAN.finditer(text):
        end = match.end()
        while end - match.start() >= 15 and not _is_iban(text[match.start() : end]):
            end = text.rfind(" ", match.start(), end)  # a word in capitals may follow
        if end - match.start() >= 15:
            yield "IBAN", match.start(), end


def _numbers(text: str) -> Iterator[tuple[str, int, int]]:
    for match in _CARD.finditer(text):
        if _is_card(match.group()):
            yield "card number", *match.span()
    for match in _PHONE.finditer(text):
        if 8 <= sum(c.isdigit() for c in match.group()) <= 15:
            yield "phone number", *match.span()


def _is_iban(text: str) -> bool:
    """ISO 13616: the country and check digits moved to the end, letters as 10 to 35, the remainder by 97 is 1."""
    plain = text.replace(" ", "")
    return 15 <= len(plain) <= 34 and int("".join(str(int(c, 36)) for c in plain[4:] + plain[:4])) % 97 == 1


def _is_card(text: str) -> bool:
    """ISO/IEC 7812, the check of Luhn: every second digit from the right doubled, the sum of digits divisible by 10."""
    digits = [int(c) for c in text if c.isdigit()][::-1]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]
    return 13 <= len(digits) <= 19 and len(set(digits)) > 1 and (sum(digits[::2]) + sum(doubled)) % 10 == 0
