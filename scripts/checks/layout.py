"""How a text is laid out and how it ends: told by marks, in any language."""

import regex

from scripts.checks.words import full_sentences, words

ITEM = regex.compile(
    r"^[^\S\n]*+(?:[-*–+] |[•‣]|\d{1,3}[.)] |\d{1,3}[．、]|[①-⑳])[^\S\n]*+(?=\S)(?![-*]*+$)",
    regex.M,
)
BOLD = regex.compile(r"\*\*(?=\S)[^*\n]+\*\*|__(?=\S)[^_\n]+__")
EMOJI = regex.compile(
    r"\p{Extended_Pictographic}(?<![\d#*©®™‼⁉↔↕↩↪ℹ▪▫◾◽])|\p{Regional_Indicator}{2}"
)
TABLE = regex.compile(
    r"^[^|\n]*\|[^\n]*\n[ \t]*\|?[ \t:]*-{2,}[ \t:]*(?:\|[ \t:]*-{2,}[ \t:]*)+\|?[ \t]*$", regex.M
)
FENCE = regex.compile(r"^[ \t]*```[^\n]*\n(.*?)(?:^[ \t]*```|\Z)", regex.M | regex.S)
# Lines of code beside those in fences: definitions, imports, statements, tags.
CODE_LINE = regex.compile(
    r"^[^\S\n]*+(?:def \w+\(|class \w+[:({]|import [\w.]+(?: as \w+)?;?$|from [\w.]+ import "
    r"|#include\b|(?:const|let|var) \w+ =|public (?:class|static|void)|SELECT .+ FROM )"
    r"|[)}];$|</\w+>$",
    regex.M,
)
FORMULA = regex.compile(
    r"\$\$|\\[(\[]|\\begin\{|\$(?=\S)(?=[^$\n]*[\\^_=+{}<>])[^$\n]++(?<=\S)\$(?!\d)|\\(?:frac|sqrt|times|cdot)\b"
)
BRACKETED_FORMULA = regex.compile(r"\\\([^\n]*\\\)|\\\[[\s\S]{0,2000}?\\\]")
LINK = regex.compile(r"https?://|\bwww\.\w|\]\((?:mailto:|/)", regex.I)

_HEADING = regex.compile(r"^[ ]{0,3}(?:#{1,6}[ ]+(\S.*)|\*\*([^*\n]{2,80})\*\*:?[ ]*)$", regex.M)
_SENTENCE_LINE = 60  # characters from which a line is taken for running text
_LEAST_CUT = 12  # words; shorter texts are titles and names as often as beginnings
_LEAST_LAST = 4  # words of a last line; fewer are a name
_ENDED = regex.compile(
    r"[.!?…:;。！？）」』】؟۔।॥\"'”’»)\]}*_`~>|\p{Extended_Pictographic}\p{S}-]\s*$"
)


def headings(text: str) -> list[str]:
    """Markdown headings, and lines that are bold from end to end."""
    return [first or second for first, second in _HEADING.findall(text)]


def in_title_case(text: str) -> bool:
    """Whether a heading capitalises each of its longer words, two or more."""
    long = [[w for w in h.split() if len(w) > 3 and w.isalpha()] for h in headings(text)]
    return any(len(found) > 1 and all(w[0].isupper() for w in found) for found in long)


def code_lines(text: str) -> int:
    """Lines of code, in fences or told by how they look."""
    fenced = sum(1 for block in FENCE.findall(text) for line in block.splitlines() if line.strip())
    return fenced + len(CODE_LINE.findall(FENCE.sub("", text)))


def breaks_off(text: str) -> bool:
    """Whether the last line has no end, though it or one before it is running text."""
    lines = [line for line in text.split("\n") if line.strip()]
    if not lines or text.endswith("\n") or _ENDED.search(text):
        return False
    # Titles, verses, names under letters and items of lists end without a mark, too.
    running = any(_ENDED.search(line) and len(line) > _SENTENCE_LINE for line in lines[:-1])
    signed = len(lines) > 1 and len(words(lines[-1])) < _LEAST_LAST
    return (len(lines) == 1 or running) and not signed and len(words(text)) > _LEAST_CUT


def repeats(text: str) -> bool:
    """Whether a sentence or line of six words or more comes twice."""
    long = [s.lower() for s in full_sentences(text) if len(words(s)) > 5]
    return len(set(long)) < len(long)
