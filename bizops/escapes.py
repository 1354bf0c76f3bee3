"""A value as texts may carry it: one regular expression in which each character may be escaped in a way of its own.

Who writes a text decides which characters are escaped: an address of ours encodes five, Go's URL writers others, and
some JSON writers `/` or `+`. So no list of whole forms is complete. Letters, digits and `-._~` need no escape anywhere
(RFC 3986, RFC 8259), and are expected as they are; `undone` takes away the escapes that a text has of them.

Every repetition is bounded or begins with a character of its own, so that a search takes linear time.
"""

from __future__ import annotations

import functools
import re

_WORD = re.compile(r"[A-Za-z0-9._~-]+")
_PIECE = re.compile(rf"{_WORD.pattern}|\s+|\\+|.", re.DOTALL)
_ONE_BYTE = 0x100
_BACKSLASHES = r"\\\\{0,6}"
"""What stands before an escaped character in JSON, and in JSON within JSON within JSON."""
_PERCENT = "%(?:25)*"
_AND = "&(?:amp;)*"
_BREAKS = " \t\r\n"
"""Where there is a space, text may be wrapped."""
_LETTERS = {"\b": "b", "\t": "t", "\n": "n", "\v": "v", "\f": "f", "\r": "r"}
_QUOTED = frozenset("\"'/")
_ENTITIES = {"&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos"}
_NEEDLESS = re.compile(
    rf"(?:{_PERCENT}|{_BACKSLASHES}(?:x|u00))"
    r"(2[DdEe]|3[0-9]|4[1-9A-Fa-f]|5[0-9AaFf]|6[1-9A-Fa-f]|7[0-9AaEe])"
)


def pattern(value: str) -> str:
    """Give the regular expression of a value, escaped or not; each of its spaces may be any."""
    return "".join(_piece(found[0]) for found in _PIECE.finditer(value))


def unescaped(text: str) -> str:
    """Give the regular expression of a text that is escaped nowhere; it may be wrapped at its spaces."""
    return r"\s+".join(map(re.escape, re.split(r"\s+", text)))


def longest_word(value: str) -> str:
    """Give the longest part of a value that stands as it is in every form of it; "" where there is none."""
    return max(_WORD.findall(value), key=len, default="")


def undone(text: str) -> str:
    """Take away the escapes of characters that need none."""
    if "%" not in text and "\\" not in text:
        return text
    return _NEEDLESS.sub(lambda found: chr(int(found[1], 16)), text)


def _piece(text: str) -> str:
    if text.isspace():
        spaces = "|".join(_forms(char) for char in sorted({*text, *_BREAKS}))
        return rf"(?:\s|\+|{spaces})+"
    if text[0] == "\\":
        number = len(text)
        return rf"(?:\\{{{number},{8 * number}}}|(?:{_forms(text[0])}){{{number}}})"
    if _WORD.match(text):
        return re.escape(text)
    return f"(?:{re.escape(text)}|{_forms(text)})"


@functools.lru_cache(maxsize=1024)
def _forms(char: str) -> str:
    """Give what a character may be escaped as: in a URL, in JSON or by Python, and in HTML."""
    code = ord(char)
    percent = "".join(f"{_PERCENT}{_hex(byte)}" for byte in char.encode(errors="surrogatepass"))
    units = char.encode("utf-16-be", "surrogatepass")
    pairs = (units[place : place + 2] for place in range(0, len(units), 2))
    json = "".join(f"{_BACKSLASHES}u{_hex(pair[0])}{_hex(pair[1])}" for pair in pairs)
    python = f"x{_hex(code)}" if code < _ONE_BYTE else f"U{code:08x}"
    forms = [percent, json, f"{_BACKSLASHES}{python}"]
    forms.append(f"{_AND}#(?:0*{code}|[xX]0*{_hex(code)});")
    if char in _QUOTED or char in _LETTERS:
        forms.append(f"{_BACKSLASHES}{_LETTERS.get(char, char)}")
    if char in _ENTITIES:
        forms.append(f"{_AND}{_ENTITIES[char]};")
    return "|".join(forms)


def _hex(number: int) -> str:
    """Give two or more digits in either case."""
    return "".join(
        f"[{digit}{digit.upper()}]" if digit.isalpha() else digit for digit in f"{number:02x}"
    )
